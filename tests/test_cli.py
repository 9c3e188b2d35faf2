"""The command line: exit codes, output for people and for programs."""

import json

import jsonschema
import pytest
from click.testing import CliRunner

from bsa.cli import main
from bsa.components import shipped


def call(*words, text=None):
    return CliRunner().invoke(main, [str(w) for w in words], input=text)


def test_validate_lists_every_problem_with_file_and_pointer(tmp_path):
    file = tmp_path / "broken.json"
    file.write_text('{"name": "x", "data": {"name": "digits"}, "seed": -1, "modl": {}}')
    done = call("validate", file)
    assert done.exit_code == 3
    assert f"{file}: /seed: expected a number of at least 0, found -1" in done.output
    assert 'did you mean "model"?' in done.output
    assert f'{file}: /model: expected a "model"' in done.output


def test_validate_reads_standard_input_and_folders_and_answers_in_json():
    done = call("validate", "-", "--format", "json", text="{}")
    assert done.exit_code == 3
    (entry,) = json.loads(done.output)
    assert not entry["valid"]
    assert {"pointer", "expected", "found", "hint"} == set(entry["problems"][0])
    done = call("validate", shipped("specs"), "--format", "json")
    assert done.exit_code == 0
    assert len(json.loads(done.output)) >= 8


def test_a_missing_file_hides_no_other(tmp_path):
    done = call("validate", "quickstart", tmp_path / "none.json", "mnist_table2", "--format", "json")
    assert done.exit_code == 3
    assert [entry["valid"] for entry in json.loads(done.output)] == [True, False, True]


def test_the_combined_schema_is_a_schema_and_takes_the_shipped_specs():
    schema = json.loads(call("schema").output)
    jsonschema.Draft202012Validator.check_schema(schema)
    for path in shipped("specs").glob("*.json"):
        jsonschema.validate(json.loads(path.read_text()), schema)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "no_such_spec"], 2, "no spec no_such_spec"),
        (["run", "quickstart", "--set", "train.steps"], 2, "no '='"),
        (["run", "quickstart", "--set", "train.epsilon=8"], 3, "/train/epsilon"),
        (["run", "quickstart", "--data-dir", "/no/such/folder"], 2, "does not exist"),
        (["bogus"], 2, "No such command"),
    ],
)
def test_exit_codes_and_messages(words, code, message, tmp_path):
    done = call(*words, *(["--store", tmp_path] if words[0] == "run" else []))
    assert done.exit_code == code
    assert message in done.output


def test_show_without_a_run_says_what_is_missing(tmp_path):
    done = call("show", "quickstart", "--store", tmp_path)
    assert done.exit_code == 1
    assert "lacks 22 stages" in done.output
    assert "network main" in done.output
