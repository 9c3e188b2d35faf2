"""What the figures share: colours, bins, how they are named."""

import textwrap
from typing import Any

import numpy as np

from bsa.spec.cells import Cell

# Told apart by the colour-blind (Okabe and Ito, 2008); what they tell is also told by place or filling.
BLUE, VERMILLION = "#0072B2", "#D55E00"


def grid(rows: int, columns: int, size: tuple[float, float], **how: Any) -> tuple[Any, np.ndarray]:
    """A figure of Matplotlib with rows x columns axes, `size` inches each, and its axes as an array of that shape."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    shape = (size[0] * columns, size[1] * rows)
    return pyplot.subplots(rows, columns, figsize=shape, layout="constrained", squeeze=False, **how)


def title(figure: Any, *lines: str, inches: float | None = None, size: int = 8) -> None:
    """A title over the whole figure, or a part of it that is so many inches wide; broken where a line is too long."""
    width = int(15 * (inches or figure.get_figwidth()) * 8 / size)  # characters
    figure.suptitle("\n".join(textwrap.fill(line, width) for line in lines), fontsize=size)


def stem(*parts: Any) -> str:
    """A file's name without its suffix, of the parts that are not empty; a `Cell` as such a part."""
    texts = [part.stem if isinstance(part, Cell) else str(part) for part in parts if part]
    return "_".join(texts).replace(" ", "_")


def edges(values: np.ndarray, bins: int) -> np.ndarray:
    """The edges (bins + 1,) of equal bins that hold all values; around a single value they are 1 wide in all."""
    return np.histogram_bin_edges(values, bins)


def counts(values: np.ndarray, at: np.ndarray) -> list[int]:
    """How many values lie in each bin of the edges `at`, as a list."""
    return np.histogram(values, at)[0].tolist()
