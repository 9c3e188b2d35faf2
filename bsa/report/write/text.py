"""What a terminal shows."""

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import rich.box
import rich.console
import rich.table
from rich.text import Text

from bsa.report.page import Figure, Note, Part, Table
from bsa.report.write import figure, markdown


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
    """Print what `shown` gave on standard output; a file has room there: no column is squeezed."""
    console = rich.console.Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = 200
    for part in parts:
        console.print(table(part) if isinstance(part, Table) else part, soft_wrap=True, markup=False)


def table(found: Table) -> rich.table.Table:
    """A table for a terminal."""
    caption = Text(escaped("\n".join(found.notes)), style="table.caption")
    title = Text(escaped(found.title), style="table.title")
    drawn = rich.table.Table(
        title=title, box=rich.box.SIMPLE_HEAD, caption=caption, collapse_padding=True, pad_edge=False
    )
    drawn.title_justify = drawn.caption_justify = "left"
    for i, column in enumerate(found.columns):
        drawn.add_column(Text(escaped(column)), justify="right" if i else "left", overflow="fold")
    for row in found.rows:
        drawn.add_row(*(Text(escaped(text)) for text in row))
    return drawn


def escaped(text: str) -> str:
    """Text without what a terminal takes for a command: control characters other than tabs and line's ends as `\\x1b`.

    As `rich.text.Text`, what it makes of brackets and colons is kept out, too.
    """
    return "".join(repr(c)[1:-1] if unicodedata.category(c) == "Cc" and c not in "\n\t" else c for c in text)
