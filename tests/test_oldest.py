"""The lowest versions that are tested are those that setup.py promises."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def promised():
    """What setup.py asks for, but for ruff, which judges the code and runs none of it."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    (call,) = (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setup"
    )
    given = {word.arg: word.value for word in call.keywords}
    needed, extras = (ast.literal_eval(given[name]) for name in ("install_requires", "extras_require"))
    return [*needed, *(each for name in extras if name != "lint" for each in extras[name])]


def test_every_promise_is_tested_at_its_lowest():
    expected = {re.sub(r"\[.*?\]", "", each).replace(">=", "==") for each in promised()}
    lines = (ROOT / "tests" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if not line.startswith("#")} == expected
