"""Descent in the L-inf ball from the corner that lies towards grey, in legs, with opened ReLUs: the strongest we have.

In a blind spot the first layer's units are off on the constant background: at the image the gradient of most pixels is
noise, and an attack that starts there finds little. At the corner of the ball towards grey, x + clip(1/2 - x, -radius,
radius), those units are on; a backward pass that lets gradients through ReLUs that are off (`rewrites.opened`) helps
further. The first leg climbs the cross-entropy; each later leg begins at the corner again and climbs the logit of one
other class, the likeliest at the first leg's end first, once by each step rule: Adam on the pixels finds more on the
networks of Madry et al., sign steps with momentum on those of Wong and Kolter. A search can also return to the nearest
point so far and go on from there: by a random search that moves small squares of pixels to the ball's edge and sees
what no gradient tells, then up the cross-entropy, for a leg by the opened gradients and for one by the network's own:
the first lead elsewhere, the second find there what the first pass over. An expert can leave images alone that are far
from another class at a first glance, and keep later legs for those that came near; no effort does, because on some
networks images fall from far, to short legs. An image leaves at its first misclassified point, by the true logits.
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
from bsa.search.legs import schedule, search_in_legs
from bsa.search.returns import beside, by_squares, returning, small_sides
from bsa.search.returns import stages as stages_of_returns
from bsa.search.squares import search_by_squares
from bsa.search.variants import Measured, measuring, varied, without
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

    `resume`: so many `times` what is near goes on from the nearest point so far: by a random search of `squares`,
    forward only, two for a pass, and by two legs, which begin beside that point, at uniform noise of at most a share of
    the radius; each time takes the next share in the list `jitter`, and searches in float32 whatever the `precision`.

    `give_up`, None for never: after `glance` of the first leg's steps images leave, until the next start, whose margin
    is above the share `far` of their own. Legs after the first are for images whose least margin so far is at most the
    share `near`; the k-th time of `resume` for those that are near and within the k-th share in `close`, or its last
    one. Images misclassified from the beginning stay, and in mode "least_distortion" all do, lest it stop short.
    Where "measured" stands in place of rules, starts, squares or close, or "leading" in that of rules, a pilot of the
    call's first images tells them.
    ValueError where glance is above steps.
    """
    if (give_up["glance"] or 0) > leg["steps"]:
        expected = f"a glance of at most the {leg['steps']} steps of the first leg"
        raise ValueError(f"expected {expected}, found {give_up['glance']}")
    params = {"mode": mode, "leg": leg, "gradient": gradient, "resume": resume, "give_up": give_up}
    nets = _Networks(model, gradient, execution)
    made, measure = functools.partial(_made, model, nets), _measure(model, nets, params)
    return measuring(measure, made) if measure else made(**params)


def _made(model, nets, *, mode, leg, resume, give_up, **_):
    """The attack by parameters of which nothing is left to be measured."""
    least = mode == "least_distortion"

    @functools.cache
    def search_by(*models):
        """The search by models and, after them, the opened copies of these, None for those that have none."""
        return _search(nets, models, leg, resume, give_up | dict.fromkeys(EARLY) if least else give_up)

    rounds = named.rounds(leg["starts"], leg["restarts"])
    course = ball.in_balls(search_by, rounds, _stages(nets.models, leg, resume), least=least)
    return ball.attack(model, nets.exact, nets.searching, course, batch_size=nets.batch_size, notes=nets.notes)


def pilot(model, *, gradient, execution, **params):
    """What measures on images what is left to be measured, as `bsa.search.variants.pilot` says; None for nothing.

    Which images it looks at is by their numbers alone.
    """
    params = {"gradient": gradient, **params}
    return _measure(model, _Networks(model, gradient, execution), params) if _pilot.asked(params) else None


def _measure(model, nets, params):
    if not _pilot.asked(params):
        return None

    def moves(own, copy, rule):
        squares = min(_pilot.assumed(params)["resume"]["squares"], _pilot.SQUARES)
        resume = params["resume"] | {"times": 1, "squares": squares}
        return _moves(nets, own, copy, params["leg"] | {"rules": [rule]}, resume)[0]

    course = _pilot.Pilot(params, nets.legs, moves)
    search = ball.attack(model, nets.exact, nets.searching, course, batch_size=nets.batch_size)

    def measure(x, y, *, thresholds, seed=0, index=None):
        x, y, index = checked(nets.exact, x, y, index)
        rows, passes = _pilot.first(model, x, y, index, nets.batch_size), np.zeros(len(x), np.int32)
        found = search(x[rows], y[rows], thresholds=thresholds, seed=seed, index=index[rows])
        passes[rows] = found.passes
        return Measured(*course.told(found), passes)

    return measure


