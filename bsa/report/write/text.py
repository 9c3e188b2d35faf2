"""What a terminal shows."""

import dataclasses
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import rich.box
import rich.console
import rich.table
from rich.text import Text

from bsa.report.page import Figure, Note, Part, Table
from bsa.report.write import figure, fit, markdown


def shown(found: Part, folder: Path) -> Iterator[str | Text | Table]:
    """What is shown of a part, its files being in `folder`: a line, in colour for a warning, or the table itself."""
    if isinstance(found, Table) and not found.apart:
        yield found
    elif isinstance(found, Figure):
        yield f"figure {folder / figure.file(found)}"
    elif isinstance(found, Note):
        beside = f" ({folder / found.table}{markdown.SUFFIX} has {found.holds})" if found.table else ""
        yield Text(found.text + beside, style="bold red") if found.warning else found.text + beside


def show(parts: Iterable[str | Text | Table]) -> None:
    """Print what `shown` gave on standard output, where a file has more room than a terminal."""
    console = rich.console.Console(highlight=False, emoji=False)
    terminal = console.is_terminal
    if not terminal:
        console.width = 200
    for part in parts:
        if isinstance(part, Table):
            console.print(table(part))
        else:  # lines of a terminal are broken between words, those of a file not at all
            console.print(part, soft_wrap=not terminal, markup=False)


class Fitted:
    """A table as a terminal of any width shows it."""

    def __init__(self, found: Table):
        self.found = found

    def __rich_console__(self, console, options) -> Iterator[Text | rich.table.Table]:
        for part in fit.fitted(_plain(self.found), options.max_width):
            yield Text(part.title, style="table.title")
            yield _drawn(part)
            yield from (Text(note, style="table.caption") for note in part.notes)


def table(found: Table) -> Fitted:
    """A table for a terminal."""
    return Fitted(found)


def _plain(found):
    """The table without what a terminal takes for a command."""
    columns, rows = map(escaped, found.columns), [list(map(escaped, row)) for row in found.rows]
    keys = list(map(escaped, found.keys))
    said = {"title": escaped(found.title), "notes": list(map(escaped, found.notes))}
    return dataclasses.replace(found, columns=list(columns), rows=rows, keys=keys, **said)


def _drawn(found):
    drawn = rich.table.Table(box=rich.box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for i, column in enumerate(found.columns):
        drawn.add_column(Text(column), justify="right" if i else "left", overflow="fold")
    for row in found.rows:
        drawn.add_row(*map(Text, row))
    return drawn


def escaped(text: str) -> str:
    """Text without what a terminal takes for a command: control characters other than tabs and line's ends as `\\x1b`.

    As `rich.text.Text`, what it makes of brackets and colons is kept out, too.
    """
    return "".join(repr(c)[1:-1] if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)
