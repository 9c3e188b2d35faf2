"""The architecture's rules, read off the imports."""

import ast
from pathlib import Path

import bsa
from bsa import components

ROOT = Path(bsa.__file__).parent
# A module may import from its own layer's package and from the layers below.
LAYERS = [
    {
        "errors",
        "backend",
        "signatures",
        "components",
        "cells",
        "schema",
        "problems",
        "meaning",
        "text",
        "spec",
        "collection",
        "plan",
        "files",
        "store",
        "foreign",
        "cluster",
        "__init__",
    },
    {"ops"},
    {"data", "models"},
    {"weights", "attacks", "certify", "measures"},
    {"train", "chunks"},
    {"stages"},
    {"progress", "results"},
    {"run"},
    {"executor"},
    {"report"},
    {"options", "terminal"},
    {"cli"},
    {"__main__"},
]
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}


def part(path):
    """The package or module just below `bsa` that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    """Names just below `bsa` that a file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("bsa."))
        elif isinstance(node, ast.ImportFrom) and node.module == "bsa":
            yield from (alias.name for alias in node.names if alias.name in LAYER)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bsa."):
            yield node.module.split(".")[1]


def modules():
    return [p for p in ROOT.rglob("*.py") if part(p) != "__init__"]


def test_imports_run_downwards_and_not_across():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        for name in imported(path)
        if name != part(path) and LAYER[name] >= LAYER[part(path)] and LAYER[name] > 0
    ]
    assert not wrong


def test_reports_never_touch_tensorflow():
    for path in [*(ROOT / "report").glob("*.py"), ROOT / "results.py"]:
        text = path.read_text(encoding="utf-8")
        assert "tensorflow" not in text
        assert "keras" not in text


def test_a_component_has_one_name_in_two_trees():
    for kind in components.KINDS:
        files = {p.stem for p in (ROOT / kind).glob("*.py") if not p.stem.startswith("_")}
        assert files == set(components.names(kind)), kind


def test_a_file_fits_in_one_reading():
    assert [p.name for p in ROOT.rglob("*.py") if len(p.read_text(encoding="utf-8").splitlines()) > 250] == []
