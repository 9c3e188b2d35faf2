"""The closest confirmed adversarial image of each original so far: every attack reports through it."""

from typing import NamedTuple

import numpy as np

from bsa.criteria import SLACK, linf, wrong
from bsa.networks import logits
from bsa.ops import losses
from bsa.outcomes import NONE
from bsa.outcomes import Attacked as Attacked
from bsa.search import finite
from bsa.search.work import Work

UNCOUNTED = "images that the search found and whose logits are not finite do not count as broken"


class Moved(NamedTuple):
    """Images that an attack moved before it searched around them, as `bsa.transforms` moves them."""

    x: np.ndarray  # (m, ...) float32 in [0, 1]
    point: np.ndarray  # (m,) with a field for each parameter of the transformation

    def of(self, rows):
        """Those of some rows."""
        return Moved(self.x[rows], self.point[rows])


class Ledger:
    """The closest confirmed adversarial image of each original so far. Every attack reports through it.

    `model` is what `target` gave: it computes in float32; `index` (n,) numbers the images. `notes` go into the result.
    Judging takes batches of `batch_size`, of at most 500. `scores` are the logits (n, classes) at the
    originals; one that is misclassified lies at distance 0, so that no search looks for anything nearer. `work` is
    the account of what is spent, which a `journal` is told of.
    """

    def __init__(self, model, x, y, index=None, notes=(), batch_size=500, journal=None):
        self.model, self.original, self.y, self.notes = model, x, y, tuple(notes)
        self.index = np.arange(len(x)) if index is None else index
        self.batch_size, self.work = min(batch_size, 500), Work(journal)
        self.x = x.copy()
        self.scores = logits(model, x, self.batch_size) if len(x) else np.zeros((0, 2), np.float32)
        self.notes += noted(self.scores, y)
        self.correct = self.scores.argmax(-1) == y
        self.distance = np.where(self.correct, np.inf, 0.0)
        self.start = np.full(len(x), "", "<U32")
        self.passes = np.zeros(len(x), np.int32)
        self.moved: Moved | None = None  # of all images, where the attack moves them

    def offer(self, rows, candidates, passes, start, moved=None):
        """Judge candidates (m, ...) for the images numbered `rows` (m,), and keep those that are an improvement.

        Their distance is that from the images or, of an attack that moves these, from `moved`, a `Moved` of m images.
        """
        self.passes[rows] += passes
        candidates = np.clip(candidates.astype(np.float32), 0, 1)
        scores = logits(self.model, candidates, self.batch_size)
        numbers = np.isfinite(scores).all(-1)
        distance = linf(candidates, self.original[rows] if moved is None else moved.x)
        if not numbers.all():
            self.notes = tuple(dict.fromkeys((*self.notes, UNCOUNTED)))
        better = numbers & wrong(scores, self.y[rows]) & (distance < self.distance[rows])
        kept = rows[better]
        self.x[kept], self.distance[kept], self.start[kept] = candidates[better], distance[better], start
        self.place(kept, moved and moved.of(better))

    def moves(self, neutral):
        """The attack moves images: its result is to say where each lies. `neutral` is the point of those that stay."""
        self.neutral = neutral
        point = np.empty(len(self.x), [(name, np.float64) for name in neutral])
        self.moved = Moved(self.original.copy(), point)
        self.place(np.arange(len(self.x)), None)

    def place(self, rows, moved):
        """What is kept of the images numbered `rows` (m,) lies around `moved`, or around the images: None."""
        if self.moved is None:
            return
        self.moved.x[rows] = self.original[rows] if moved is None else moved.x
        for name, still in self.neutral.items():
            known = moved is not None and name in moved.point.dtype.names
            self.moved.point[name][rows] = moved.point[name] if known else still

    def result(self, threshold=np.inf):
        """The `Attacked`; success means a distance of at most `threshold`."""
        success = self.correct & np.isfinite(self.distance) & (self.distance <= threshold + SLACK)
        notes = tuple(dict.fromkeys((*self.notes, *finite.noted(self.work.unusable, self.work.passes))))
        moved, point = self.moved or (NONE, NONE)
        return Attacked(self.x, success, self.distance, self.start, self.passes, self.correct, notes, moved, point)


def noted(scores, y):
    """Notes on the logits (n, classes) at the images that were handed in; ValueError where some are no numbers."""
    bad = int((~np.isfinite(scores)).any(-1).sum())
    if bad:
        raise ValueError(
            f"expected finite logits of the images, found others for {bad} of {len(scores)}: look for weights that are "
            "not finite, and for a division, a root or a logarithm of 0 in the network"
        )
    steps = losses.resolution(scores, y)
    if steps >= losses.FINE:
        return ()
    return (
        f"the median margin of the logits is {steps:.0f} of float32's steps at their size, fewer than {losses.FINE}: "
        "rounding hides the gradients of small changes; take what is added to all logits off them",
    )


def margin_shares(scores, y, *shares):
    """The `shares` (n, m) of each image's own margin, float32: above them a search gives the image up.

    `scores` are the logits (n, classes) at the images. Inf, for never, where a share is None and for an image that is
    misclassified.
    """
    own = losses.margin(scores, y).numpy()[:, None]
    return (np.where(own > 0, own, np.inf) * [share or np.inf for share in shares]).astype(np.float32)
