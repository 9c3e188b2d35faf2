"""A sanity check across attacks: did one find far less than another on the same images? It attacks nothing."""

import numpy as np

from bsa.checks._check import Check, little, much, of, percent, points, skipped
from bsa.criteria import SLACK

NAME = "strongest of the spec"


def strongest(own, others, *, gain, cell):
    """The `Check` that compares an attack in one cell with the spec's other attacks, on the images that both attacked.

    `own` is a triple: the images' numbers (n,), their distances (n,), inf where no adversarial image was found, and the
    thresholds. `others` has such triples by label. `gain` is in percentage points.
    """
    gaps = [gap for label, other in others.items() for gap in _gaps(own, label, other)]
    if not gaps:
        found = "has the same images and thresholds" if others else "attacks this network"
        return skipped(NAME, f"no other attack of the spec {found}")._replace(cell=cell)
    more, size, ours, label, radius = max(gaps, key=lambda gap: gap[0] / gap[1])
    figures = {"success": ours / size, "other": (ours + more) / size, "attack": label, "threshold": radius}
    passed, message = not much(more, size, gain), "no attack of the spec finds far more"
    if not passed:
        message = (
            f"on the same images {label} breaks {points(more, size)} more within {radius:g}: {percent(ours / size)} "
            "says how weak this attack is, not how robust the network; raise its steps and add starts, or leave it out"
        )
    return of(size, Check(NAME, passed, figures | {"images": size}, little(gain), message, cell))


def _gaps(own, label, other):
    """At each threshold of both: how many more images the other breaks, of how many, and how many this one breaks."""
    _, mine, theirs = np.intersect1d(own[0], other[0], return_indices=True)
    shared = [t for t in own[2] if np.isclose(other[2], t, rtol=0, atol=SLACK).any()] if len(mine) else []
    for radius in shared:
        ours, more = (int((d <= radius + SLACK).sum()) for d in (own[1][mine], other[1][theirs]))
        yield more - ours, len(mine), ours, label, float(radius)
