"""Data as JSON, for programs; JSON's own strings keep any text."""

from pathlib import Path

from bsa import files
from bsa.report.page import Data, Figure
from bsa.report.write import figure

SUFFIX = ".json"


def save(found: Data, folder: Path) -> None:
    """Write its value; a figure in it as the name of its file and the numbers that it shows."""
    files.write_json(folder / (found.stem + SUFFIX), found.value, default=_figure)


def _figure(value):
    if not isinstance(value, Figure):
        raise TypeError(f"expected a value of JSON's types or a Figure, found {type(value).__name__}")
    return {"file": figure.file(value), **value.data}
