"""`bsa validate`: problems of specs for people, programs and GitHub."""

import json
import os
import sys
from pathlib import Path

import click

from bsa.cli import completion
from bsa.cli.options import options
from bsa.cli.terminal import EXIT
from bsa.errors import UsageError
from bsa.spec import SpecError, load, places
from bsa.spec.problems import Problem


@click.command(epilog=EXIT)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=completion.specs)
@options("plugins")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text",
              help="json has lines and columns, too; github annotates the lines of a pull request.")  # fmt: skip
def validate(files, form):
    """Check specs: every problem at once, with its place, what was expected and what was found.

    FILE may be a folder (its *.json) or - for standard input.
    """
    report = []
    for path in (path for file in files for path in _specs_in(file)):
        problems, where = _problems(path)
        lines = [{"line": line, "column": column} for line, column in where]
        told = [problem._asdict() | place for problem, place in zip(problems, lines, strict=True)]
        report.append({"file": str(path), "valid": not problems, "problems": told})
        if form == "github":
            for problem, (line, column) in zip(problems, where, strict=True):
                click.echo(_annotation(path, line, column, problem))
        if form == "text" and problems:
            click.echo("\n".join(f"{path}: {p}" for p in problems))
        if form != "json" and not problems:
            click.echo(f"{path}: valid")
    if form == "json":
        click.echo(json.dumps(report, indent=1))
    if not all(entry["valid"] for entry in report):
        sys.exit(3)


def _specs_in(file):
    """The specs in a folder; what is none, or holds none, itself."""
    folder = Path(file)
    try:
        return (sorted(folder.glob("*.json")) if folder.is_dir() else []) or [file]
    except OSError:  # an over-long name, a folder that may not be read: said when it is read
        return [file]


def _problems(path):
    """The problems of a spec, and the (line, column) of each; (None, None) where there is no file to look at."""
    try:
        load(path)
    except SpecError as error:
        if str(path) == "-":  # read already, once and for all
            return error.problems, [(None, None)] * len(error.problems)
        text = Path(error.file).read_bytes().decode("utf-8", "replace")
        return error.problems, places(text, [problem.pointer for problem in error.problems])
    except UsageError as error:
        return [Problem("", "a file that can be read, or a folder of *.json", str(error))], [(None, None)]
    return [], []


def _annotation(path, line, column, problem):
    """A workflow command of GitHub's; the file as seen from the top of the repository, where GitHub looks for it."""
    message = _escaped(str(problem))
    if line is None:
        return f"::error ::{_escaped(str(path))}: {message}"
    file = os.path.relpath(path, os.environ.get("GITHUB_WORKSPACE") or ".")
    file = _escaped(file).replace(":", "%3A").replace(",", "%2C")  # which separate and end properties
    return f"::error file={file},line={line},col={column}::{message}"


def _escaped(text):
    """As GitHub's own toolkit writes what a workflow command says."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
