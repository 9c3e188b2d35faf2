"""The pre-commit hooks: what `.pre-commit-hooks.yaml` names is there, and tells good specs from wrong ones."""

import json
import os
import re
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
HOOKS = {hook["id"]: hook for hook in YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")}
SPECS = sorted((ROOT / "specs").glob("*.json"))
ENTRY = ROOT / HOOKS["bsa-validate-schema"]["entry"]  # as pre-commit finds a script, from the hook's repository


def test_both_hooks_take_specs_and_only_these():
    assert set(HOOKS) == {"bsa-validate", "bsa-validate-schema"}
    for hook in HOOKS.values():
        assert re.search(hook["files"], "specs/quickstart.json")
        assert not re.search(hook["files"], "schemas/experiment.json")


def test_the_hook_of_the_schema_takes_all_shipped_specs():
    done = subprocess.run([ENTRY, *SPECS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_and_tells_wrong_ones_with_their_place(tmp_path):
    right = json.loads((ROOT / "specs" / "quickstart.json").read_text())
    wrong = {
        "$.seed: -1 is less than the minimum of 0": {"seed": -1},
        "$: Additional properties are not allowed ('modl' was unexpected)": {"modl": {}},
        "$.attack.name: 'pdg' is not one of": {"attack": {"name": "pdg", "epsilon": 0.1}},
        "$.attack: 'epsilon' is a required property": {"attack": {"name": "pgd"}},
        "$.report[1].name: 'examples' is not one of ['distance_table']": {"experiments": ["a.json"]},
    }
    files = [tmp_path / f"{number}.json" for number in range(len(wrong))]
    for file, change in zip(files, wrong.values(), strict=True):
        file.write_text(json.dumps(right | change))
    done = subprocess.run([ENTRY, SPECS[0], *files], capture_output=True, text=True)
    assert done.returncode == 1
    assert str(SPECS[0]) not in done.stdout
    for file, told in zip(files, wrong, strict=True):
        assert f"{file}::{told}" in done.stdout


def test_without_the_tool_it_says_what_to_install(tmp_path):
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = subprocess.run([ENTRY, SPECS[0]], capture_output=True, text=True, env=os.environ | {"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == (
        "bsa-validate-schema: expected check-jsonschema on the PATH, found none: pip install check-jsonschema\n"
    )
