"""The command line: exit codes, output for people and for programs."""

import json
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from bsa.catalog import shipped
from bsa.cli.commands import main


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
    assert {"pointer", "expected", "found", "hint", "line", "column"} == set(entry["problems"][0])
    done = call("validate", shipped("specs"), "--format", "json")
    assert done.exit_code == 0
    assert len(json.loads(done.output)) >= 8


def test_a_missing_file_hides_no_other(tmp_path):
    done = call("validate", "quickstart", tmp_path / "none.json", "mnist_table2", "--format", "json")
    assert done.exit_code == 3
    assert [entry["valid"] for entry in json.loads(done.output)] == [True, False, True]


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
    assert "lacks 36 stages" in done.output
    assert "network main" in done.output


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    """A spec whose epsilon is on the wrong scale, run to its end: its file, the store, the folder, what it printed."""
    folder = tmp_path_factory.mktemp("wrong")
    spec = {
        "name": "wrong",
        "data": {"name": "digits"},
        "model": {"name": "wong_small"},
        "train": {"name": "natural", "steps": 60},
        "blind_spot": {"cells": [[1, 0], [0.9, 0]]},
        "attack": {"name": "pgd", "epsilon": 0.001, "steps": 5, "images": 16},
        "sanity": {"images": 8, "queries": 20},
        "report": [{"name": "success_table"}, {"name": "examples", "images": 2}],
    }
    (folder / "wrong.json").write_text(json.dumps(spec))
    words = [folder / "wrong.json", "--store", folder / "store", "--out", folder / "out"]
    return words, folder / "out", call("run", *words)


def test_a_failed_check_is_a_visible_warning(wrong):
    _, out, done = wrong
    assert done.exit_code == 0
    warning = "WARNING pgd, network main: epsilon's scale: a radius of 0.001 is below one grey level"
    assert warning in done.output
    assert "1 failed" in done.output
    for name in ("success_table.md", "sanity.md"):
        assert warning in (out / name).read_text()
    (check,) = json.loads((out / "success_table.json").read_text())["sanity"]["failed"]
    assert (check["check"], check["attack"], check["passed"]) == ("epsilon's scale", "pgd", False)
    (attack,) = json.loads((out / "sanity.json").read_text())["attacks"]
    assert [0.9, 0] in [check["cell"] for check in attack["checks"]]


@pytest.mark.parametrize("command", ["run", "show"])
def test_strict_turns_it_into_an_exit_code(command, wrong):
    done = call(command, *wrong[0], "--strict")
    assert done.exit_code == 4
    assert "--strict: sanity checks failed: 1" in done.output
    assert "4 a sanity check failed" in " ".join(call(command, "--help").output.split())
    done = call(command, *wrong[0], "--strict", "--set", "sanity=false")
    assert done.exit_code == 2
    assert "none is made" in done.output
    done = call("show", *wrong[0], "--set", "sanity=false")
    assert done.exit_code == 2
    assert "expected no results, or those of this very run, found others: /sanity" in done.output
    done = call("show", *wrong[0][:3], "--out", wrong[1].parent / "unchecked", "--set", "sanity=false")
    assert done.exit_code == 0
    assert "sanity" not in done.output


SHOWN = """
import sys
from bsa.cli.commands import main
main(sys.argv[1:], standalone_mode=False)
large = {"tensorflow", "keras", "matplotlib", "scipy", "sklearn"}
assert not {name.partition(".")[0] for name in sys.modules} & large
"""


def test_show_draws_nothing_anew_and_finds_a_run_by_its_name(wrong, tmp_path):
    words, out, done = wrong
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine").symlink_to(out)
    before = {file: file.stat().st_mtime_ns for file in out.iterdir()}
    assert {".png", ".html", ".md"} <= {file.suffix for file in before}
    for name in ("mine", "results/mine", str(words[0])):
        command = [sys.executable, "-c", SHOWN, "show", name, *map(str, words[1:3])]
        shown = subprocess.run(
            [*command, *(words[3:] if name == str(words[0]) else [])], capture_output=True, text=True, cwd=tmp_path
        )
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.replace("results/mine", str(out)) == done.stdout
    assert {file: file.stat().st_mtime_ns for file in out.iterdir()} == before


def test_show_draws_what_is_not_there(wrong, tmp_path):
    words, out, done = wrong
    (picture,) = out.glob("examples*.png")
    content = picture.read_bytes()
    picture.unlink()
    assert call("show", *words).stdout == done.stdout
    assert picture.read_bytes() == content


def test_a_program_reads_a_run_as_json_lines_and_people_may_have_silence_or_a_log(wrong, tmp_path):
    words, out, plain = wrong
    done = call("run", *words, "--json", "--log-file", tmp_path / "log", "--fail-over", "success>=0")
    assert done.exit_code == 5
    *stages, last = map(json.loads, done.stdout.splitlines())
    assert {(each["event"], each["kind"]) for each in stages} >= {("stored", "network"), ("stored", "attack")}
    assert (last["event"], last["path"], last["failed_checks"], last["exit_code"]) == ("results", str(out), 1, 5)
    numbers = json.loads((out / "success_table.json").read_text())["networks"]["main"]
    expected = [attack["count"] for cell in numbers for attack in cell["attacks"]["pgd"]["success"]]
    assert [rate["count"] for rate in last["rates"] if rate["metric"] == "success"] == expected
    log = (tmp_path / "log").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line) for line in log)
    assert [line[21:] for line in log][-len(last["verdict"]) :] == last["verdict"]
    assert "stored: network main" in "\n".join(log)
    done = call("run", *words, "-q")
    assert (done.stdout.splitlines(), done.stderr) == (last["verdict"], "")
    assert plain.stdout.endswith(done.stdout)
    done = call("run", *words, "-v")
    assert re.search(r"Z stored: .*\([0-9a-f]{64}\)", done.stderr)
    for wrong_use, message in {
        ("-q", "-v"): "expected -q or -v, found both",
        ("--log-file", "/"): "--log-file: ",
    }.items():
        done = call("run", *words, *wrong_use)
        assert done.exit_code == 2
        assert message in done.stderr


def test_planning_says_nothing_but_the_plan(tmp_path):
    surroundings = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-m", "bsa", "plan", "quickstart", "--store", str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=surroundings)
    assert done.stderr == ""
    assert "stages; about" in done.stdout
