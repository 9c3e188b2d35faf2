"""A table for a line of limited width: intervals give way, then the table falls into parts; no text is ever cut."""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from bsa.report.page import Table
from bsa.report.write import markdown

GAP = 2  # columns of a terminal that a table's column takes beside its text
# What stands on one line: a number with its interval, an interval, the numbers of a cell, a part of a name, a word.
PIECE = re.compile(r"((?:-?[\d.]+ )?\[[^]]*\]|\(?-?[\d.]+(?:, -?[\d.]+)+\)?|[^\s_]*_+|[^\s_]+)(\s*)")
INTERVAL = re.compile(r"(?<=\d) (?=\[[^][]*\]$)")


def fitted(found: Table, room: int) -> list[Table]:
    """The table in `room` columns of a terminal, its texts on lines of their own where they need it.

    Intervals go below their numbers, then out, which a note says. What still does not fit comes as several tables,
    each with the columns that tell its rows apart: these have all that there is.
    """
    below, bare = _changed(found, "\n"), _changed(found, None)
    for form in (found, below, bare):
        if (narrow := _narrowed(form, room)) is not None:
            return [narrow]
    return [_narrowed(part, room) or part for part in _parts(below, room)] or [found]


def _changed(found, between):
    """The table with this between a number and its interval; None: without intervals, which a note tells."""

    def change(text):
        return INTERVAL.sub(between, text) if between is not None else INTERVAL.split(text)[0]

    rows = [[change(text) for text in row] for row in found.rows]
    where = f"{found.stem}{markdown.SUFFIX}" if found.stem else "A wider terminal"
    notes = [*found.notes, f"{where} has the intervals."] if between is None and rows != found.rows else found.notes
    return dataclasses.replace(found, rows=rows, notes=notes)


def _narrowed(found, room):
    """The table with its texts on as many lines as it takes; None where there is too little room for their pieces."""
    columns = list(zip(found.columns, *found.rows, strict=True))
    widths, least = [max(map(_natural, texts)) for texts in columns], _least(columns)
    spare = room - GAP * len(columns)
    if sum(least) > spare:
        return None
    while sum(widths) > spare:
        widest = max((i for i in range(len(widths)) if widths[i] > least[i]), key=lambda i: widths[i])
        widths[widest] -= 1
    heads, *rows = zip(*([_lines(t, w) for t in texts] for texts, w in zip(columns, widths, strict=True)), strict=True)
    return dataclasses.replace(found, columns=heads, rows=rows)


def _natural(text):
    return max(map(cell_len, text.splitlines() or [""]))


def _least(columns):
    """The width of the longest piece in each column."""
    return [max(cell_len(piece) for text in texts for piece, _ in [("", ""), *_pieces(text)]) for texts in columns]


def _pieces(text) -> Iterator[tuple[str, str]]:
    """What of a text stays on one line, each with the white space after it."""
    yield from PIECE.findall(text)


def _lines(text, width):
    """The text in lines of `width`, broken between its pieces."""
    return "\n".join(broken for line in text.splitlines() for broken in _broken(line, width))


def _broken(line, width):
    made, space = "", ""
    for word, after in _words(line, width):
        if made and cell_len(made + space + word) > width:
            yield made
            made, space = "", ""
        made, space = made + space + word, after
    yield made


def _words(line, width) -> Iterator[tuple[str, str]]:
    """The words of a line, and the pieces of those that are wider than `width`, each with the space after it."""
    pieces: list[tuple[str, str]] = []
    for piece in _pieces(line):
        pieces.append(piece)
        if piece[1]:
            yield from _joined(pieces, width)
            pieces = []
    yield from _joined(pieces, width)


def _joined(pieces, width):
    word = "".join(piece for piece, _ in pieces)
    return [(word, pieces[-1][1])] if pieces and cell_len(word) <= width else pieces


def _parts(found, room) -> Iterator[Table]:
    """Tables of as many columns as fit, beside those that tell rows apart."""
    kept = [i for i, name in enumerate(found.columns) if name in (found.keys or found.columns[:1])]
    least = _least(list(zip(found.columns, *found.rows, strict=True)))
    groups: list[list[int]] = []
    for i in (i for i in range(len(least)) if i not in kept):
        if not groups or sum(least[j] + GAP for j in (*kept, *groups[-1], i)) > room:
            groups.append([])
        groups[-1].append(i)
    for number, group in enumerate(groups, 1):
        title = found.title if number == 1 else f"{found.title}, continued"
        yield _of_columns(found, sorted([*kept, *group]), title, found.notes if number == len(groups) else ())


def _of_columns(found: Table, columns: Sequence[int], title: str, notes: Sequence[str]) -> Table:
    rows = [[row[i] for i in columns] for row in found.rows]
    return dataclasses.replace(found, title=title, columns=[found.columns[i] for i in columns], rows=rows, notes=notes)
