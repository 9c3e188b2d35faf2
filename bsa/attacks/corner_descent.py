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

from bsa.attacks import _pilot
from bsa.networks import AT_ONCE, batch, checked, target
from bsa.rewrites.opened import opened
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.confirm import confirmed, searched, stages
from bsa.search.ledger import margin_shares
from bsa.search.legs import Leg, search_in_legs
from bsa.search.returns import beside, by_squares, returning, small_sides
from bsa.search.returns import stages as stages_of_returns
from bsa.search.squares import search_by_squares
from bsa.search.variants import measuring, varied, without
from bsa.search.work import FORWARD, Cost

PLAIN = "corner_descent: the model's own gradients, because Keras cannot rebuild it to open its ReLUs"
NO_RELU = "corner_descent: the model's own gradients, because no ReLU was found to open"
EARLY = "glance", "near", "close"  # the fields that say when an image is given up


def make(model, *, epsilon, mode, leg, gradient, resume, give_up, execution):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    In mode "success" the `thresholds` (radii in [0, 1] pixels) are tried from the largest down, a smaller one only for
    images that fell at the one before, from fresh corners. In mode "least_distortion" the radius of each image is
    bisected, beginning at the largest threshold; what does not fall there stays unbroken.

    `leg`: the first leg has `steps`, those after it `later_steps`, None for as many: towards each of so many `targets`
    one by each of the `rules`. `rate` is Adam's first rate as a share of the radius, half of it by the network's own
    gradients; it falls to a tenth over a leg. All of it begins anew from each of the `starts`.

    `gradient`: `sharpness` is that of the opened backward pass, 0 for none, `precision` that of the search.

    `resume`: so many `times` what is near goes on from the nearest point so far: by a random search of `squares`, a
    pass each, forward only, and by two legs, which begin beside that point, at uniform noise of at most a share of the
    radius; each time takes the next share in the list `jitter`, and searches in float32 whatever the `precision`.

    `give_up`, None for never: after `glance` of the first leg's steps images leave, until the next start, whose margin
    is above the share `far` of their own. Legs after the first are for images whose least margin so far is at most the
    share `near`; the k-th time of `resume` for those that are near and within the k-th share in `close`, or its last
    one. Images misclassified from the beginning stay, and in mode "least_distortion" all do, lest it stop short.
    Where "measured" stands in place of rules, starts, near or close, a pilot of the call's first images tells them.
    ValueError where glance is above steps.
    """
    if (give_up["glance"] or 0) > leg["steps"]:
        expected = f"a glance of at most the {leg['steps']} steps of the first leg"
        raise ValueError(f"expected {expected}, found {give_up['glance']}")
    params = {"mode": mode, "leg": leg, "gradient": gradient, "resume": resume, "give_up": give_up}
    made, measure = functools.partial(_made, model, execution), pilot(model, execution=execution, **params)
    return measuring(measure, made) if measure else made(**params)


def _made(model, execution, *, mode, leg, gradient, resume, give_up):
    """The attack by parameters of which nothing is left to be measured."""
    exact, models, copies, notes = _nets(model, gradient)
    least = mode == "least_distortion"
    executed = batch(exact, execution), execution.jit_compile

    @functools.cache
    def search_by(*nets):
        """The search by models and, after them, the opened copies of these, None for those that have none."""
        return _search(nets, leg, resume, give_up | dict.fromkeys(EARLY) if least else give_up, executed)

    rounds = named.rounds(leg["starts"], leg["restarts"])
    course = ball.in_balls(search_by, rounds, _stages(models, leg, resume), least=least)
    return ball.attack(model, exact, [*models, *copies], course, batch_size=executed[0], notes=notes)


def pilot(model, *, leg, gradient, resume, execution, **more):
    """What measures on images what is left to be measured: `measure(x, y, *, thresholds, seed=0, index=None)`.

    It gives the parameters, nothing in them left to be measured, and what a record says of it: which images it looked
    at is by their numbers alone. None where nothing is to be measured.
    """
    params = {"leg": leg, "gradient": gradient, "resume": resume, **more}
    if not _pilot.asked(params):
        return None
    exact, models, copies, _ = _nets(model, gradient)
    executed = batch(exact, execution), execution.jit_compile

    def moves(own, copy, rule):
        return _moves(own, copy, leg | {"rules": [rule]}, resume | {"times": 1}, executed)[0]

    course = _pilot.Pilot(params, moves, executed)
    search = ball.attack(model, exact, [*models, *copies], course, batch_size=executed[0])

    def measure(x, y, *, thresholds, seed=0, index=None):
        x, y, index = checked(exact, x, y, index)
        rows = _pilot.first(exact, x, y, index)
        return course.told(params, search(x[rows], y[rows], thresholds=thresholds, seed=seed, index=index[rows]))

    return measure


def _nets(model, gradient):
    """The model that judges, those that search, their opened copies, and what a reader is told of these."""
    exact = target(model)
    models = searched(exact, gradient["precision"])
    copies = [opened(m, gradient["sharpness"]) if gradient["sharpness"] else m for m in models]
    none = gradient["sharpness"] and copies[0] is models[0]
    return exact, models, copies, (PLAIN,) if copies[0] is None else (NO_RELU,) if none else ()


def _search(nets, leg, resume, give_up, executed):
    """`search(tried) -> points, passes`: the legs from a start, then the returns."""
    models, copies = nets[: len(nets) // 2], nets[len(nets) // 2 :]
    legs, _ = _schedule(leg)
    glance, far, near = (give_up[field] for field in ("glance", "far", "near"))
    ahead = [
        search_in_legs(copy or own, legs, glance or 0, leg["rate"], *executed)
        for own, copy in zip(models, copies, strict=True)
    ]
    own = models[-1]  # in float32: what only just stands hangs on the last bits
    moves = _moves(own, copies[-1], leg, resume, executed)
    whole = returning(confirmed(models, ahead, executed[0]), moves, own, min(executed[0], AT_ONCE))
    least = [min(filter(None, (glance and far, near, share)), default=None) for share in give_up["close"] or [None]]

    def search(tried):
        limits = np.full((len(tried.x), 2 + len(least)), np.inf, np.float32)
        if any(least):
            limits = margin_shares(tried.scores, tried.y, far, near, *least)
        arrays = tried.x, tried.y, tried.z, tried.radii, limits, tried.index
        return whole(*arrays, seed=tried.seed, purpose=f"return/{tried.start}", work=tried.work)

    return search


def _moves(own, copy, leg, resume, executed):
    """What each return does, a list of moves: squares, then a leg by opened and one by the network's own gradients."""
    _, back = _schedule(leg)
    at_random = search_by_squares(own, functools.partial(small_sides, resume["squares"]), *executed)
    first = [by_squares(at_random)] if resume["squares"] else []
    pair = [
        search_in_legs(copy or own, [back], 0, leg["rate"], *executed),
        search_in_legs(own, [back], 0, leg["rate"] / 2, *executed),
    ]
    shares = itertools.islice(itertools.cycle(resume["jitter"]), resume["times"])
    return [[*first, *(beside(each, share) for each in pair)] for share in shares]


