"""Blind-spot images: scale and shift pixel values a little (paper, section 3.3, Eq. 4).

The paper computes x' = scale * x + shift on pixels in [-0.5, 0.5], so that a scale below 1 shrinks the contrast
towards mid-grey; in [0, 1] pixels the same cell shrinks towards black and is another image. Hence every cell is
stated together with its pixel range. Plain arithmetic: numbers, arrays and tensors alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bsa.transforms._transform import Range, Transform, per_image

ROUNDING = 1e-9  # room for decimal fractions such as (1 - 0.7) / 2


def problem(scale: float, shift: float, pixel_range: Sequence[float]) -> str | None:
    """Why a cell is not allowed, as a sentence, or None if it is.

    A cell must map `pixel_range` into itself: clipping silently would attack another image than the one stated.
    """
    low, high = pixel_range
    if not low < high:
        return f"expected a pixel_range [low, high] with low < high, found [{low:g}, {high:g}]"
    ends = sorted((scale * low + shift, scale * high + shift))
    if ends[0] >= low - ROUNDING and ends[1] <= high + ROUNDING:
        return None
    reach = max((1 - abs(scale)) * (high - low) / 2, 0)
    middle = (1 - scale) * (low + high) / 2
    room = f"at scale {scale:g} a shift in [{middle - reach:g}, {middle + reach:g}] fits"
    if abs(scale) > 1:
        room = "a scale above 1 never fits"
    return (
        f"expected a cell that keeps pixels inside [{low:g}, {high:g}], found ({scale:g}, {shift:g}), "
        f"which reaches [{ends[0]:g}, {ends[1]:g}]; {room}"
    )


def affine(scale: float, shift: float, pixel_range: Sequence[float] = (-0.5, 0.5)) -> tuple[float, float]:
    """The same cell for pixels in [0, 1]: `(gain, offset)` with x' = gain * x + offset.

    Raises ValueError where the cell leaves the range.
    """
    wrong = problem(scale, shift, pixel_range)
    if wrong:
        raise ValueError(wrong)
    low, high = pixel_range
    return scale, round(((scale - 1) * low + shift) / (high - low), 12)


def blind_spot(
    x: Any,
    scale: float,
    shift: float,
    pixel_range: Sequence[float] = (-0.5, 0.5),
) -> Any:
    """Images `x` (any shape, pixels in [0, 1]) moved into the cell (scale, shift) of `pixel_range`, in [0, 1] again.

    Raises ValueError where the cell leaves the range. Source: paper, section 3.3.
    """
    gain, offset = affine(scale, shift, pixel_range)
    return x * gain + offset


def make(*, pixel_range: Sequence[float] = (-0.5, 0.5)) -> Transform:
    """The transformation x' = scale * x + shift of pixels in `pixel_range`; both shrink or move the range of values.

    Raises ValueError for a `pixel_range` that is none. Source: paper, section 3.3.
    """
    low, high = pixel_range
    if not low < high:
        raise ValueError(f"expected a pixel_range [low, high] with low < high, found [{low:g}, {high:g}]")

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        if all(isinstance(value, (int, float)) for value in point.values()):
            return blind_spot(x, point["scale"], point["shift"], pixel_range)
        scale, shift = per_image(point["scale"], x), per_image(point["shift"], x)
        return x * scale + ((scale - 1) * low + shift) / (high - low)

    def wrong(point: Mapping[str, float]) -> str | None:
        if point["scale"] == 0:
            return "expected a scale that leaves an image to see, found 0"
        return problem(point["scale"], point["shift"], pixel_range)

    def fits(point: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        middle, reach = (1 - point["scale"]) * (low + high) / 2, (1 - abs(point["scale"])) * (high - low) / 2
        return {"shift": (middle - reach, middle + reach)}

    space = {
        "scale": Range(-1, 1, 1, "of the contrast"),
        "shift": Range(low - high, high - low, 0, "of the pixel range's units"),
    }
    return Transform(space, apply, wrong, lambda point: abs(point["scale"]), smooth=True, fits=fits)
