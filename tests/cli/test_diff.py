"""`bsa diff` and `bsa store` on two runs of the digits, whose outcomes are made by hand."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from bsa import report, spec
from bsa.cli.commands import main
from bsa.criteria import newcombe
from bsa.engine import plan
from bsa.engine.results import Results
from bsa.engine.run import describe
from bsa.engine.store import Store

IMAGES = 40
SPEC = {
    "name": "one",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "natural", "steps": 1},
    "blind_spot": {"cells": [[1, 0], [0.9, 0]]},
    "attack": {"name": "pgd", "epsilon": 0.1, "images": 20},
    "measures": [{"name": "accuracy", "images": IMAGES}],
    "report": [],
    "sanity": False,
    "control": False,
}


def call(*words, text=None):
    return CliRunner().invoke(main, [str(word) for word in words], input=text)


def fill(store, resolved, broken):
    """Results of a resolved spec: 36 of 40 images correct, `broken` of the first 20 of these broken."""
    stages = plan.stages(resolved, describe(resolved))
    for stage in stages:
        if stage.key in store:
            continue
        with store.begin(stage.key) as part:
            if stage.kind == "attack":
                x = np.zeros((20, 1), np.float32)
                distance = np.where(np.arange(20) < broken, 0.05, np.inf)
                np.savez(part / "attack.npz", index=np.arange(20), x=x, adversarial=x, distance=distance)
            elif stage.kind == "network":
                (part / "network.keras").write_text("")
            else:
                np.savez(part / "measure.npz", correct=np.arange(IMAGES) < 36)
            record = stage._asdict() | {"metrics": {}, "seconds": 1.0}
            store.commit(stage.key, {k: v for k, v in record.items() if k != "origin"})
    return {stage.key for stage in stages}


@pytest.fixture
def two(tmp_path, monkeypatch):
    """Results folders `results/one` and `results/two`, of other seeds, and their store: the keys of each."""
    monkeypatch.chdir(tmp_path)
    store, made = Store(tmp_path / "store"), {}
    for name, seed, broken in (("one", 0, 5), ("two", 1, 11)):
        resolved = spec.resolve(SPEC | {"name": name, "seed": seed})
        made[name] = fill(store, resolved, broken)
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        stages = [{"key": key} for key in made[name]]
        (folder / "run.json").write_text(json.dumps({"spec": resolved.resolved, "stages": stages}))
    return made


def test_rates_are_compared_pair_by_pair(two):
    done = call("diff", "results/one", "two", "--store", "store", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert [change["pointer"] for change in found["changed"]] == ["/name", "/seed"]
    success = next(rate for rate in found["rates"] if rate["metric"] == "success")
    assert (success["a"]["count"], success["b"]["count"], success["images_of_both"]) == (5, 11, 20)
    low, high = newcombe(np.arange(20) < 5, np.arange(20) < 11, np.arange(20), np.arange(20))
    assert success["interval"] == pytest.approx([100 * low, 100 * high], abs=1e-4)
    assert success["difference"] == 30
    accuracy = next(rate for rate in found["rates"] if rate["metric"] == "accuracy")
    assert accuracy["difference"] == 0


def test_the_table_fits_a_terminal_of_eighty_columns(two):
    import io

    import rich.console

    from bsa.engine.compare import differences
    from bsa.report.write import text

    results = []
    for name in two:
        resolved = report.finished(f"results/{name}").spec
        results.append(Results(resolved, Store("store"), describe(resolved)))
    console = rich.console.Console(file=io.StringIO(), width=80)
    console.print(text.table(report.difference_table(differences(*results), ("one", "two"), 5)))
    printed = console.file.getvalue()
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "+30.00" in printed


@pytest.mark.parametrize(("points", "code"), [(29.9, 5), (30, 0)])
def test_a_tolerance_is_held(two, points, code):
    done = call("diff", "one", "two", "--store", "store", "--tolerance", points)
    assert done.exit_code == code
    assert ("rates are beyond it" in done.output) is (code == 5)


def test_a_rate_that_b_lacks_is_within_no_tolerance_and_one_that_a_lacks_is_new(two):
    less = SPEC | {"name": "less", "blind_spot": {"cells": [[1, 0]]}}
    fill(Store("store"), spec.resolve(less), 5)
    with open("less.json", "w") as file:
        json.dump(less, file)
    assert call("diff", "one", "less.json", "--store", "store", "--tolerance", 1).exit_code == 5
    assert call("diff", "less.json", "one", "--store", "store", "--tolerance", 1).exit_code == 0


def test_specs_that_were_not_run_are_compared_by_their_fields_alone(two, tmp_path):
    done = call("diff", "quickstart", "two", "--store", "store")
    assert done.exit_code == 0
    assert "/seed: 0 -> 1" in done.output
    assert "quickstart has not been run to its end" in done.output
    done = call("diff", "quickstart", "two", "--store", "store", "--tolerance", 1)
    assert done.exit_code == 2
    assert "--tolerance: expected the results of both" in done.output


def test_a_folder_without_results_is_told(two, tmp_path):
    (tmp_path / "empty").mkdir()
    done = call("diff", "one", "empty")
    assert done.exit_code == 2
    assert "empty: expected the results of a run, with a run.json, found none" in done.output
    (tmp_path / "empty" / "run.json").write_text('{"spec": [], "stages": []}')
    assert "found a damaged one" in call("diff", "one", "empty").output


def test_the_store_is_listed_and_narrowed_down(two):
    rows = json.loads(call("store", "ls", "--store", "store", "--json").output)
    assert {row["key"] for row in rows} == two["one"] | two["two"]
    rows = json.loads(call("store", "ls", "--store", "store", "--spec", "one", "--kind", "attack", "--json").output)
    assert len(rows) == 2
    assert call("store", "ls", "--store", "store", "--older-than", "1d").output == "0 stages, 0 B\n"
    shown = call("store", "du", "--store", "store").output
    assert "attack" in shown
    assert f"{len(two['one'] | two['two'])} stages" in shown


def test_gc_keeps_what_is_named_and_asks_before_it_deletes(two):
    refused = call("store", "gc", "one", "--store", "store")
    assert refused.exit_code == 2
    assert "expected --yes, or --dry-run" in refused.output
    assert "would delete" in call("store", "gc", "one", "--store", "store", "--dry-run").output
    assert len(json.loads(call("store", "ls", "--store", "store", "--json").output)) == len(two["one"] | two["two"])
    assert call("store", "gc", "one", "--store", "store", "--yes").exit_code == 0
    left = {row["key"] for row in json.loads(call("store", "ls", "--store", "store", "--json").output)}
    assert left == two["one"]
    assert call("store", "gc", "--store", "store").output == "deleted 0 stages, 0 B\n"


def test_gc_of_a_spec_without_stages_there_is_refused(two):
    done = call("store", "gc", "quickstart", "--store", "store", "--yes")
    assert done.exit_code == 2
    assert "found none of theirs" in done.output


def test_rm_takes_the_first_characters_of_keys(two):
    key = next(iter(two["one"]))
    assert call("store", "rm", "--store", "store").exit_code == 2
    done = call("store", "rm", "zz", "--store", "store")
    assert done.exit_code == 2
    assert "found 0 that begin with 'zz'" in done.output
    assert call("store", "rm", key[:10], "--store", "store", "--yes").exit_code == 0
    assert key not in {row["key"] for row in json.loads(call("store", "ls", "--store", "store", "--json").output)}
    assert "such as 12h" in call("store", "ls", "--older-than", "soon").output


def test_neither_needs_tensorflow(two):
    code = (
        "import sys; from click.testing import CliRunner; from bsa.cli.commands import main\n"
        "for words in (['diff', 'one', 'two', '--store', 'store'], ['store', 'gc', 'one', '--store', 'store', "
        "'--dry-run']):\n"
        "    done = CliRunner().invoke(main, words); assert done.exit_code == 0, done\n"
        "sys.exit(bool({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
