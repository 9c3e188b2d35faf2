"""Images with their blind-spot versions, adversarial examples and what the network takes them for: for the page."""

import math
from collections.abc import Iterator

import numpy as np

from bsa.criteria import SLACK
from bsa.engine.results import Results
from bsa.report._verdict import radius
from bsa.report.page import Example, Gallery

MOST = 3  # images of a cell
BYTES = 1_500_000  # of uncompressed pixels in the pictures of one experiment, about: of more, fewer images are shown
SIDES = (128, 64, 32)  # pixels: the longest side of a picture; larger ones are made smaller


def galleries(results: Results) -> Iterator[Gallery]:
    """A gallery for each attack on each network."""
    attacked = results.find(kind="attack")
    if not attacked:
        return
    side, images = fitting(attacked[0].record["params"]["data"]["input_shape"], len(attacked))
    for network in results.spec.networks:
        for label in dict.fromkeys(r.place["label"] for r in results.find(kind="attack", network=network)):
            found = results.find(kind="attack", network=network, label=label)
            yield _gallery(results, found, images, side, f"{label} on network {network}")


def fitting(shape: tuple[int, ...], rows: int) -> tuple[int, int]:
    """The longest side of a picture of images of a shape (h, w, c), and how many of them in each of so many rows."""
    height, width, channels = shape
    for side in SIDES:
        smaller = min(1.0, side / max(height, width))
        images = int(BYTES / (3 * height * width * channels * smaller**2 * rows))
        if images:
            return side, min(images, MOST)
    return side, 1


def _gallery(results, found, images, side, title):
    attacked = [result.arrays("attack.npz", "index", "y") for result in found]
    common = set.intersection(*(set(each["index"].tolist()) for each in attacked))
    chosen = [_chosen(each, common, images) for each in attacked]
    shown = {number for each, rows in zip(attacked, chosen, strict=True) for number in each["index"][rows].tolist()}
    originals, rows = _originals(results, shown), []
    for result, at in zip(found, chosen, strict=True):
        arrays = result.rows("attack.npz", at)
        rows.append((_head(result), [_example(results, result, arrays, row, originals) for row in range(len(at))]))
    return Gallery(title, rows, _amplified(max(max(result.place["thresholds"]) for result in found)), side)


def _originals(results, numbers):
    """The images of these numbers as they are in the data set, by number, as far as one attack or other was on them."""
    found = {}
    for result in results.find(kind="attack"):
        if result.place["cell"].original and (left := numbers - found.keys()):
            index = result.arrays("attack.npz", "index")["index"].tolist()
            saved = result.rows("attack.npz", [row for row, number in enumerate(index) if number in left])
            found |= dict(zip(saved["index"].tolist(), saved["x"], strict=True))
    return found


def _chosen(arrays, common, images):
    """Rows of the images to show: those attacked in every cell, one of each class, before others."""
    seen, first, rest = set(), [], []
    for at, (number, label) in enumerate(zip(arrays["index"].tolist(), arrays["y"].tolist(), strict=True)):
        fresh = number in common and label not in seen
        seen |= {label} if fresh else set()
        (first if fresh else rest).append((number not in common, at))
    return [at for _, at in [*first, *sorted(rest)]][:images]


def _head(result):
    within = " or ".join(map(radius, result.place["thresholds"]))
    return f"cell {result.place['cell']}, within {within}"


def _example(results, result, arrays, at, originals):
    distance, number = float(arrays["distance"][at]), int(arrays["index"][at])
    found = bool(np.isfinite(distance))
    seen = results.named(int(arrays["predicted"][at])) if "predicted" in arrays else "?"
    return Example(
        number=number,
        label=results.named(int(arrays["y"][at])),
        original=None if result.place["cell"].original else originals.get(number),
        image=arrays["x"][at],
        adversarial=arrays["adversarial"][at] if found else None,
        seen=seen if found else "",
        distance=f"{distance:.3f}",
        within=distance <= max(result.place["thresholds"]) + SLACK,
    )


def _amplified(largest):
    """The factor, of two digits, by which a difference of the largest threshold becomes half the range of pixels."""
    factor = 0.5 / largest
    digits = 1 - math.floor(math.log10(factor))
    return max(round(factor, digits), 1.0)
