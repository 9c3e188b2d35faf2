"""`bsa validate` for programs and for GitHub: lines, columns, and what a workflow command must escape."""

import json
import re

import pytest
from click.testing import CliRunner

from bsa.cli.commands import main

WRONG = """{
  "name": "x",
  "data": {"name": "digits"},
  "seed": -1,
  "attack": [
    {"name": "pgd", "epsilon": 0.1,
     "stps": 3}
  ]
}
"""


def call(*words, text=None):
    return CliRunner().invoke(main, ["validate", *map(str, words)], input=text)


def unescaped(text):
    """As GitHub's runner reads the data of a workflow command."""
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")


def annotations(output):
    """Tuples (file, line, column, message) of the workflow commands of an output, one a line."""
    found = [re.fullmatch(r"::error file=([^,:]*),line=(\d+),col=(\d+)::(.*)", line) for line in output.splitlines()]
    return [(unescaped(each[1]), int(each[2]), int(each[3]), unescaped(each[4])) for each in found if each]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    return tmp_path


def test_json_has_lines_and_columns(folder):
    (folder / "wrong.json").write_text(WRONG)
    (entry,) = json.loads(call("wrong.json", "--format", "json").output)
    assert [(p["pointer"], p["line"], p["column"]) for p in entry["problems"]] == [
        ("/attack/0/stps", 7, 14),
        ("/seed", 4, 11),
    ]


def test_github_gets_an_annotation_for_each_problem(folder):
    (folder / "wrong.json").write_text(WRONG)
    done = call("quickstart", "wrong.json", "--format", "github")
    assert done.exit_code == 3
    assert "quickstart: valid" in done.output
    first, second = annotations(done.output)
    assert first[:3] == ("wrong.json", 7, 14)
    assert first[3].startswith("/attack/0/stps: expected one of the keys comment, effort, ")
    assert second == ("wrong.json", 4, 11, "/seed: expected a number of at least 0, found -1")


def test_whatever_names_and_values_hold_an_annotation_is_one_line(folder):
    name = "100%, a:b.json"
    good = {"data": {"name": "digits"}, "model": {"name": "wong_small"}, "train": {"name": "natural", "steps": 1}}
    text = json.dumps(good | {"name": "x\n::error::100%0A", "a%0Ab\r\n::c": 1})
    (folder / name).write_text(text)
    done = call(name, "--format", "github")
    found = annotations(done.output)
    assert len(found) == len(done.output.splitlines()) == 2
    assert {each[0] for each in found} == {name}
    assert found[0][3].startswith("/a%0Ab\r\n::c: expected one of the keys")


def test_files_are_named_as_seen_from_the_top_of_the_repository(folder, monkeypatch):
    (folder / "team" / "specs").mkdir(parents=True)
    (folder / "team" / "specs" / "wrong.json").write_text(WRONG)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    monkeypatch.chdir(folder / "team")
    assert {each[0] for each in annotations(call("specs", "--format", "github").output)} == {"team/specs/wrong.json"}


@pytest.mark.parametrize(("words", "text"), [(["-"], "{"), (["none.json"], None)])
def test_what_is_no_file_is_told_without_a_place(folder, words, text):
    done = call(*words, "--format", "github", text=text)
    assert done.exit_code == 3
    assert done.output.startswith(f"::error ::{words[0]}: /: expected ")
    (entry,) = json.loads(call(*words, "--format", "json", text=text).output)
    assert [(p["line"], p["column"]) for p in entry["problems"]] == [(None, None)]
