"""The first sanity check: does the network classify the images at all?

On pixels of another scale, or with labels in another order, a network still gets a few images right, and an attack on
these looks like any other.
"""

import numpy as np

from bsa.checks._check import FEW, TOO_FEW, Check, percent
from bsa.checks._network import call
from bsa.criteria import wilson
from bsa.rewrites.pixels import UNIT, affine, shown

TRIED = 200  # images on which other readings are tried
CLEARLY = 0.1  # of the way from chance to 100 %: below that, a network knows next to nothing
FAR = 0.2  # a gain in accuracy by other labels that is no accident, though a permutation is chosen to fit
MORE = 0.05  # the same for other pixels: there are few readings to choose from
EACH = 20  # images per class, on average, that a permutation of the labels needs not to be luck
CLOSE = 0.03  # readings within this of the best are as good; the first of them is the most usual
# A ReLU network may be as accurate on pixels of another scale, but far too confident. Its loss shows that. These are in
# units of log(classes), the loss of a network that knows nothing.
HIGH, LOW = 3, 0.5
OTHER = {"1 - x": lambda x: 1 - x, "x[..., ::-1]": lambda x: x[..., ::-1]}


def accuracy(model, x, y, cell=None, moved=False):
    """The `Check` of the accuracy of `model` on all images given, x (n, ...) in [0, 1] with labels y (n,), n > 0.

    If `moved`, the images are those of a cell. Another reading may undo the transformation, and is advice alone.
    """
    scores = _scores(model, x)
    right, classes = scores.argmax(-1) == y, scores.shape[-1]
    count, n, chance = int(right.sum()), len(y), 1 / classes
    share, (low, high) = count / n, wilson(count, n)
    bound = chance + CLEARLY * (1 - chance)
    figures = {"accuracy": share, "interval": [low, high], "images": n, "chance": chance}
    best, advice = otherwise(model, x, y, scores) if not moved or share <= 1 - FAR else (None, "")
    if best:
        figures["otherwise"] = best
    passed = low > bound and (moved or not best)
    said = f"{100 * share:.1f} % of {n} images are classified correctly [{100 * low:.1f}-{100 * high:.1f}]"
    message = said
    if not passed:
        look = "look at the scale of the pixels, the numbers of the classes and the weights"
        message = f"{said}, by chance {100 * chance:.1f} %: {advice or look}"
    if not passed and not best and count and n < FEW:
        passed, message = None, f"{TOO_FEW}: {message}"
    return Check("accuracy", passed, figures, f"an interval above {100 * bound:.1f} %", message, cell)


def otherwise(model, x, y, scores=None):
    """The reading of pixels or labels that the network expects, {name: accuracy}, and the advice; or None, "".

    With that reading, accuracy is far higher, or as high with a far lower loss. The first images x (n, ...) with labels
    y (n,) are tried; `scores` (n, classes) are the model's, if they are known.
    """
    x, y = np.asarray(x[:TRIED]), y[:TRIED]
    scores = _scores(model, x) if scores is None else scores[:TRIED]
    stated, nothing = _share(scores, y), np.log(scores.shape[-1])
    if stated > 1 - MORE and _loss(scores, y) < HIGH * nothing:
        return None, ""  # nothing would be better
    labels = _labels(scores.argmax(-1), y, scores.shape[-1])
    pixels, read = {}, {}
    for name, given, pixels[name] in _readings(model, x):
        read[name] = _scores(model, given)
    found = labels | {name: _share(given, y) for name, given in read.items()}
    _, highest = wilson(round(stated * len(y)), len(y))
    far = {
        name: share
        for name, share in found.items()
        if share >= stated + (FAR if name in labels else MORE) and wilson(round(share * len(y)), len(y))[0] > highest
    }
    surer = _surer(scores, read, y)
    name = next((n for n, share in (far or surer).items() if share >= max((far or surer).values()) - CLOSE), None)
    if name is None:
        return None, ""
    if name in labels:
        advice = f"the labels are in another order than the outputs: with {name}, accuracy is {percent(found[name])}"
    elif far:
        advice = f"the network expects other pixels: given {name}, accuracy is {percent(found[name])} of {len(y)}; "
        advice += _stated(model, pixels[name])
    else:
        advice = f"the network expects other pixels: given {name}, it is as accurate, {percent(found[name])}, at a "
        advice += (
            f"loss of {_loss(read[name], y):.2g} instead of {_loss(scores, y):.2g}; {_stated(model, pixels[name])}"
        )
    return {name: found[name]}, advice


def _surer(scores, read, y):
    """The accuracy, by name, of the readings with which the network is as accurate and its loss is reasonable."""
    nothing, stated = np.log(scores.shape[-1]), _share(scores, y)
    if _loss(scores, y) < HIGH * nothing:
        return {}
    shares = {name: _share(given, y) for name, given in read.items() if _loss(given, y) < LOW * nothing}
    return {name: share for name, share in shares.items() if share >= stated - CLOSE}


def _share(scores, y):
    return float((scores.argmax(-1) == y).mean())


def _loss(scores, y):
    """The mean cross-entropy of logits (n, classes), in nats."""
    from scipy.special import logsumexp

    return float((logsumexp(scores, axis=-1) - scores[np.arange(len(y)), y]).mean())


def _readings(model, x):
    """Readings of images x: a name, what the model is given, and the pixels to state for it, or None.

    A model of `bsa.wrap` converts its input to pixels first. It is given an input that this converts to the reading.
    """
    stated = model.wrapping.pixels if hasattr(model, "wrapping") else UNIT
    own = affine(stated, x.shape[-1])
    mean, std = x.mean((0, 1, 2)), np.maximum(x.std((0, 1, 2)), 1e-6)
    usual = {"x": UNIT, "255 * x": [0, 255], "2 * x - 1": [-1, 1], "x - 0.5": [-0.5, 0.5]}
    usual["(x - mean) / std"] = {"mean": [float(v) for v in mean], "std": [float(v) for v in std]}
    if x.shape[-1] == 3:
        usual |= {f"the pixels of {name}": name for name in ("torch", "caffe")}
    for name, pixels in usual.items():
        if shown(pixels) != shown(stated):
            yield name, own.inverse(affine(pixels)(x)), pixels
    for name, read in OTHER.items():
        if x.shape[-1] == 3 or "::" not in name:
            yield name, read(x), None


def _stated(model, pixels):
    """What to do if the network expects other pixels."""
    if pixels is None:
        return "let it begin with a layer that computes this from x in [0, 1]"
    if hasattr(model, "wrapping"):
        return f"state pixels {shown(pixels)}"
    return f"let it begin with a layer that computes this from x in [0, 1]: bsa.wrap(model, pixels={shown(pixels)})"


def _labels(guess, y, classes):
    """The accuracy with the labels in other orders, by name."""
    found = {f"(y {sign} 1) % {classes}": float((guess == (y + step) % classes).mean())
             for sign, step in (("+", 1), ("-", -1))}  # fmt: skip
    if len(y) >= EACH * classes:
        pairs = np.zeros((classes, classes))
        np.add.at(pairs, (y, guess), 1)
        from scipy.optimize import linear_sum_assignment  # here, as it takes long and a plan imports this module

        found["a permutation of y"] = float(pairs[linear_sum_assignment(-pairs)].sum() / len(y))
    return found


def _scores(model, x, size=200):
    return np.concatenate([call(model, np.asarray(x[at : at + size])) for at in range(0, len(x), size)])
