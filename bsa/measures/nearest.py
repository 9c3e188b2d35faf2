"""How far test images are from the training images in a network's embedding (paper, Eq. 2 and Table 1).

D(x) = (1/k) * sum of the k smallest ||h(x) - h(x_train)||_p, exact, for several k in one pass. Table 1's distance is
over features with mean 0 and variance 1 over the training images, divided by sqrt(m) for m features.
"""

import numpy as np

from bsa.errors import BsaError, UsageError
from bsa.measures._neighbours import Neighbours, choice
from bsa.search.journal import digest_of

SAME = 2.0**-20  # a feature that spans less of its own size, 8 units in float32's last place, is constant
PIECE, SLOW_PIECE = 2000, 100  # test images between two saves, for p = 2 and for others
BLOCK = 4096  # training images at a time, where float64 copies are made


def measure(view, *, layer, k, p, images, training_images):
    """Distances of the first `images` images of a `View` to its first `training_images` (None: all) training images.

    Returns index, y (n,), correct (n,) bool; distance (len(k), n) float64, D(x) of Eq. 2; normalised (len(k), n)
    float64, over standardised features and divided by m^(1/p), sqrt(m) for p = 2; and figures. A feature that is
    constant over the training images, but for float32's rounding, cannot be standardised: it is 0 for every image,
    counts in m and in "constant"; "constant_in_training_only" are those of them in which a test image differs.
    Raises UsageError for fewer training images than k, BsaError where features are no finite numbers.
    """
    x, y = view.x[:images], view.y[:images]
    points = view.training(layer, training_images)[0]
    if len(points) < max(k) or not len(x):
        found = f"{len(points)} training and {len(x)} test images"
        raise UsageError(f"nearest: expected a test image and at least k = {max(k)} training images, found {found}")
    queries = view.embedding(x, layer)
    for features, what in ((points, "training"), (queries, "test")):
        _check(features, f'{what} images in layer "{layer}"')
    norm = np.inf if p == "inf" else p
    report = _reporter(view.journal, 2 * len(x))
    found = {"index": np.arange(len(x)), "y": y, "correct": view.logits(x).argmax(-1) == y}
    found["distance"] = _distances(Neighbours(points, p=norm), queries, k, view.journal, "distance", report)
    constant, deviation = spread(points)
    kept = ~constant
    found["normalised"] = np.zeros_like(found["distance"])
    if kept.any():
        some = Neighbours(np.ascontiguousarray(points[:, kept]), p=norm, weights=1 / deviation[kept])
        found["normalised"] += _distances(some, queries[:, kept], k, view.journal, "normalised", report)
        found["normalised"] /= points.shape[1] ** (1 / norm)
    else:
        report(len(x))
    figures = {"k": k, "p": p, "layer": layer, "images": len(x), "training_images": len(points)}
    figures |= {"features": points.shape[1], "constant": int(constant.sum())}
    figures["constant_in_training_only"] = int((_apart(points[:1], queries) & constant).sum())
    figures |= {"mean": found["distance"].mean(1).tolist(), "mean_normalised": found["normalised"].mean(1).tolist()}
    return found | figures | {"library": choice(norm)}


def spread(points):
    """Which features of points (N, m) float32 are constant, (m,) bool, and their standard deviations, (m,) float64.

    The variance is over N, in float64 and from the deviations themselves; 0 where constant.
    """
    constant = ~_apart(points[:1], points)
    mean, squares = points.mean(0, dtype=np.float64), np.zeros(points.shape[1])
    for at in range(0, len(points), BLOCK):
        squares += np.square(points[at : at + BLOCK] - mean).sum(0)
    return constant, np.where(constant, 0, np.sqrt(squares / len(points)))


def _apart(points, queries):
    """In which features points (N, m) and queries (n, m) together span more than float32's rounding: (m,) bool."""
    low = np.minimum(points.min(0), queries.min(0)).astype(np.float64)
    high = np.maximum(points.max(0), queries.max(0)).astype(np.float64)
    return high - low > SAME * np.maximum(-low, high)


def _distances(neighbours, queries, k, journal, name, report):
    """D (len(k), n) for queries (n, m); pieces are kept in the `journal`, and not computed again."""
    size, parts = PIECE if neighbours.p == 2 else SLOW_PIECE, []
    for number, at in enumerate(range(0, len(queries), size)):
        part = queries[at : at + size]
        place, digest = f"{name}_{number:04d}", digest_of(part, np.array(k))
        saved = journal.piece(place, digest)
        if saved is None:
            near = neighbours.nearest(part, max(k))
            saved = {"distance": np.stack([near[:, :each].mean(1) for each in k])}
            journal.keep(place, digest, saved)
        parts.append(saved["distance"])
        report(len(part))
    return np.concatenate(parts, axis=1)


def _reporter(journal, total):
    """report(more): counts what is done, and tells the `journal`."""
    done = 0

    def report(more):
        nonlocal done
        done += more
        journal.tell(done, total)

    report(0)
    return report


def _check(features, what):
    wrong = ~np.isfinite(features).all(1)
    if wrong.any():
        raise BsaError(
            f"nearest: expected finite features, found infinities or no numbers in {wrong.sum()} of {len(wrong)} "
            f"{what}, the first of them image {wrong.argmax()}: does the network give numbers?"
        )