class _Networks:
    """The model that judges, those that search, their opened copies, and the graphs of searches by them.

    Each graph is traced once: the pilot's are the attack's, and those of one cell another's, whatever was measured.
    """

    def __init__(self, model, gradient, execution):
        self.exact = target(model)
        self.models = searched(self.exact, gradient["precision"])
        sharpness = gradient["sharpness"]
        copies = [opened(m, sharpness) if sharpness else m for m in self.models]
        self.searching = [*self.models, *copies]
        none = sharpness and copies[0] is self.models[0]
        self.notes = (PLAIN,) if copies[0] is None else (NO_RELU,) if none else ()
        self.batch_size = batch(self.exact, execution)
        executed = self.batch_size, execution.jit_compile

        def by_legs(net, glance, rate, *legs):
            return search_in_legs(net, legs, glance, rate, *executed)

        def by_small_squares(net, count):
            return search_by_squares(net, functools.partial(small_sides, count), *executed)

        self.legs, self.squares = functools.cache(by_legs), functools.cache(by_small_squares)


def _search(nets, models, leg, resume, give_up):
    """`search(tried) -> points, passes`: the legs from a start, then the returns."""
    models, copies = models[: len(models) // 2], models[len(models) // 2 :]
    legs, _ = schedule(leg)
    glance, far, near = (give_up[field] for field in ("glance", "far", "near"))
    ahead = [nets.legs(copy or own, glance or 0, leg["rate"], *legs) for own, copy in zip(models, copies, strict=True)]
    own = models[-1]  # in float32: what only just stands hangs on the last bits
    moves = _moves(nets, own, copies[-1], leg, resume)
    whole = returning(confirmed(models, ahead, nets.batch_size), moves, own, min(nets.batch_size, AT_ONCE))
    least = [min(filter(None, (glance and far, near, share)), default=None) for share in give_up["close"] or [None]]

    def search(tried):
        limits = np.full((len(tried.x), 2 + len(least)), np.inf, np.float32)
        if any(least):
            limits = margin_shares(tried.scores, tried.y, far, near, *least)
        arrays = tried.x, tried.y, tried.z, tried.radii, limits, tried.index
        return whole(*arrays, seed=tried.seed, purpose=f"return/{tried.start}", work=tried.work)

    return search


def _moves(nets, own, copy, leg, resume):
    """What each return does, a list of moves: squares, then a leg by opened and one by the network's own gradients."""
    _, back = schedule(leg)
    first = [by_squares(nets.squares(own, resume["squares"]))] if resume["squares"] else []
    pair = [nets.legs(copy or own, 0, leg["rate"], back), nets.legs(own, 0, leg["rate"] / 2, back)]
    shares = itertools.islice(itertools.cycle(resume["jitter"]), resume["times"])
    return [[*first, *(beside(each, share) for each in pair)] for share in shares]


def _stages(models, leg, resume):
    """The stages (`bsa.search.work`) of the search from one start."""
    legs, back = schedule(leg)
    squares = [Cost(resume["squares"], FORWARD)] if resume["squares"] else []
    returns = stages_of_returns(resume["times"], [*squares, Cost(back.steps), Cost(back.steps)])
    return [*stages(models, sum(each.steps for each in legs)), *returns]


def passes(*, thresholds, mode, leg, resume, give_up, **_):
    """Passes of one image at most, forward and back, two squares for one; those of the pilot are beside them."""
    known = _pilot.assumed({"leg": leg, "resume": resume, "give_up": give_up}, _pilot.STARTS)
    leg, resume = known["leg"], known["resume"]
    radii = len(thresholds) if mode == "success" else 1 + ball.BISECTIONS
    legs, back = schedule(leg)
    once = sum(each.steps for each in legs) + resume["times"] * ((resume["squares"] + 1) // 2 + 2 * back.steps)
    return radii * len(named.rounds(leg["starts"], leg["restarts"])) * once


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`."""
    params = _pilot.assumed(params)
    own, gradient = without(params, EARLY), params["gradient"]
    if gradient["sharpness"]:
        own |= {"opened": (gradient["sharpness"],), "plain": params | {"gradient": gradient | {"sharpness": 0}}}
    return varied(params, "leg.steps", ("leg.later_steps", "resume.squares"), **own)
