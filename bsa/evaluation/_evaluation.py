"""What `bsa.evaluate` returns: rates, checks, adversarial images and a verdict on one network."""

from __future__ import annotations  # tables are named without importing pandas

import html
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bsa.checks import Check
from bsa.engine.rates import Rate, rates
from bsa.engine.results import Results
from bsa.errors import UsageError
from bsa.evaluation._memory import Held
from bsa.report import Folder, render, sentences

if TYPE_CHECKING:
    import pandas

COLUMNS = ("cell", "metric", "label", "threshold", "percent", "low", "high", "count", "images")


class Adversarial(NamedTuple):
    """The images of a cell that an attack worked on, one per row."""

    index: np.ndarray  # (n,) int: their numbers among the images given
    x: np.ndarray  # (n, height, width, channels) float32 in [0, 1]: moved into the cell
    y: np.ndarray  # (n,) int: their labels
    adversarial: np.ndarray  # like x: the closest one found, or the image itself
    distance: np.ndarray  # (n,) float64: max |adversarial - x|; inf if none was found


class Adversarials(Mapping):
    """`Adversarial` by (cell, label), such as ("(0.9, 0)", "corner_descent"); read on demand."""

    def __init__(self, results: Results) -> None:
        self._results, found = results, results.find(kind="attack")  # keeps their temporary store alive
        self._found = {(str(result.place["cell"]), result.place["label"]): result for result in found}

    def __getitem__(self, key: tuple[str, str]) -> Adversarial:
        return Adversarial(**self._found[key].arrays("attack.npz", *Adversarial._fields))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Evaluation:
    """The evaluation of a network. `print` and notebooks show it.

    Attributes:
        verdict: sentences.
        rates: proportions of images with their intervals, a `Rate` each.
        checks: the checks of the evaluation, a `Check` each.
        adversarial: the attacked images, by (cell, label).
        notes: how logits were taken from the network.
        results: all of it, as reports read it.
    """

    def __init__(self, held: Held, notes: tuple[str, ...] = ()) -> None:
        self._held = held
        self.notes = notes
        self.results: Results = held.results
        self.rates: list[Rate] = rates(self.results)
        self.checks: list[Check] = [Check(**check) for _, checks in self.results.sanity for check in checks]
        self.verdict: list[str] = sentences(self.results)

    @property
    def adversarial(self) -> Adversarials:
        """The attacked images and their adversarial images, by (cell, label)."""
        return Adversarials(self.results)

    def to_frame(self) -> pandas.DataFrame:
        """The rates, one per row, in percent, as a DataFrame; UsageError without pandas."""
        try:
            import pandas
        except ImportError:
            raise UsageError("expected pandas for a DataFrame, found none: pip install pandas, or read rates") from None
        return pandas.DataFrame([list(row) for row in self._rows()], columns=list(COLUMNS))

    def save(self, folder: str | os.PathLike, *, overwrite: bool = False) -> Path:
        """Write the page (index.html), tables, pictures and run.json into a folder; returns its path.

        Raises UsageError if the folder holds other results, unless `overwrite`.
        """
        out = Folder(Path(folder), self.results.spec, overwrite=overwrite, keys=self._held.keys)
        for _ in out.render(self.results, render):
            pass
        return out.out

    def _rows(self) -> Iterator[tuple]:
        for rate in self.rates:
            numbers = rate.percent, *rate.interval, rate.count, rate.images
            yield str(rate.cell), rate.metric, rate.label, rate.threshold, *numbers

    def __str__(self) -> str:
        import rich.console

        from bsa.report.page import Table
        from bsa.report.write import text

        console = rich.console.Console(file=io.StringIO(), width=120)
        console.print(text.table(Table(self.results.spec.name, COLUMNS, [list(map(_text, r)) for r in self._rows()])))
        lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
        return "\n".join([*lines, *self.notes, *self.verdict])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in [*self.verdict, *self.notes])
        rows = [COLUMNS, *([_text(value) for value in row] for row in self._rows())]
        cells = ["".join(f"<{tag}>{html.escape(value)}</{tag}>" for value in row) for tag, row in _tagged(rows)]
        return f"{said}<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _tagged(rows: list) -> Iterator[tuple[str, Any]]:
    for number, row in enumerate(rows):
        yield ("td" if number else "th"), row


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
