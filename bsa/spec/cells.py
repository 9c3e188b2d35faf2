"""Cells: the points of a chain of transformations that test images are moved to. No TensorFlow."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bsa.spec.chain import chained
from bsa.transforms import Transform

PAPER = "scale_shift"  # the paper's transformation: alone, its points are written as pairs (scale, shift)
PAIR = ("scale", "shift")


class Cell(NamedTuple):
    """A point of a chain; as text it is what tables call it."""

    text: str
    values: tuple[tuple[str, float], ...]  # of every parameter of the chain, by name and in its order
    moved: tuple[str, ...]  # the names of those that are not neutral
    contraction: float  # the factor by which L-inf distances shrink
    pair: bool  # the chain is the paper's transformation alone: a spec may write [scale, shift]

    def __str__(self) -> str:
        return self.text

    @property
    def original(self) -> bool:
        """Whether images stay as they are."""
        return not self.moved

    @property
    def point(self) -> dict[str, float]:
        """The values that are not neutral."""
        return {name: value for name, value in self.values if name in self.moved}

    @property
    def given(self) -> list[float] | dict[str, float]:
        """The cell as JSON: the pair, or the values that are not neutral."""
        return [value for _, value in self.values] if self.pair else self.point

    @property
    def stem(self) -> str:
        """The part of a file's name that stands for it."""
        if self.pair:
            return "_".join(f"{value:g}" for _, value in self.values)
        return self.text.replace(", ", "_").replace(" ", "_")

    def called(self, given: Sequence[float] | Mapping[str, float]) -> bool:
        """Whether a spec means this cell by a pair or a point."""
        point = given if isinstance(given, Mapping) else dict(zip(PAIR, given, strict=True))
        values = dict(self.values)
        return set(self.moved) <= set(point) and all(values.get(name) == value for name, value in point.items())


ORIGINAL = Cell("(1, 0)", (("scale", 1), ("shift", 0)), (), 1.0, True)  # images as they are


def chain(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of the chain of a spec with its defaults, as JSON: `blind_spot` is short for the paper's alone."""
    if "transform" in spec:
        return spec["transform"]["chain"]
    return [{"name": PAPER, "pixel_range": spec["blind_spot"]["pixel_range"]}]


def moves(spec: Mapping[str, Any], at: Cell) -> list[tuple[dict[str, Any], dict[str, float]]]:
    """The steps that move images in a cell, as JSON, each with its own point, which has all of its parameters."""
    steps = zip(chain(spec), chained(chain(spec)).steps, strict=True)
    return [(given, step.own(at.point)) for given, step in steps if not step.idle(at.point)]


def points(spec: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """Pairs (pointer, point) of all cells that a spec lists, then those of its grid; the original where it has none."""
    if "transform" not in spec:
        for i, pair in enumerate(spec["blind_spot"]["cells"]):
            yield f"/blind_spot/cells/{i}", dict(zip(PAIR, pair, strict=True))
        return
    where = spec["transform"]
    for i, point in enumerate(where.get("cells", [] if "grid" in where else [{}])):
        yield f"/transform/cells/{i}", point
    grid = where.get("grid", {})
    for values in itertools.product(*grid.values()) if grid else ():
        yield "/transform/grid", dict(zip(grid, values, strict=True))


def count(spec: Mapping[str, Any]) -> int:
    """How many points there are, without going through a grid."""
    where = spec.get("transform", {})
    listed = where.get("cells", ()) if where else spec["blind_spot"]["cells"]
    return len(listed) + (math.prod(map(len, where["grid"].values())) if "grid" in where else 0)


def cells(spec: Mapping[str, Any]) -> tuple[Cell, ...]:
    """The cells of a checked spec, in its order; a point of the grid that is listed, too, stands once."""
    steps = chain(spec)
    transform, alone = chained(steps), [step["name"] for step in steps] == [PAPER]
    return tuple(dict.fromkeys(cell(transform, point, pair=alone) for _, point in points(spec)))


def cell(transform: Transform, point: Mapping[str, float], *, pair: bool = False) -> Cell:
    """The cell of a point of a chain."""
    space = transform.space
    values = tuple((name, point.get(name, space[name].neutral)) for name in space)
    moved = tuple(name for name, value in values if value != space[name].neutral)
    if pair:
        text = f"({', '.join(f'{value:g}' for _, value in values)})"
    else:
        text = ", ".join(f"{_called(transform, name)} {value:g}" for name, value in values if name in moved)
    return Cell(text or "original", values, moved, transform.contraction(point), pair)


def _called(transform, name):
    """What a table calls a parameter: its transformation's name where that has no other."""
    step = next(step for step in transform.steps if name in step.names.values())
    return step.name if len(step.names) == 1 else name
