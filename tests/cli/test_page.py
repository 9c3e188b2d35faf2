"""The page on the command line names commands and options that there are."""

import re
import shlex
from pathlib import Path

import click
import pytest

from bsa.cli.commands import main

PAGE = Path(__file__).parents[2] / "docs" / "command_line.md"


def commands():
    """The words of each command in the page's blocks for a shell, without `bsa`."""
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            found = re.search(r"\bbsa ([^)|]+)", line)
            assert found, line
            yield shlex.split(found[1].rstrip('"'))


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_of_the_page_is_taken(words):
    command, context = main, click.Context(main)
    while isinstance(command, click.Group):
        name, *words = words
        command = command.get_command(context, name)
        assert command is not None, name
    command.make_parser(context).parse_args(words)  # an option that there is not raises


def test_the_page_tells_all_exit_codes():
    from bsa.cli.terminal import EXIT

    codes = re.findall(r"(?:^|[:,] )(\d+) ", EXIT)
    listed = PAGE.read_text(encoding="utf-8").split("## Exit codes")[1]
    assert codes == re.findall(r"\d+", " ".join(re.findall(r"^\* ([\d, ]+):", listed, re.MULTILINE)))
