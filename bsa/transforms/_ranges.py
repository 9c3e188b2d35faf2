"""Checks of the ranges from which points of a transformation are drawn."""

from collections.abc import Iterator, Mapping
from typing import Any

from bsa.errors import suggest
from bsa.transforms._transform import Transform


def ranges_problems(transform: Transform, ranges: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Triples (name, what was expected, what was found) for `ranges` that `transform` does not have.

    By name, `ranges` has [low, high], a number, or "fits": whatever keeps pixels in range at the point's other values.
    """
    space = transform.space
    fitting = transform.fits({name: each.neutral for name, each in space.items()}) if transform.fits else {}
    for name, ends in ranges.items():
        if name not in space:
            yield name, f"one of {', '.join(space)}", f'"{name}"; {suggest(name, space)}'.removesuffix("; ")
        elif ends == "fits":
            if name not in fitting:
                yield name, "[low, high] or a number", f'"fits", which is for {", ".join(fitting) or "no parameter"}'
        else:
            low, high = ends if isinstance(ends, (list, tuple)) else (ends, ends)
            least, most = space[name].low, space[name].high
            if not least <= low <= high <= most:
                expected = f"[low, high] with {least:g} <= low <= high <= {most:g} ({space[name].unit})"
                yield name, expected, f"[{low:g}, {high:g}]"
