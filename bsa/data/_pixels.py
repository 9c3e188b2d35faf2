"""Pixels of any type as float32 in [0, 1], or an error that says what to do."""

from collections.abc import Callable, Sequence

import numpy as np

from bsa.data import _arrays, _made, _remembered
from bsa.data._arrays import Header
from bsa.errors import DataError
from bsa.lazy import BLOCK

SLIGHT = 1e-3  # of the range: resampling and rounding may overshoot so far; such pixels are clipped


def reader(x: Header, pixels: Sequence[float] | None) -> Callable:
    """`read(rows) -> float32 in [0, 1]` for an array of images in which `pixels` [low, high] are black and white.

    By default 0 and 255 for uint8, 0 and 1 for floats and bools. DataError if pixels have another range or type, with
    what to state; all pixels are checked, except those of uint8.
    """
    kind = x.dtype.kind
    if kind not in "buif" or x.dtype.hasobject:
        _arrays.whole(x)  # raises an error that says what is wrong with objects
        raise DataError(f"{x.place}: expected images of numbers, found {x.dtype}")
    low, high = pixels or ((0, 255) if x.dtype == np.uint8 else (0, 1))
    if not low < high:
        raise DataError(f'{x.place}: expected "pixels" [low, high] with low < high, found [{low:g}, {high:g}]')
    read = _arrays.reader(x)
    if x.dtype != np.uint8 or (low, high) != (0, 255):
        least, most = _remembered.remembered(f"pixels of {x.name}", [x.file], lambda: _range(x, read))
        _check(x, pixels, (low, high), least, most)
    elif not any((read(rows) > 1).any() for rows in _blocks(x)):
        raise DataError(
            f"{x.place}: expected uint8 pixels from 0 to 255, found none above 1: "
            f"{_made.state('pixels', '[0, 1]')}, if 1 is white"
        )
    exact = np.float32 if x.dtype.itemsize <= 2 or x.dtype == np.float32 else np.float64
    black, span = exact(low), exact(high) - exact(low)

    def converted(rows):
        found = read(rows).astype(exact)
        found = (found - black) / span if low else found / span
        return np.clip(found, 0, 1).astype(np.float32)

    return converted


def _blocks(x):
    rows = np.arange(x.shape[0])
    return (rows[at : at + BLOCK] for at in range(0, len(rows), BLOCK))


def _range(x, read):
    """The smallest and the largest pixel. DataError if some are no numbers."""
    least, most = np.inf, -np.inf
    for rows in _blocks(x):
        block = read(rows)
        low, high = float(block.min()), float(block.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            wrong = rows[(~np.isfinite(block)).reshape(len(rows), -1).any(1)][0]
            raise DataError(
                f"{x.place}: expected pixels that are numbers, found NaN or infinity, first in image {wrong}: "
                "repair or leave out such images"
            )
        least, most = min(least, low), max(most, high)
    return [least, most]


def _check(x, stated, bounds, least, most):
    """DataError if pixels from `least` to `most` are beyond the `bounds`, or nearly black everywhere."""
    low, high = bounds
    slack = SLIGHT * (high - low)
    found = f"found {x.dtype} from {least:g} to {most:g}"
    if stated is None and x.dtype.kind in "ui":
        raise DataError(
            f"{x.place}: expected uint8 or float pixels, {found}: {_made.state('pixels', _likely(least, most))}"
        )
    if least < low - slack or most > high + slack:
        raise DataError(f"{x.place}: expected pixels in [{low:g}, {high:g}], {found}: {_advice(least, most)}")
    if low == 0 and high > 1 and most <= 1:
        raise DataError(
            f"{x.place}: expected pixels in [{low:g}, {high:g}], {found}, all but black: "
            f"{_made.state('pixels', '[0, 1]')}, if 1 is white"
        )


def _likely(least, most):
    if least < 0:
        return "[BLACK, WHITE]"
    return next((f"[0, {top}]" for top in (1, 255, 1023, 4095, 65535) if most <= top), f"[0, {most:g}]")


def _advice(least, most):
    if least >= 0:
        return _made.state("pixels", _likely(least, most))
    for low, high in ((-0.5, 0.5), (-1, 1)):
        if least >= low - SLIGHT and most <= high + SLIGHT:
            return _made.state("pixels", f"[{low:g}, {high:g}]")
    return (
        'these look standardised: save x * deviation + mean, in [0, 1], and say in "pixels" of the model which mean '
        "and deviation it takes"
    )
