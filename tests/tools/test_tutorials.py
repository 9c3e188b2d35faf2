"""The tutorials are true: their commands and code run as they stand, in order, with less training and fewer images."""

import json
import re
import shlex

import pytest
from click.testing import CliRunner

from bsa.catalog import shipped
from bsa.cli import main
from tools import record, render

DOCS = render.ROOT / "docs"
SMALLER = {
    "specs/quickstart.json": [
        *("train.steps=20", "train.epsilon_warmup=0", "blind_spot.cells=[[1,0],[0.7,0.15]]", "measures.0.images=50"),
        *("control.images=2", "sanity=false", 'report=[{"name": "success_table"}]'),
        'attack=[{"name": "square", "epsilon": 0.1, "images": 2}, {"name": "pgd", "epsilon": 0.1, "images": 2}]',
    ],
    "shadow.json": ["train.steps=3", "attack.images=2", "sanity=false", "control=false", "measures.0.images=50"],
}


def blocks(name):
    """Triples (language, title, code) of a page."""
    text = (DOCS / name).read_text(encoding="utf-8")
    found = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', text, re.DOTALL | re.MULTILINE)
    assert found
    return found


def run(line):
    """A command as it stands, and smaller where the spec would take minutes: what it prints."""
    command, *words = shlex.split(line, comments=True)
    assert command == "bsa"
    for spec in SMALLER if words[0] != "validate" else ():
        if spec in words:  # what the page sets comes last, and stays
            words[2:2] = [word for each in SMALLER[spec] for word in ("--set", each)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return done.output


def follow(name, folder):
    """A page in a folder: its files are written, its Python is run, so are its commands of bsa; what these print."""
    shown, names = [], {}
    for language, title, code in blocks(name):
        if title:
            (folder / title).parent.mkdir(parents=True, exist_ok=True)
            (folder / title).write_text(code, encoding="utf-8")
        elif language == "python":
            exec(compile(code, name, "exec"), names)
        elif language == "sh":
            shown += [run(line) for line in code.splitlines() if line.startswith("bsa ")]
    return shown


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the specs of the repository, and a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BSA_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("BSA_KERNELS", "quick")  # which nobody times
    (tmp_path / "specs").symlink_to(shipped("specs"))
    return tmp_path


def test_the_quick_start_and_what_to_read_off_it(folder, capsys):
    validated, planned, first, shown, nearer = follow("quick_start.md", folder)
    assert "valid" in validated
    assert "to do" in planned
    assert "Accuracy is" in first
    assert "training" not in shown
    assert "training: " not in nearer  # the network is stored
    assert (folder / "results" / "quickstart" / "index.html").is_file()
    follow("reading_a_result.md", folder)
    worst, counted = capsys.readouterr().out.splitlines()[-2:]
    assert worst.startswith("worst: ")
    assert " of 2 images, " in counted
    a_record_is_what_the_run_printed(folder / "results" / "quickstart")


def a_record_is_what_the_run_printed(results):
    """The table rendered from the record of a run, on that run's own table."""
    made = record.of_run(results)
    table = re.search(r"(?:^\|.*\|\n)+", (results / "success_table.md").read_text(), re.MULTILINE)[0]
    assert render._cells(render.View(made, {}, set())) == table
    assert json.loads(record.dump(made)) == made
    assert "--store" not in made["command"]
    assert made["seconds"] > 0


def test_a_transformation_of_ones_own(folder, plugins):
    listed, validated, first = follow("your_own_transformation.md", folder)
    assert "shadow" in listed
    assert "valid" in validated
    assert "shadow 0.6" in first.replace("=", " ")
