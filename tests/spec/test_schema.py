"""The combined schema as a file: up to date, known by a name of its own, and what the shipped specs point to."""

import json
import uuid

import jsonschema
import pytest
from click.testing import CliRunner

from bsa import catalog
from bsa.cli.commands import main
from bsa.spec import schema

FILE = catalog.shipped("schemas") / "bsa.schema.json"


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(json.loads(FILE.read_text(encoding="utf-8")))


def test_the_file_is_what_the_command_prints():
    printed = CliRunner().invoke(main, ["schema"]).output
    jsonschema.Draft202012Validator.check_schema(json.loads(printed))
    assert FILE.read_text(encoding="utf-8") == printed, "write it: bsa schema > schemas/bsa.schema.json"


def test_its_name_needs_no_host_and_is_of_this_version_alone(monkeypatch):
    name = schema.combined()["$id"]
    assert uuid.UUID(name).urn == name
    monkeypatch.setattr(schema, "__version__", "0.0.0")
    catalog.forget()
    assert schema.combined()["$id"] != name
    monkeypatch.undo()
    catalog.forget()
    assert schema.combined()["$id"] == name


def test_with_plug_ins_it_is_another_schema_and_does_not_take_the_name(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dots.py").write_text("")
    part = {"version": 1, "type": "object", "properties": {"name": {"const": "dots"}}}
    (tmp_path / "data" / "dots.json").write_text(json.dumps(part))
    try:
        catalog.add_folder(tmp_path)
        assert "data.dots" in schema.combined()["$defs"]
        assert "$id" not in schema.combined()
    finally:
        catalog.forget()


@pytest.mark.parametrize("path", sorted(catalog.shipped("specs").glob("*.json")), ids=lambda path: path.stem)
def test_shipped_specs_point_to_it_and_are_valid(path, validator):
    spec = json.loads(path.read_text(encoding="utf-8"))
    assert (path.parent / spec["$schema"]).resolve() == FILE.resolve()
    validator.validate(spec)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"data": {"name": "zzz"}}, ["data", "name"]),
        ({"train": {"name": "natural", "steps": -1}}, ["train", "steps"]),
        ({"seed": "one"}, ["seed"]),
        ({"experiments": ["a.json"], "report": [{"name": "success_table"}]}, ["report", 0, "name"]),
    ],
)
def test_it_knows_names_and_parameters(wrong, place, validator):
    spec = {"name": "x"} | ({} if "experiments" in wrong else {"data": {"name": "digits"}}) | wrong
    assert [list(error.path) for error in validator.iter_errors(spec)] == [place]
