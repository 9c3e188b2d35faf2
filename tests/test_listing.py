"""What there is: components with parameters, defaults and origin, in the library and on the command line."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

import bsa
from bsa import catalog
from bsa.cli.commands import main
from bsa.errors import UsageError

WRONG = {
    "odd-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n",
    "odd-1.0.dist-info/entry_points.txt": "[bsa.measures]\nthing = odd.thing\n",
    "odd/__init__.py": "",
}
FRAGMENT = {"version": 1, "type": "object", "description": "A thing.", "properties": {"name": {"const": "thing"}}}


def listed(*words):
    done = CliRunner().invoke(main, ["components", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_every_component_is_listed_with_what_its_fragment_says():
    assert {(each.kind, each.name) for each in bsa.components()} == {
        (kind, name) for kind in catalog.KINDS for name in catalog.names(kind)
    }
    (pgd,) = bsa.components("attacks", "pgd")
    assert pgd.origin == "bsa"
    assert pgd.description == catalog.fragment("attacks", "pgd")["description"]
    parameters = {each.name: each for each in pgd.parameters}
    assert parameters["epsilon"][1:4] == ("number or fraction", True, None)
    assert parameters["steps"][1:4] == ("integer", False, 40)
    assert parameters["loss"].type == "one of cross_entropy, margin"
    assert parameters["thresholds"].type == "list (one of epsilon, scale*epsilon or number or fraction)"
    assert "name" not in parameters
    (ensemble,) = bsa.components("attacks", "ensemble")
    assert {each.name: each.type for each in ensemble.parameters}["attacks"] == "list (members)"


def test_the_command_line_lists_the_same_as_text_and_as_json():
    assert "pgd" in listed("attacks")
    assert "digits" not in listed("attacks")
    one = listed("attacks", "pgd")
    assert "attacks pgd, of bsa" in one
    assert "number or fraction; required. Radius of the L-inf ball" in one
    assert "integer; default 40" in one
    (entry,) = json.loads(listed("attacks", "pgd", "--format", "json"))
    assert entry["parameters"][0]["default"] == 40
    assert len(json.loads(listed("--format", "json"))) == len(bsa.components())


def test_plug_ins_stand_beside_the_others_and_broken_ones_say_why(plugins):
    folder = plugins(WRONG | {"own/measures/mine.py": "", "own/measures/mine.json": json.dumps(FRAGMENT)}) / "own"
    (thing,) = bsa.components("measures", "thing")
    assert thing.wrong.startswith('odd 1.0 offers measures "thing", which cannot be used: expected its parameters in')
    assert "odd 1.0 offers" in listed("measures")
    assert "odd 1.0 offers" in listed("measures", "thing")
    (folder / "measures" / "mine.json").write_text(json.dumps(FRAGMENT).replace('"thing"', '"mine"'))
    assert "A thing. [" in listed("measures", "--plugins", str(folder))
    assert bsa.components("measures", "mine")[0].origin == str(folder / "measures" / "mine.py")


def test_what_does_not_exist_is_told_with_what_is_near():
    with pytest.raises(UsageError, match=r'found "atacks"\. did you mean "attacks"'):
        bsa.components("atacks")
    with pytest.raises(UsageError, match='did you mean "pgd"'):
        bsa.components("attacks", "pdg")
    with pytest.raises(UsageError, match='expected the kind of the component "pgd"'):
        bsa.components(name="pgd")


def test_listing_needs_no_tensorflow_and_the_types_come_where_they_are_asked_for():
    code = (
        "import sys, bsa, bsa.cli; bsa.components(); bsa.Dataset; dir(bsa)\n"
        "assert not {'tensorflow', 'keras', 'sklearn'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert {"Attacked", "Certified", "Check", "Dataset"} <= set(dir(bsa))
    assert bsa.Attacked._fields[:3] == ("x", "success", "distance")
    assert bsa.Certified._fields[0] == "bounds"
    assert bsa.Check._fields[0] == "check"
    with pytest.raises(AttributeError, match="no attribute 'Atacked'"):
        bsa.Atacked  # noqa: B018
