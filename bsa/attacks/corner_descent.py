"""Descent in the L-inf ball from the corner that lies towards grey, in legs, with opened ReLUs: the strongest we have.

In a blind spot the first layer's units are off on the constant background: at the image the gradient of most pixels is
noise, and an attack that starts there finds little. At the corner of the ball towards grey, x + clip(1/2 - x, -radius,
radius), those units are on; a backward pass that lets gradients through ReLUs that are off (`rewrites.opened`) helps
further. The first leg climbs the cross-entropy; each later leg begins at the corner again and climbs the logit of one
other class, the likeliest at the first leg's end first, once by each step rule: Adam on the pixels finds more on the
networks of Madry et al., sign steps with momentum on those of Wong and Kolter. A search can also return to the nearest
point so far and go on from there: by a random search that moves small squares of pixels to the ball's edge and sees
what no gradient tells, then up the cross-entropy, for a leg by the opened gradients and for one by the network's own:
the first lead elsewhere, the second find there what the first pass over. A few steps tell most images that fall
from those that never will: what is far from another class at a first glance can be left alone, and later legs, which
hardly ever help where the first one leaves the margin far from 0, can be many for those images alone that came near. An
image leaves at its first misclassified point, by the true logits.
"""

import functools
import itertools

import numpy as np

from bsa.networks import target
from bsa.rewrites.opened import opened
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.confirm import confirmed, searched, stages
from bsa.search.ledger import margin_shares
from bsa.search.legs import Leg, search_in_legs
from bsa.search.returns import beside, by_squares, returning, small_sides
from bsa.search.returns import stages as stages_of_returns
from bsa.search.squares import search_by_squares
from bsa.search.variants import varied, without
from bsa.search.work import FORWARD, Cost

PLAIN = "corner_descent: the model's own gradients, because Keras cannot rebuild it to open its ReLUs"
NO_RELU = "corner_descent: the model's own gradients, because no ReLU was found to open"
EARLY = "glance", "near", "close"  # the fields that say when an image is given up


def make(
    model,
    *,
    epsilon,
    mode,
    glance,
    far,
    steps,
    later_steps,
    targets,
    returns,
    near,
    close,
    jitter,
    squares,
    rules,
    rate,
    sharpness,
    starts,
    restarts,
    batch_size,
    jit_compile,
    precision,
):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    In mode "success" the `thresholds` (radii in [0, 1] pixels) are tried from the
    largest down, a smaller one only for images that fell at the one before, from fresh corners. In mode
    "least_distortion" the radius of each image is bisected, beginning at the largest threshold; what does not fall
    there stays unbroken. `rate` is Adam's first rate as a share of the radius, half of it by the network's own
    gradients; it falls to a tenth over a leg. Legs after the first have `later_steps`, None for as many, and are for
    images whose least margin so far is at most the share `near` of the image's own, None for all. The k-th of the
    `returns` is for those that are `near` and within the k-th share of the list `close`, or its last one, None for all
    that are `near`. A return is a random search by `squares`, a pass each, forward only, and two legs, which begin
    at the nearest point plus uniform noise of at most a share of the radius; returns take the shares in the list
    `jitter` in turn, and search in float32 whatever the `precision`. After `glance` of the first leg's steps, None for
    no look, images leave whose margin is above the share `far` of their own, until the next start. Images misclassified
    from the beginning stay, and in mode "least_distortion" all do, lest it stop short.
    ValueError where glance is above steps.
    """
    exact = target(model)
    models = searched(exact, precision)
    copies = [opened(m, sharpness) if sharpness else m for m in models]
    notes = (PLAIN,) if copies[0] is None else (NO_RELU,) if sharpness and copies[0] is models[0] else ()
    if (glance or 0) > steps:
        raise ValueError(f"expected a glance of at most the {steps} steps of the first leg, found {glance}")
    if mode == "least_distortion":
        glance = near = close = None
    legs, back = _schedule(steps, later_steps, targets, rules)
    settings = batch_size, jit_compile
    least = [min(filter(None, (glance and far, near, share)), default=None) for share in close or [None]]

    @functools.cache
    def search_by(*nets):
        """The search by models and, after them, the opened copies of these, None for those that have none."""
        models, copies = nets[: len(nets) // 2], nets[len(nets) // 2 :]
        ahead = [
            search_in_legs(copy or own, legs, glance or 0, rate, *settings)
            for own, copy in zip(models, copies, strict=True)
        ]
        own, copy = models[-1], copies[-1]  # in float32: what only just stands hangs on the last bits
        at_random = search_by_squares(own, functools.partial(small_sides, squares), *settings)
        first = [by_squares(at_random)] if squares else []
        pair = [
            search_in_legs(copy or own, [back], 0, rate, *settings),
            search_in_legs(own, [back], 0, rate / 2, *settings),
        ]
        shares = itertools.islice(itertools.cycle(jitter), returns)
        moves = [[*first, *(beside(leg, share) for leg in pair)] for share in shares]
        whole = returning(confirmed(models, ahead, batch_size), moves, own, min(batch_size, 500))

        def search(tried):
            limits = np.full((len(tried.x), 2 + len(least)), np.inf, np.float32)
            if any(least):
                limits = margin_shares(tried.scores, tried.y, far, near, *least)
            arrays = tried.x, tried.y, tried.z, tried.radii, limits, tried.index
            return whole(*arrays, seed=tried.seed, purpose=f"return/{tried.start}", work=tried.work)

        return search

    costs = [*([Cost(squares, FORWARD)] if squares else []), Cost(back.steps), Cost(back.steps)]
    schedule = [*stages(models, sum(leg.steps for leg in legs)), *stages_of_returns(returns, costs)]
    course = ball.in_balls(search_by, named.rounds(starts, restarts), schedule, least=mode == "least_distortion")
    return ball.attack(model, exact, [*models, *copies], course, batch_size=batch_size, notes=notes)


def _schedule(steps, later_steps, targets, rules):
    """First the cross-entropy by the first rule, then each target by every rule; and a leg that returns."""
    later = later_steps or steps
    towards = [Leg(later, target, rule) for target in range(1, targets + 1) for rule in rules]
    return [Leg(steps, 0, rules[0]), *towards], Leg(later, 0, rules[0])


def passes(*, thresholds, mode, steps, later_steps, targets, returns, squares, rules, starts, restarts, **_):
    """Passes of one image at most, forward and back, of squares forward only."""
    radii = len(thresholds) if mode == "success" else 1 + ball.BISECTIONS
    legs, back = _schedule(steps, later_steps, targets, rules)
    once = sum(leg.steps for leg in legs) + returns * (squares + 2 * back.steps)
    return radii * len(named.rounds(starts, restarts)) * once


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`."""
    own, sharpness = without(params, EARLY), params["sharpness"]
    if sharpness:
        own |= {"opened": (sharpness,), "plain": params | {"sharpness": 0}}
    return varied(params, "steps", ("later_steps", "squares"), **own)
