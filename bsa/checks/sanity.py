"""Is the evaluation sound? Checks of the network, of its gradients and of the attack, by default with every attack.

A weak attack and a network that hides its gradients both look like robustness. Signs of them: a larger radius breaks
fewer images, more steps, another start or a black-box attack break more, radius 1 does not break all (Carlini et al.
2019, "On Evaluating Adversarial Robustness", section 5).
"""

import contextlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bsa.checks import _attack as attack
from bsa.checks import _gradients as gradient
from bsa.checks import _network as network
from bsa.checks._accuracy import accuracy
from bsa.checks._accuracy import otherwise as otherwise
from bsa.checks._check import Check, skipped
from bsa.criteria import GREY, SLACK, linf
from bsa.execution import DEFAULT, Execution
from bsa.networks import batch
from bsa.rewrites.opened import opened

SMALLEST, LARGEST = 1 / 255, GREY  # one grey level; where every image can become grey
FLAT = 0.05  # images that span less of [0, 1] were scaled by mistake


class Subject(NamedTuple):
    """The attack to judge. Checks import no attacks: the caller passes what is needed of them."""

    model: object  # the network as attacks see it: it computes in float32
    params: dict  # the attack's parameters, without the thresholds
    make: object  # make(params) gives the attack on the network with these parameters
    other: object  # other(name, params) gives another attack on it
    point: object  # point(start, x, index, radius) gives a named start (n, ...), projected onto the ball
    name: str = ""  # of the attack
    variants: object = lambda params: {}  # variants(params) of the attack, as `bsa.search.variants` describes them
    pilot: object = None  # of the attack, where its parameters leave something to be measured
    execution: Execution = DEFAULT
    stated: dict | None = None  # the parameters before the pilot, if it ran

    def measured(self, x, y, index, seed):
        """The same, nothing left to be measured."""
        if self.pilot is None:
            return self
        found = self.pilot(x, y, thresholds=[self.params["epsilon"]], seed=seed, index=index)
        return self._replace(params=self.params | found.params, stated=self.params)


class Sample(NamedTuple):
    """Correctly classified images of one blind-spot cell, and what the attack found for them, if it ran before."""

    cell: int | None
    x: np.ndarray  # (n, height, width, channels) float32 in [0, 1]
    y: np.ndarray  # (n,) int
    index: np.ndarray  # (n,) the images' numbers
    thresholds: list
    adversarial: np.ndarray | None = None
    distance: np.ndarray | None = None
    given: tuple | None = None  # (x, y) of all images, from which those classified correctly were taken
    around: np.ndarray | None = None  # the images from which distances are, if the attack moved them
    moved: bool = False  # whether the cell is another one than (1, 0)


def measure(subject, samples, *, seed, images, queries, gain, progress=None):
    """The list of `Check`s of one attack on one network, in all cells (`Sample`s), the accuracy first.

    As many as `images` of the samples are attacked again in several ways, in success mode at epsilon; earlier results
    are recomputed for all. `queries` are those of the black-box attack, `gain` is in percentage points, and
    `progress(done, total)` counts the attacks.
    """
    variants = subject.variants(subject.params)
    few = [_first(s, count) for s, count in zip(samples, _shares(images, samples), strict=True)]
    x, y, index = (np.concatenate([getattr(s, field) for s in few]) for field in ("x", "y", "index"))
    checks = [accuracy(subject.model, *s.given, s.cell, s.moved) for s in samples if s.given]
    checks += [
        *scale(subject.params, samples, variants),
        *network.outputs(subject.model, x if len(x) else samples[0].given[0]),
    ]
    if not len(x):
        return [*checks, skipped("attack", "no image is classified correctly, so that there is nothing to attack")]
    if any(check.found in network.UNUSABLE for check in checks):
        return [*checks, skipped("attack", "no attack can follow such outputs")]
    subject = subject.measured(x, y, index, seed)
    variants = subject.variants(subject.params)  # it may begin elsewhere than was assumed
    slopes, found = _gradients(subject, variants, few, x, y, index)
    checks += found
    if not _can_search(variants, slopes):
        checks.append(skipped("attack", "without any gradient it cannot find anything, and was not run again"))
    else:
        tries = attack.Tries(subject, x, y, index, seed, progress)
        with _quiet():
            checks += [*tries.curve(), *tries.effort(gain), *tries.patience(gain), *tries.starts(gain)]
            checks += [*tries.surrogate(), *tries.black_box(queries), *tries.reference(gain)]
        if samples[0].adversarial is None:
            samples = [few[0]._replace(adversarial=tries.base.x, distance=tries.base.distance)]
    return checks + [c for s in samples if s.adversarial is not None for c in recomputed(subject.model, s)]


