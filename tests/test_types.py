"""What people call is annotated: a type checker knows every argument and result of the public modules."""

import ast
from pathlib import Path

import pytest

import bsa

ROOT = Path(bsa.__file__).parent
MODULES = [
    *(f"{name}.py" for name in ("catalog", "contracts", "errors", "files", "fragments", "given", "listing")),
    *(f"api/{path.name}" for path in (ROOT / "api").glob("*.py")),
    *(f"exploration/{name}.py" for name in ("explore", "_found", "_probe", "_space")),
    *("networks.py", "criteria.py", "transforms/scale_shift.py"),
    *(f"spec/{name}.py" for name in ("load", "parameters", "problems", "read", "resolve")),
    *(f"testing/{path.name}" for path in (ROOT / "testing").glob("*.py")),
]


def public(body):
    """The functions that others may call, methods with two underscores on each side among them."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from public(node.body)
        elif isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name.endswith("__")):
            yield node


def bare(function):
    """What a function leaves without annotation."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    names = [each.arg for each in arguments if each and not each.annotation and each.arg != "self"]
    return names + ([] if function.returns else ["its result"])


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_are_annotated(module):
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    assert {function.name: bare(function) for function in public(tree.body) if bare(function)} == {}


def test_type_checkers_are_told_that_there_are_types():
    assert (ROOT / "py.typed").is_file()
