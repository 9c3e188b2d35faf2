"""What stages are expected to cost is counted without the libraries that compute them, and is the same with them."""

import json
import subprocess
import sys

import pytest

from bsa.engine import passes, run
from bsa.spec import load

SPECS = ["quickstart", "closing_digits"]
QUIET = """
import json, sys
from bsa.engine import passes, run
from bsa.spec import load
for name in sys.argv[1:]:
    print(json.dumps(passes.counted(run.planned(load(name)))))
large = {"tensorflow", "keras", "matplotlib", "scipy", "sklearn"}
assert not {name.partition(".")[0] for name in sys.modules} & large
assert not [name for name in sys.modules if name.startswith(("bsa.attacks", "bsa.train"))]  # to be imported anew
"""


def test_a_plan_counts_without_the_libraries_what_it_counts_with_them():
    import tensorflow  # noqa: F401  (so that nothing stands in for it here)

    done = subprocess.run([sys.executable, "-c", QUIET, *SPECS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts = list(map(json.loads, done.stdout.splitlines()))
    assert counts == [passes.counted(run.planned(load(name))) for name in SPECS]


ATTACK = """
import tensorflow as tf

EPSILON = tf.keras.backend.epsilon()


def make(model, **_):
    return None


def passes(**_):
    return {count}
"""
COUNTED = """
import sys
from bsa import catalog
from bsa.engine import passes, plan
catalog.add_folder(sys.argv[1])
stage = plan.Stage("attack", "t", {"name": "mine", "params": {"images": 3}}, {}, (), "k")
print(passes.counted([stage]), "tensorflow" in sys.modules)
"""


@pytest.mark.parametrize(("count", "asked"), [("7", False), ("int(tf.constant(7))", True)])
def test_an_attack_that_counts_by_tensorflow_is_asked_again_with_it(count, asked, tmp_path):
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "mine.py").write_text(ATTACK.format(count=count))
    fragment = {"version": 1, "type": "object", "include": ["_common"], "required": ["epsilon"]}
    fragment["properties"] = {"name": {"const": "mine"}}
    (tmp_path / "attacks" / "mine.json").write_text(json.dumps(fragment))
    done = subprocess.run([sys.executable, "-c", COUNTED, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout == f"[21] {asked}\n", done.stderr
