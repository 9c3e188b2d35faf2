"""Images, their blind-spot versions and adversarial examples with their distortions (paper, Figures 4, 10 and 12)."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bsa.criteria import SLACK
from bsa.engine.results import Results
from bsa.report import _figure
from bsa.report.page import Figure, Note, Page

LONG = 16  # letters of a class's name that fit above an image


class Block(NamedTuple):
    """The examples of one attack on one network, in all cells."""

    network: str
    label: str
    found: list  # results, one a cell
    arrays: list  # their arrays
    named: Callable = str  # a class by its name


def pages(results: Results, *, images: int, side_by_side: bool) -> Page:
    """A figure for each network and attack or, `side_by_side`, one in which all of them show the same images."""
    blocks = [
        _block(results, network, label)
        for network in results.spec.networks
        for label in dict.fromkeys(r.place["label"] for r in results.find(kind="attack", network=network))
    ]
    figures = {("side_by_side",): blocks} if side_by_side else {(b.network, b.label): [b] for b in blocks}
    name = results.spec.name
    parts = [_figure_of(name, _figure.stem("examples", *where), shown, images) for where, shown in figures.items()]
    return Page(f"{name}: adversarial examples", parts)


def _figure_of(name, stem, blocks, images):
    """A figure of blocks that show the same images, or a note where there are none."""
    numbers = _chosen([arrays for block in blocks for arrays in block.arrays], images)
    if not numbers:
        labels = ", ".join(dict.fromkeys(block.label for block in blocks))
        return Note(f"no figure for {labels}: no image was attacked in every cell")
    whose = "; ".join(f"network {block.network}, {block.label}" for block in blocks)
    draw = functools.partial(_draw, name, blocks, numbers)
    return Figure(f"{name}: adversarial examples: {whose}", stem, draw, {"images": [int(i) for i in numbers]}, dpi=110)


def _block(results, network, label):
    found = results.find(kind="attack", network=network, label=label)
    return Block(network, label, found, [result.arrays("attack.npz") for result in found], results.named)


def _draw(name, blocks, numbers):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    size = (len(blocks) * (1 + 1.1 * len(numbers)), 1 + 2.5 * max(len(block.found) for block in blocks))
    figure = pyplot.figure(figsize=size, layout="constrained")
    for part, block in zip(figure.subfigures(1, len(blocks), squeeze=False)[0], blocks, strict=True):
        _figure.title(part, f"network {block.network}, {block.label}", inches=size[0] / len(blocks), size=9)
        _grid(part.subplots(2 * len(block.found), len(numbers), squeeze=False), block, numbers)
    legend = "above each image its class, above each adversarial example its distortion (an upper bound)"
    _figure.title(figure, name, legend, size=9)
    return figure


def _grid(axes, block, numbers):
    """Two rows for each cell, a column for each image."""
    for row, (result, cell) in enumerate(zip(block.found, block.arrays, strict=True)):
        for column, number in enumerate(numbers):
            at = int(np.flatnonzero(cell["index"] == number)[0])
            _image(axes[2 * row, column], cell["x"][at], _short(block.named(cell["y"][at])))
            adversarial = cell["adversarial"][at] if np.isfinite(cell["distance"][at]) else None
            _image(axes[2 * row + 1, column], adversarial, _distortion(result, cell, at))
            if adversarial is None:
                height, width, _ = cell["x"][at].shape
                axes[2 * row + 1, column].set_box_aspect(height / width)
        axes[2 * row, 0].set_ylabel(f"{result.place['cell']}\nimage", fontsize=8)
        axes[2 * row + 1, 0].set_ylabel("adversarial", fontsize=8)


def _short(name):
    return name if len(name) <= LONG else f"{name[: LONG - 1]}\N{HORIZONTAL ELLIPSIS}"


def _distortion(result, cell, at):
    """The distortion of an adversarial example; one above the largest threshold is no success and says so."""
    distance, largest = cell["distance"][at], max(result.place["thresholds"])
    if not np.isfinite(distance):
        return "none found"
    return f"{distance:.3f}" if distance <= largest + SLACK else f"{distance:.3f} > {largest:g}"


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
    axis.set_title(text, fontsize=7, pad=2)
    if pixels is not None:
        axis.imshow(pixels, cmap="gray" if pixels.shape[-1] == 1 else None, vmin=0, vmax=1)
