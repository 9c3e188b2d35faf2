"""L-inf attacks on Keras classifiers, one module each: `make(model, *, epsilon, ...) -> attack`.

`attack(x, y, seed=0, index=None, thresholds=...)` gives an `Attacked`; `index` numbers the images, so that a random
start does not depend on the batch, and `thresholds` are those of `make` unless a call names others. An attack
searches; what it found is judged here, on the returned float32 images, by a float32 pass of the model it was handed,
so that it cannot claim what the model does not confirm. Success is that of a paper's tables: among the images that the
model classifies correctly as they are. The others are not searched.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bsa import data, models
from bsa.attacks._searches import parts
from bsa.cells import SLACK
from bsa.ops import losses
from bsa.ops.precision import in_float32

UNCOUNTED = "images that the search found and whose logits are not finite do not count as broken"


class Attacked(NamedTuple):
    """What an attack found, one row for each of the n images, in their order."""

    x: np.ndarray  # (n, height, width, channels) float32 in [0, 1]: the adversarial image, the original where none
    success: np.ndarray  # (n,) bool: correct, and broken within the largest threshold; in least-distortion mode at all
    distance: np.ndarray  # (n,) float64: max |x' - x|, an upper bound of the least distortion; inf where none; wrong: 0
    start: np.ndarray  # (n,) str: the start that found it, "" where none
    passes: np.ndarray  # (n,) int32: forward-backward passes spent on the image; none where it was wrong
    correct: np.ndarray  # (n,) bool: classified correctly before the attack
    notes: tuple = ()  # of str: what a reader should know, such as gradients that are not what was asked for

    @property
    def rate(self):
        """Success among the images that were classified correctly, as tables have it: a float, nan where none was."""
        return float(self.success[self.correct].mean()) if self.correct.any() else float("nan")


def join(parts):
    """One result (`Attacked`, `Certified`) of several, in their order; a note that several carry stands once."""
    parts = list(parts)
    *arrays, notes = zip(*parts, strict=True)
    notes = tuple(dict.fromkeys(str(note) for part in notes for note in part))
    return type(parts[0])(*map(np.concatenate, arrays), notes)


def logits(model, x, batch_size=500):
    """The model's logits (n, classes) in inference mode, float32, computed in batches."""
    parts = [model(x[at : at + batch_size], training=False) for at in range(0, len(x), batch_size)]
    return np.concatenate([np.asarray(tf.cast(part, tf.float32)) for part in parts])


def margin_shares(scores, y, *shares):
    """The `shares` (n, m) of each image's own margin, float32: above them a search gives the image up.

    `scores` are the logits (n, classes) at the images. Inf, for never, where a share is None and for an image that is
    misclassified.
    """
    own = losses.margin(scores, y).numpy()[:, None]
    return (np.where(own > 0, own, np.inf) * [share or np.inf for share in shares]).astype(np.float32)


def given(scores, y):
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


class Best:
    """The closest confirmed adversarial image of each original so far. Every attack reports through it.

    `model` is what `target` gave: it computes in float32. `notes` go into the result. Judging takes batches of
    `batch_size`, of at most 500. `scores` are the logits (n, classes) at the originals; one that is misclassified lies
    at distance 0, so that no search looks for anything nearer.
    """

    def __init__(self, model, x, y, notes=(), batch_size=500):
        self.model, self.original, self.y, self.notes = model, x, y, tuple(notes)
        self.batch_size = min(batch_size, 500)
        self.x = x.copy()
        self.scores = logits(model, x, self.batch_size) if len(x) else np.zeros((0, 2), np.float32)
        self.notes += given(self.scores, y)
        self.correct = self.scores.argmax(-1) == y
        self.distance = np.where(self.correct, np.inf, 0.0)
        self.start = np.full(len(x), "", "<U32")
        self.passes = np.zeros(len(x), np.int32)

    def offer(self, rows, candidates, passes, start):
        """Judge candidates (m, ...) for the images numbered `rows` (m,), and keep those that are an improvement."""
        self.passes[rows] += passes
        candidates = np.clip(candidates.astype(np.float32), 0, 1)
        scores = logits(self.model, candidates, self.batch_size)
        own, finite = (np.arange(len(rows)), self.y[rows]), np.isfinite(scores).all(-1)
        true = scores[own].copy()
        scores[own] = -np.inf
        distance = linf(candidates, self.original[rows])
        if not finite.all():
            self.notes = tuple(dict.fromkeys((*self.notes, UNCOUNTED)))
        better = finite & (true < scores.max(-1)) & (distance < self.distance[rows])
        kept = rows[better]
        self.x[kept], self.distance[kept], self.start[kept] = candidates[better], distance[better], start

    def descend(self, radii, rounds, attempt):
        """Try each radius from the largest down, a smaller one only on the images that fell at the one before.

        `rounds` are pairs (start, restart); `attempt(rows, start, restart, radius)` gives candidates and passes.
        """
        reach = np.inf
        for radius in parts(radii):
            fell = self.distance <= reach
            for start, restart in parts(rounds):
                rows = np.flatnonzero(fell & (self.distance > radius + SLACK))
                if len(rows):
                    self.offer(rows, *attempt(rows, start, restart, radius), start)
            reach = radius + SLACK

    def result(self, threshold=np.inf):
        """The `Attacked`; success means a distance of at most `threshold`."""
        success = self.correct & np.isfinite(self.distance) & (self.distance <= threshold + SLACK)
        return Attacked(self.x, success, self.distance, self.start, self.passes, self.correct, self.notes)


def linf(a, b):
    """max |a - b| over each image, in float64: (n, ...) and (n, ...) to (n,)."""
    return np.abs(a.astype(np.float64) - b.astype(np.float64)).reshape(len(a), -1).max(-1)


def target(model):
    """The model that an attack works on: `model`, or a float32 copy where some of its layers compute in less."""
    models.check(model)
    return in_float32(model)


def checked(model, x, y, index):
    """The inputs of an attack as arrays: x float32, y int32, index int64; ValueError says what is wrong.

    Forms of x and y are those of `bsa.data.images` and `bsa.data.labels`.
    """
    shape = models.image_shape(model) or (None, None, None)  # a subclassed model does not tell
    if len(shape) != 3:
        raise ValueError(f"expected a model of images (n, height, width, channels), found one of shape (n, {shape})")
    x = data.images(x, shape)
    y = data.labels(y, len(x), models.classes(model, x))
    index = np.arange(len(x)) if index is None else np.asarray(index)
    if index.shape != (len(x),) or (len(x) and index.dtype.kind not in "iu"):
        found = f"{index.dtype} of shape {index.shape}"
        raise ValueError(f"expected one whole number for each of the {len(x)} images in index, found {found}")
    return x, y, index.astype(np.int64)
