"""The architecture's rules, read off the imports."""

import ast
import subprocess
import sys
from pathlib import Path

import bsa
from bsa import catalog

ROOT = Path(bsa.__file__).parent
# From the ground up: a module imports from its own package and from the layers below its own. A name is a package's or,
# of a module beside them, the module's. `bsa/__init__.py` hands names on, and is nobody's ground.
LAYERS = [
    {"errors", "execution", "lazy", "ops", "outcomes", "version"},
    {"given"},
    {"signatures", "rewrites", "transforms", "criteria"},
    {"backend", "files", "fragments", "networks", "devices", "pytorch", "exploration"},
    {"catalog"},
    {"foreign", "listing", "registered"},
    {"data", "models", "weights", "certify", "search", "spec"},
    {"attacks", "measures", "checks", "train", "contracts"},
    {"engine"},
    {"report"},
    {"evaluation"},
    {"api"},
    {"__init__"},
    {"cli", "neighbours", "testing"},
    {"__main__"},
]
SHARED = {"report": {"page"}}  # what a plug-in's component of that kind builds on
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}


def part(path):
    """The package or module just below `bsa` that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    """Pairs (part, names from it on) of all that a file imports of bsa, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[1:] for alias in node.names if alias.name.split(".")[0] == "bsa"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bsa":
            names = [[*node.module.split(".")[1:], alias.name] for alias in node.names]
        else:
            continue
        yield from ((name[0] if name and name[0] in LAYER else "__init__", name[1:]) for name in names)


def modules():
    return list(ROOT.rglob("*.py"))


def test_imports_run_downwards_and_not_across():
    assert [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        for name, _ in imported(path)
        if name != part(path) and LAYER[name] >= LAYER[part(path)]
    ] == []


def test_what_a_package_calls_private_is_its_own():
    assert [
        f"{path.relative_to(ROOT)} imports {name}.{'.'.join(names)}"
        for path in modules()
        for name, names in imported(path)
        if name != part(path) and any(each.startswith("_") and not each.startswith("__") for each in names)
    ] == []


def test_planning_and_specs_need_no_tensorflow():
    code = "import sys, bsa.engine.plan, bsa.spec, bsa.cli; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_reports_never_touch_tensorflow():
    for path in [*(ROOT / "report").rglob("*.py"), ROOT / "engine" / "results.py"]:
        text = path.read_text(encoding="utf-8")
        assert "tensorflow" not in text
        assert "keras" not in text


def test_a_component_has_one_name_in_two_trees():
    for kind in catalog.KINDS:
        files = {p.stem for p in (ROOT / kind).glob("*.py") if not p.stem.startswith("_")} - SHARED.get(kind, set())
        assert files == set(catalog.names(kind)), kind


def test_a_file_fits_in_one_reading():
    assert [p.name for p in ROOT.rglob("*.py") if len(p.read_text(encoding="utf-8").splitlines()) > 250] == []
