"""Images, their blind-spot versions and adversarial examples with their distortions (paper, Figures 4, 10 and 12)."""

import functools
import textwrap
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bsa.criteria import SLACK
from bsa.engine.results import Results
from bsa.report import _figure
from bsa.report.page import Figure, Note, Page

PAGE = (7.5, 10.0)  # inches, within the margins of A4 and of letter: a figure is no larger
CELLS, COLUMNS = 7, 10  # on a page
LETTERS = 12  # of a class's name above a picture


class Block(NamedTuple):
    """The examples of one attack on one network, in all cells."""

    network: str
    label: str
    found: list  # results, one a cell
    arrays: list  # their arrays: of all images their numbers and classes, of those that are shown the others, too
    named: Callable[[int], str] = str  # a class in words


def pages(results: Results, *, images: int, side_by_side: bool) -> Page:
    """A figure for each network and attack or, `side_by_side`, one in which all of them show the same images.

    What does not fit a page goes on in further figures.
    """
    blocks = [
        _block(results, network, label)
        for network in results.spec.networks
        for label in dict.fromkeys(r.place["label"] for r in results.find(kind="attack", network=network))
    ]
    figures = {("side_by_side",): blocks} if side_by_side else {(b.network, b.label): [b] for b in blocks}
    name = results.spec.name
    parts = [part for where, shown in figures.items() for part in _parts(name, where, shown, images)]
    return Page(f"{name}: adversarial examples", parts)


def _parts(name, where, blocks, images):
    """Figures of blocks that show the same images, or a note where there are none."""
    numbers = _chosen([arrays for block in blocks for arrays in block.arrays], images)
    if not numbers:
        labels = ", ".join(dict.fromkeys(block.label for block in blocks))
        yield Note(f"no figure for {labels}: no image was attacked in every cell")
        return
    blocks = [_picked(block, numbers) for block in blocks]
    whose = "; ".join(f"network {block.network}, {block.label}" for block in blocks)
    sheets = list(_sheets(blocks, numbers))
    for count, (shown, at) in enumerate(sheets, 1):
        stem = _figure.stem("examples", *where, count if len(sheets) > 1 else None)
        draw, data = functools.partial(_draw, name, shown, at), {"images": [int(i) for i in at]}
        yield Figure(f"{name}: adversarial examples: {whose}", stem, draw, data)


def _sheets(blocks, numbers):
    """Pairs (blocks, numbers of images), each no more than fits a page."""
    cells, columns = max(len(block.found) for block in blocks), max(COLUMNS // len(blocks), 1)
    for row in range(0, cells, CELLS):
        part = slice(row, row + CELLS)
        shown = [block._replace(found=block.found[part], arrays=block.arrays[part]) for block in blocks]
        for column in range(0, len(numbers), columns):
            yield shown, numbers[column : column + columns]


def _block(results, network, label):
    found = results.find(kind="attack", network=network, label=label)
    heads = [result.arrays("attack.npz", "index", "y") for result in found]
    return Block(network, label, found, heads, results.named)


def _picked(block, numbers):
    """The block with all arrays of the images of these numbers."""
    rows = [[row for row, number in enumerate(each["index"]) if number in numbers] for each in block.arrays]
    return block._replace(arrays=[each.rows("attack.npz", at) for each, at in zip(block.found, rows, strict=True)])


def _draw(name, blocks, numbers):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    size = _size(len(blocks), len(numbers), max(len(block.found) for block in blocks))
    figure = pyplot.figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.02, w_pad=0.02)
    for part, block in zip(figure.subfigures(1, len(blocks), squeeze=False)[0], blocks, strict=True):
        _figure.title(part, f"network {block.network}, {block.label}", inches=size[0] / len(blocks), size=8)
        _grid(part.subplots(2 * len(block.found), len(numbers), squeeze=False), block, numbers)
    legend = (
        "above each image its class, above each adversarial example the class that the network sees in it and its "
        "distortion (an upper bound)"
    )
    _figure.title(figure, name, legend, size=8)
    return figure


def _size(blocks, images, cells):
    """Width and height in inches: as the pictures like it, and no more than a page."""
    return min(blocks * (0.8 + images), PAGE[0]), min(1 + 2.4 * cells, PAGE[1])


def _grid(axes, block, numbers):
    """Two rows for each cell, a column for each image."""
    for row, (result, cell) in enumerate(zip(block.found, block.arrays, strict=True)):
        for column, number in enumerate(numbers):
            at = int(np.flatnonzero(cell["index"] == number)[0])
            _image(axes[2 * row, column], cell["x"][at], _short(block.named(cell["y"][at])))
            adversarial = cell["adversarial"][at] if np.isfinite(cell["distance"][at]) else None
            _image(axes[2 * row + 1, column], adversarial, _said(block, result, cell, at))
            if adversarial is None:
                height, width, _ = cell["x"][at].shape
                axes[2 * row + 1, column].set_box_aspect(height / width)
        axes[2 * row, 0].set_ylabel(textwrap.fill(str(result.place["cell"]), LETTERS), fontsize=6)
        axes[2 * row + 1, 0].set_ylabel("adversarial", fontsize=6)


def _said(block, result, cell, at):
    """What an adversarial example is seen as, and its distortion; one above the largest threshold is no success."""
    distance, largest = cell["distance"][at], max(result.place["thresholds"])
    if not np.isfinite(distance):
        return "none found"
    seen = _short(block.named(cell["predicted"][at])) if "predicted" in cell else "?"
    return f"{seen}, {distance:.3f}" if distance <= largest + SLACK else f"{seen}, {distance:.3f}\n> {largest:g}"


def _short(text):
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"


def _chosen(arrays, images):
    """Numbers of images attacked in every cell: the first of each class in turn, then the first others."""
    common = [i for i in arrays[0]["index"] if all(i in a["index"] for a in arrays)]
    label = dict(zip(arrays[0]["index"], arrays[0]["y"], strict=True))
    first = list({label[i]: i for i in reversed(common)}.values())
    chosen = sorted(first, key=lambda i: label[i]) + [i for i in common if i not in first]
    return chosen[:images]


def _image(axis, pixels, text):
    """One image with a line above it; an empty frame where there is none."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(text.replace("$", r"\$"), fontsize=6, pad=1.5)  # a class's name is no formula
    if pixels is not None:
        grey = pixels.shape[-1] == 1
        # as they are: an SVG holds each pixel once, however large it is drawn
        axis.imshow(pixels, cmap="gray" if grey else None, vmin=0, vmax=1, interpolation="none")