def _stages(models, leg, resume):
    """The stages (`bsa.search.work`) of the search from one start."""
    legs, back = _schedule(leg)
    squares = [Cost(resume["squares"], FORWARD)] if resume["squares"] else []
    returns = stages_of_returns(resume["times"], [*squares, Cost(back.steps), Cost(back.steps)])
    return [*stages(models, sum(each.steps for each in legs)), *returns]


def _schedule(leg):
    """First the cross-entropy by the first rule, then each target by every rule; and a leg that returns."""
    steps, rules = leg["steps"], leg["rules"]
    later = leg["later_steps"] or steps
    towards = [Leg(later, target, rule) for target in range(1, leg["targets"] + 1) for rule in rules]
    return [Leg(steps, 0, rules[0]), *towards], Leg(later, 0, rules[0])


def passes(*, thresholds, mode, leg, resume, give_up, **_):
    """Passes of one image at most, forward and back, two squares for one; those of the pilot are beside them."""
    leg = _pilot.assumed({"leg": leg, "give_up": give_up}, _pilot.STARTS)["leg"]
    radii = len(thresholds) if mode == "success" else 1 + ball.BISECTIONS
    legs, back = _schedule(leg)
    once = sum(each.steps for each in legs) + resume["times"] * ((resume["squares"] + 1) // 2 + 2 * back.steps)
    return radii * len(named.rounds(leg["starts"], leg["restarts"])) * once


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`."""
    params = _pilot.assumed(params)
    own, gradient = without(params, EARLY), params["gradient"]
    if gradient["sharpness"]:
        own |= {"opened": (gradient["sharpness"],), "plain": params | {"gradient": gradient | {"sharpness": 0}}}
    return varied(params, "leg.steps", ("leg.later_steps", "resume.squares"), **own)
