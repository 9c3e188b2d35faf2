"""Rates with their intervals: counted once, and rounded once, when they are written."""

from typing import Any

from bsa.criteria import wilson


def rate(count: int, images: int) -> dict[str, Any]:
    """`count` of `images` as JSON: percent and its 95 % Wilson interval, to two digits, and both numbers."""
    percent, low, high = exact(count, images)
    interval = [round(low, 2), round(high, 2)]
    return {"percent": round(percent, 2), "interval": interval, "images": int(images), "count": int(count)}


def text(found: dict[str, Any]) -> str:
    """A `rate` as tables show it: from its counts, as what was rounded for JSON must not be rounded again."""
    percent, low, high = exact(found["count"], found["images"])
    return f"{percent:.2f} [{low:.1f}-{high:.1f}]"


def exact(count: int, images: int) -> tuple[float, float, float]:
    """`count` of `images` and the ends of its interval, all in percent; nan of no images."""
    low, high = wilson(count, images)
    return 100 * count / images if images else float("nan"), 100 * low, 100 * high


def ends(found: dict[str, Any]) -> list[float]:
    """A `rate` and the ends of its interval as programs read them, to four digits."""
    return [round(number, 4) for number in exact(found["count"], found["images"])]


def record(found: dict[str, Any]) -> dict[str, Any]:
    """A `rate` as columns of a table for programs."""
    percent, low, high = ends(found)
    return {"images": found["images"], "count": found["count"], "percent": percent, "low": low, "high": high}