def _can_search(variants, slopes):
    """Whether an attack needs no gradient, or has one, or does not say."""
    if variants.get("black_box") or "follows" not in variants:
        return True
    return not all(slopes[start].none.all() for start in variants["follows"] or slopes)


@contextlib.contextmanager
def _quiet():
    """Silences TensorFlow's warning about a function that is traced repeatedly: here each trace is another attack."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)


def passes(once, images):
    """About how many forward-backward passes the checks take, if the attack takes at most `once` passes an image."""
    return images * once * (attack.TRIES + 1)  # one try takes twice the steps


def _first(sample, count):
    """The first images of a sample, to be attacked anew."""
    x, y, index = sample.x[:count], sample.y[:count], sample.index[:count]
    return Sample(sample.cell, x, y, index, sample.thresholds)


def _shares(images, samples):
    """How many images of each sample: `images` in all, spread evenly."""
    return [images // len(samples) + (i < images % len(samples)) for i in range(len(samples))]


def scale(params, samples, variants):
    """Radii and pixels on the scale of [0, 1]; `variants` are those of the attack."""
    expected = f"radii from 1/255 up, below {LARGEST:g}"
    radii = sorted({params["epsilon"], *(t for s in samples for t in s.thresholds)})
    small, large = radii[0] < SMALLEST - SLACK, radii[-1] >= LARGEST
    passed = not (small or large)
    if large and not small and variants.get("bisects"):
        passed = None  # a bisection starts there
    message = "radii are on the scale of [0, 1] pixels"
    if small:
        message = (
            f"a radius of {radii[0]:g} is below one grey level, 1/255: no 8-bit pixel can change; pixels are in "
            "[0, 1]; was the radius divided by 255 twice?"
        )
    elif large:
        message = (
            f"within a radius of {radii[-1]:g} every image can become the same solid grey: success is certain and says "
            "nothing of robustness; pixels are in [0, 1]; was epsilon meant for a wider range?"
        )
    if passed is None:
        message = f"not judged: a bisection starts at {radii[-1]:g}"
    yield Check("epsilon's scale", passed, radii, expected, message)
    for sample in samples:
        pixels = np.asarray(sample.x if len(sample.x) else sample.given[0])
        low, high = float(pixels.min()), float(pixels.max())
        passed = high - low >= FLAT
        message = "images use the scale of [0, 1]"
        if not passed:
            message = f"all pixels lie in [{low:.3g}, {high:.3g}]: were the images divided by 255 twice?"
        yield Check("pixels' scale", passed, [low, high], f"pixels that span at least {FLAT:g}", message, sample.cell)


def _gradients(subject, variants, few, x, y, index):
    """`Slopes` of all images by start, and the checks in each cell."""
    params = subject.params
    names = dict.fromkeys([*gradient.COLOURS, *variants.get("follows", ())])
    points = {name: subject.point(name, x, index, params["epsilon"]) for name in names}
    slopes = gradient.slopes(subject.model, points, y, min(100, batch(subject.model, subject.execution)))
    checks, at, revived = [], 0, _revived(subject.model, variants)
    for sample in few:
        place, at = slice(at, at + len(sample.x)), at + len(sample.x)
        if len(sample.x):
            here = {name: s.of(place) for name, s in slopes.items()}
            checks += gradient.gradients(here, variants, sample.cell, revived)
    return slopes, checks


def _revived(model, variants):
    """Whether the attack, or a member, has an opened backward pass to follow: Keras cannot open every model."""
    copies = [opened(model, sharpness) for sharpness in variants.get("opened", ())]
    return any(copy is not None and copy is not model for copy in copies)


def recomputed(model, sample):
    """Distances in float64 and success by a float32 pass, from the adversarial images as they were saved."""
    broken = np.isfinite(sample.distance)
    away = linf(sample.adversarial, sample.x if sample.around is None else sample.around)[broken]
    inside = bool(sample.adversarial.min() >= 0 and sample.adversarial.max() <= 1)
    error = float(np.abs(away - sample.distance[broken]).max(initial=0))
    wrong = network.unconfirmed(model, sample.adversarial[broken], sample.y[broken])
    figures = {"largest_difference": error, "inside": inside, "unconfirmed": wrong, "adversarial": int(broken.sum())}
    message = "distances and successes are those of the saved images"
    if not inside or error:
        message = "the saved images are outside [0, 1] or at other distances than claimed: do not trust the table"
    elif wrong:
        message = (
            f"{wrong} of {int(broken.sum())} saved adversarial images are classified correctly when shown again: a "
            "network with noise or batch statistics, or a damaged result"
        )
    yield Check("distances", inside and not error and not wrong, figures, "equal, inside, confirmed", message,
                sample.cell)  # fmt: skip
