"""What a report consists of: a page of tables, figures, notes and data, independent of a format.

A report `bsa/report/<name>.py` has `pages(results, **params) -> Page`, which writes nothing; `bsa.report.write` has a
module for each format. A stem is a file's name without its suffix; a part without one is in no file of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Table:
    """Column heads, rows of strings, and notes to stand below them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    stem: str = ""
    checked: Sequence[str] = ()  # notes on its sanity checks: in its files, as the page of those says them to a reader
    apart: bool = False  # too large to show in passing: in its files alone
    records: Sequence[Mapping[str, Any]] = ()  # the same numbers, one a row with the same keys: for programs
    keys: Sequence[str] = ()  # columns that tell rows apart, repeated where a table is shown in parts; else the first
    grouped: int = 0  # so many columns, the first ones, have their text in the first of several rows only


@dataclass(frozen=True)
class Figure:
    """A figure; `draw()` gives it as Matplotlib's, when it is written: no two need be in memory."""

    title: str  # for who does not see it
    stem: str
    draw: Callable[[], Any]
    data: dict = field(default_factory=dict)  # the numbers that it shows, of JSON's types
    dpi: int = 150


@dataclass(frozen=True)
class Note:
    """A sentence or, as a `warning`, one that is not to be missed; `table` and `holds` say what is told where."""

    text: str
    warning: bool = False
    table: str = ""  # the stem of a table of the same page
    holds: str = ""


@dataclass(frozen=True)
class Data:
    """All numbers of a page for programs: `value` is of JSON's types, and of `Figure`s, which stand for their data."""

    title: str
    stem: str
    value: dict


class Mark(NamedTuple):
    """A rate in percent with the ends of its interval; `note` says of what, to a reader."""

    percent: float
    low: float
    high: float
    note: str = ""
    kind: str = "main"  # or "other", of another threshold, or "control"


class Line(NamedTuple):
    """What one thing, such as an attack, did in each place of a chart: no mark, one or several."""

    name: str
    marks: Sequence[Sequence[Mark]]


@dataclass(frozen=True)
class Chart:
    """Rates in several places, one below the other, as no Matplotlib is needed for: drawn where it is shown."""

    title: str  # for who does not see it
    places: Sequence[str]
    lines: Sequence[Line]

    def has(self, kind: str) -> bool:
        """Whether there are marks of this kind."""
        return any(mark.kind == kind for line in self.lines for marks in line.marks for mark in marks)


class Example(NamedTuple):
    """An image (h, w, c) in [0, 1] and what became of it; None stands for what there is not."""

    number: int  # in its data set
    label: str
    original: np.ndarray | None  # as it is in the data set, where that was kept
    image: np.ndarray  # in its cell
    adversarial: np.ndarray | None
    seen: str  # the class that the network sees in the adversarial image, "?" where it was not kept
    distance: str
    within: bool  # the largest threshold: what lies farther away is no success


@dataclass(frozen=True)
class Gallery:
    """Examples of one attack on one network, a row of them for each cell."""

    title: str
    rows: Sequence[tuple[str, Sequence[Example]]]
    amplified: float  # by so much a difference is, around mid-grey
    side: int  # pixels, of the longest side: larger images are shown smaller


Part = Table | Figure | Note | Data


class Page(NamedTuple):
    """What a report gives, in the order in which it is read."""

    title: str
    parts: Sequence[Part]


def line(text: str) -> str:
    """The text on one line: no format of a file has a line's end within a cell, a title or a comment."""
    return " ".join(text.splitlines())
