"""How the densities of training and test images differ in a network's embedding (paper, Eq. 3 and Table 1).

Per class, t-SNE of the embedded training and test images together, a Gaussian kernel density estimate with Scott's
rule of each, and KL(train || test) by numerical integration. One t-SNE is no measurement: the spread over seeds and the
estimate's own error stand beside the number.
"""

import numpy as np

from bsa import store
from bsa.errors import BsaError
from bsa.measures import _kl, _tsne
from bsa.ops import seeds as derived

PARTS = ("neighbours", "deviation", "grid", "outside")


def measure(view, *, layer, components, perplexity, seeds, grid, margin, bootstrap, images, training_images):
    """KL divergences of the first `training_images` (None: all) training from the first `images` test images.

    Returns the arrays points (n, components) float32, the t-SNE of each class and seed one after the other, with seed,
    y and test (n,); and figures: "kl", one number a t-SNE seed, the mean over the classes; "error" of each (see
    `_kl.Divergence`; deviations of classes add as those of independent numbers); "spread" over the seeds (deviation,
    null for one; least, greatest); "classes" with the numbers of each class, in the order of the seeds. A class with
    fewer than components + 2 training or test images has no density: it is left out, with "kl" null and a note. Raises
    BsaError where that leaves no class.
    """
    training, labels = (array[:training_images] for array in view.training(layer))
    test, y = view.embedding(view.x[:images], layer), view.y[:images]
    if not (np.isfinite(training).all() and np.isfinite(test).all()):
        raise BsaError(f'divergence: expected finite features in layer "{layer}", found NaN or infinity')
    members = {int(c): (training[labels == c], test[y == c]) for c in np.union1d(labels, y)}
    large = {c: both for c, both in members.items() if min(map(len, both)) >= components + 2}
    if not large:
        raise BsaError(
            f"divergence: expected at least {components + 2} training and test images of a class, found no class with "
            f"them among {len(training)} and {len(test)} images"
        )
    settings = {"points": grid, "margin": margin, "bootstrap": bootstrap}
    pieces, done = {}, 0
    for seed in seeds:
        for c, both in large.items():
            embedded = {"components": components, "perplexity": perplexity, "seed": seed}
            pieces[seed, c] = _piece(view.folder, both, c, embedded, settings)
            done += 1
            if view.progress:
                view.progress(done, len(seeds) * len(large), kl=float(np.mean([p["kl"] for p in pieces.values()])))
    return _arrays(pieces, large) | _figures(pieces, members, seeds)


def _piece(folder, both, c, embedded, settings):
    """One class and seed: points and numbers as arrays, kept in `folder`."""
    file = folder and folder / f"class_{c}_seed_{embedded['seed']}.npz"
    if file and file.is_file():
        with np.load(file, allow_pickle=False) as saved:
            return dict(saved)
    points = _tsne.embed(np.concatenate(both), **embedded)
    first, second = points[: len(both[0])], points[len(both[0]) :]
    seed = derived.derive(embedded["seed"], f"divergence of class {c}")
    found = {"points": points, **_kl.divergence(first, second, seed=seed, **settings)._asdict()}
    if file:
        store.write(file, lambda handle: np.savez_compressed(handle, **found))
    return found


def _arrays(pieces, members):
    """All points in a row, with what they are."""
    sizes = {c: [len(part) for part in both] for c, both in members.items()}
    return {
        "points": np.concatenate([piece["points"] for piece in pieces.values()]),
        "seed": np.concatenate([np.full(sum(sizes[c]), seed) for seed, c in pieces]),
        "y": np.concatenate([np.full(sum(sizes[c]), c) for _, c in pieces]),
        "test": np.concatenate([np.repeat([False, True], sizes[c]) for _, c in pieces]),
    }


def _figures(pieces, members, seeds):
    """The numbers of all classes and their means, as JSON values."""
    classes = []
    for c, (training, test) in members.items():
        found = [pieces[seed, c] for seed in seeds] if (seeds[0], c) in pieces else None
        numbers = {name: [float(p[name]) for p in found] if found else None for name in ("kl", "error", *PARTS)}
        classes.append({"class": c, "training": len(training), "test": len(test), **numbers})
    measured = [each for each in classes if each["kl"]]
    kl, neighbours, grid = (np.mean([each[name] for each in measured], axis=0) for name in ("kl", "neighbours", "grid"))
    deviation = np.sqrt(np.sum(np.square([each["deviation"] for each in measured]), axis=0)) / len(measured)
    spread = {"deviation": float(kl.std(ddof=1)) if len(kl) > 1 else None, "least": kl.min(), "greatest": kl.max()}
    notes = [
        f"class {each['class']} is left out: {each['training']} training and {each['test']} test images have no density"
        for each in classes
        if not each["kl"]
    ]
    return {
        "seeds": list(seeds),
        "kl": kl.tolist(),
        "error": (np.abs(kl - neighbours) + _kl.NORMAL * deviation + grid).tolist(),
        "spread": {name: value if value is None else float(value) for name, value in spread.items()},
        "classes": classes,
        "notes": notes,
    }
