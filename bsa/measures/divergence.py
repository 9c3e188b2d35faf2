"""How the densities of training and test images differ in a network's embedding (paper, Eq. 3 and Table 1).

Per class: t-SNE of the embedded training and test images together, a Gaussian kernel density estimate with Scott's
rule for each, and KL(train || test) by numerical integration. A single t-SNE is no measurement: the number comes with
the spread over seeds and the estimate's own error.
"""

import numpy as np

from bsa.errors import BsaError, UsageError
from bsa.measures import _kl, _tsne
from bsa.measures.nearest import spread
from bsa.ops import seeds as derived
from bsa.search.journal import digest_of

PARTS = ("neighbours", "deviation", "grid", "outside")
LARGEST = 2**24  # points of a grid: 128 MB, several of which are in memory


def measure(view, *, layer, components, perplexity, seeds, grid, margin, bootstrap, images, training_images):
    """KL divergences of the first `training_images` (None: all) training from the first `images` test images.

    Returns the arrays points (n, components) float32, the t-SNE of each class and seed one after the other, with seed,
    y and test (n,); and figures: "kl", one number a t-SNE seed, the mean over the classes; "error" of each (see
    `_kl.Divergence`; the mean of the classes' errors, but that their deviations add as those of independent numbers);
    "spread" over the seeds (deviation, null for one; least, greatest); "classes" with the numbers of each class, in the
    order of the seeds. A class with fewer than components + 2 training or test images, or with the same features in
    all, has no density: it is left out, with "kl" null and a note. With a handful of images, the error is many times
    the number. Raises BsaError where that leaves no class, UsageError where the grid has more than 2^24 points.
    """
    if grid**components > LARGEST:
        most = round(LARGEST ** (1 / components))
        raise UsageError(f"divergence: expected a grid of at most {most} in {components} dimensions, found {grid}")
    training, labels = view.training(layer, training_images)
    test, y = view.embedding(view.x[:images], layer), view.y[:images]
    if not (np.isfinite(training).all() and np.isfinite(test).all()):
        raise BsaError(f'divergence: expected finite features in layer "{layer}", found NaN or infinity')
    members = {int(c): (training[labels == c], test[y == c]) for c in np.union1d(labels, y)}
    lacks = {c: _lack(*both, components + 2) for c, both in members.items()}
    large = {c: both for c, both in members.items() if not lacks[c]}
    if not large:
        raise BsaError(
            f"divergence: expected at least {components + 2} training and test images of a class, with features that "
            f"vary, found no class with them among {len(training)} and {len(test)} images"
        )
    settings = {"points": grid, "margin": margin, "bootstrap": bootstrap}
    wanted = [(seed, c) for seed in seeds for c in large]
    journal = view.journal
    digests = {c: digest_of(*both) for c, both in large.items()}
    pieces = {which: piece for which in wanted if (piece := journal.piece(_name(which), digests[which[1]]))}
    left = [which for which in wanted if which not in pieces]
    given = {"components": components, "perplexity": perplexity}
    tasks = ((np.concatenate(large[c]), given | {"seed": seed}) for seed, c in left)
    maps = _tsne.several(tasks, sum(len(part) for _, c in left for part in large[c]))
    for which, points in zip(left, maps, strict=True):
        pieces[which] = _piece(which, points, len(large[which[1]][0]), settings)
        journal.keep(_name(which), digests[which[1]], pieces[which])
        journal.tell(len(pieces), len(wanted), kl=float(np.mean([p["kl"] for p in pieces.values()])))
    pieces = {which: pieces[which] for which in wanted}
    return _arrays(pieces, large) | _figures(pieces, members, lacks, seeds)


def _lack(training, test, least):
    """Why a class has no density, or None."""
    sizes = f"{len(training)} training and {len(test)} test images"
    if min(len(training), len(test)) < least:
        return f"{sizes} have no density"
    if spread(np.concatenate([training, test]))[0].all():
        return f"{sizes} all have the same features"
    return None


def _piece(which, points, training, settings):
    """The t-SNE of one seed and class, the first `training` points of training images, with its numbers."""
    seed = derived.derive(which[0], f"divergence of class {which[1]}")
    found = {"points": points}
    return found | _kl.divergence(points[:training], points[training:], seed=seed, **settings)._asdict()


def _name(which):
    return "seed_{}_class_{}".format(*which)


def _arrays(pieces, members):
    """All points in a row, with what they are."""
    sizes = {c: [len(part) for part in both] for c, both in members.items()}
    return {
        "points": np.concatenate([piece["points"] for piece in pieces.values()]),
        "seed": np.concatenate([np.full(sum(sizes[c]), seed) for seed, c in pieces]),
        "y": np.concatenate([np.full(sum(sizes[c]), c) for _, c in pieces]),
        "test": np.concatenate([np.repeat([False, True], sizes[c]) for _, c in pieces]),
    }


def _figures(pieces, members, lacks, seeds):
    """The numbers of all classes and their means, as JSON values."""
    classes = []
    for c, (training, test) in members.items():
        found = [pieces[seed, c] for seed in seeds] if (seeds[0], c) in pieces else None
        numbers = {name: [float(p[name]) for p in found] if found else None for name in ("kl", "error", *PARTS)}
        classes.append({"class": c, "training": len(training), "test": len(test), **numbers})
    measured = [each for each in classes if each["kl"]]
    each = {name: np.array([found[name] for found in measured]) for name in ("kl", "neighbours", "deviation", "grid")}
    kl, apart = each["kl"].mean(0), np.abs(each["kl"] - each["neighbours"]).mean(0)  # a bias: classes do not cancel
    deviation = np.sqrt(np.square(each["deviation"]).sum(0)) / len(measured)
    deviations = float(kl.std(ddof=1)) if len(kl) > 1 else None
    return {
        "seeds": list(seeds),
        "kl": kl.tolist(),
        "error": (apart + _kl.NORMAL * deviation + each["grid"].mean(0)).tolist(),
        "spread": {"deviation": deviations, "least": float(kl.min()), "greatest": float(kl.max())},
        "classes": classes,
        "notes": [f"class {c} is left out: {lack}" for c, lack in lacks.items() if lack],
    }
