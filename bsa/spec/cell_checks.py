"""Errors in the cells of a spec: unknown transformations, points that are not allowed."""

from bsa.errors import UsageError, one_line
from bsa.spec import cells
from bsa.spec.chain import chained
from bsa.spec.problems import Problem, show
from bsa.transforms import scale_shift

MOST = 1000  # cells: each is a table's row, and hours for some
WAY_OUT = '"transform" or "blind_spot", which is short for the chain of "scale_shift" alone'


def problems(spec):
    """The problems of the cells of a spec, defaults filled in: of "transform" where it is there, or of "blind_spot"."""
    if "transform" in spec:
        yield from _transform(spec)
    else:
        yield from _blind_spot(spec["blind_spot"])


def sound(spec):
    """The cells of a spec, or none where something is wrong with them."""
    return () if any(problems(spec)) else cells.cells(spec)


def _blind_spot(where):
    low, high = where["pixel_range"]
    if not low < high:
        yield Problem("/blind_spot/pixel_range", "[low, high] with low < high", show(where["pixel_range"]))
        return
    for i, (scale, shift) in enumerate(where["cells"]):
        wrong = scale_shift.problem(scale, shift, (low, high))
        if wrong:
            yield stated(f"/blind_spot/cells/{i}", wrong)
        elif scale == 0:
            yield Problem(f"/blind_spot/cells/{i}", "a scale that leaves an image to see", "0")


def _transform(spec):
    if "blind_spot" in spec:
        yield Problem("/transform", WAY_OUT, "both")
    steps = cells.chain(spec)
    wrong = [problem for i, step in enumerate(steps) if (problem := _step(f"/transform/chain/{i}", step))]
    yield from wrong
    if (count := cells.count(spec)) > MOST:
        place = "/transform/grid" if "grid" in spec["transform"] else "/transform/cells"
        yield Problem(place, f"at most {MOST} cells", f"{count}")
    elif not wrong:
        yield from _points(spec, chained(steps))


def _step(place, step):
    """The problem of a step of a chain, or None."""
    try:
        chained([step])
    except UsageError as error:
        return stated(place, one_line(error))
    return None


def _points(spec, transform):
    """The problems of points: of a grid each sentence once."""
    seen = {}
    for place, point in cells.points(spec):
        wrong = transform.problem(point)
        if wrong:
            yield from [stated(place, wrong)] if (place, wrong) not in seen else ()
            seen[place, wrong] = place
            continue
        values = cells.cell(transform, point).values
        if seen.setdefault(values, place) != place and place != "/transform/grid":
            yield Problem(place, "each cell once", f"that of {seen[values]} again")


def stated(place, sentence):
    """A `Problem` of a sentence "expected ..., found ...", whatever stands before it."""
    expected, _, found = sentence.partition("expected ")[2].rpartition(", found ")
    return Problem(place, expected, found) if expected else Problem(place, "a point that is allowed", sentence)
