"""Workflows: GitHub's own schema takes them, and the commands in them exist. And what a release must hold."""

import importlib.metadata
import runpy
import shlex
import subprocess
import tarfile
import zipfile
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from bsa.cli.commands import main
from bsa.version import __version__

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "workflow" / "robustness.yml"
RELEASE = ROOT / ".github" / "workflows" / "release.yml"
problems = runpy.run_path(str(ROOT / ".ci" / "check_release.py"))["problems"]


def lines(workflow):
    """The shell lines of a workflow, as words."""
    jobs = YAML(typ="safe").load(workflow)["jobs"].values()
    scripts = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    return [shlex.split(line) for script in scripts for line in script.splitlines()]


def test_github_takes_them():
    words = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", EXAMPLE, RELEASE]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_says_what_bsa_understands():
    """Each line is parsed by the command line, which refuses unknown options and values; nothing is run."""
    called = [words[1:] for words in lines(EXAMPLE) if words[0] == "bsa"]
    assert [words[0] for words in called] == ["validate", "evaluate"]
    for name, *words in called:
        context = main.commands[name].make_context(name, words)
        if name == "evaluate":
            assert context.params["fail_over"] == ("success@1,0>40",)
            uploaded = YAML(typ="safe").load(EXAMPLE)["jobs"]["robustness"]["steps"][-1]["with"]["path"]
            assert str(context.params["out"]) == uploaded
    with pytest.raises(click.NoSuchOption):
        main.commands["evaluate"].make_context("evaluate", ["--fail-above", "1"])


def test_files_that_the_release_runs_are_there():
    called = [word for words in lines(RELEASE) for word in words if word.startswith(".ci/")]
    assert called == [".ci/run", ".ci/check_release.py"]
    assert all((ROOT / each).is_file() for each in called)


def test_the_version_stands_in_one_place():
    assert __version__ not in (ROOT / "setup.py").read_text()
    assert importlib.metadata.version("bsa") == __version__


@pytest.fixture
def built(tmp_path):
    """A small tree with a version, and a folder with its wheel and sdist."""
    tree, dist = tmp_path / "tree", tmp_path / "dist"
    files = {
        "bsa/version.py": '__version__ = "1.2.3"',
        "CHANGELOG.md": "# Changelog\n\n## 1.2.3 (2026-01-31)\n",
        "schemas/attacks/pgd.json": "{}",
        "specs/quickstart.json": "[]",
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    dist.mkdir()
    with zipfile.ZipFile(dist / "bsa-1.2.3-py3-none-any.whl", "w") as wheel:
        for part in ("schemas", "specs"):
            for file in (tree / part).rglob("*.json"):
                wheel.write(file, Path("bsa") / file.relative_to(tree))
    with tarfile.open(dist / "bsa-1.2.3.tar.gz", "w:gz") as sdist:
        sdist.add(tree, "bsa-1.2.3")
    return tree, dist


def test_a_sound_release_has_no_problems(built):
    tree, dist = built
    assert problems("v1.2.3", dist, tree) == []


def test_every_problem_of_a_release_is_told(built):
    tree, dist = built
    (tree / "CHANGELOG.md").write_text("## 1.2.3 (unreleased)")
    (tree / "specs" / "quickstart.json").write_text("[1]")
    (dist / "bsa-1.2.3.tar.gz").unlink()
    assert problems("v1.2.4", dist, tree) == [
        "expected the tag v1.2.3, as bsa/version.py says, found v1.2.4",
        "CHANGELOG.md: expected a heading ## 1.2.3 (YYYY-MM-DD), found none",
        "bsa-1.2.3-py3-none-any.whl: expected bsa/specs/quickstart.json as it is in the tree, found none or another",
        f"expected {dist}/bsa-1.2.3.tar.gz, found none: run python -m build",
    ]
