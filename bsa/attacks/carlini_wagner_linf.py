"""The L-inf attack of Carlini and Wagner (2017, section VI.C), the attack of the paper, batched.

For each image it minimises c * max(margin, 0) + sum(max(|x' - x| - tau, 0)) over w, x' = (tanh(w) + 1) / 2, with
Adam. Once the class changes within tau, tau shrinks; where the steps run out, c grows; where c is at its largest, tau
has failed. Every image has its own tau, c and step count, and keeps the closest misclassified point it passed. Adam
ends close around the edge of the ball of radius tau, often a little outside: so the last steps of each c look at the
point projected onto that ball.
"""

import functools
import math

import numpy as np

from bsa import criteria
from bsa.networks import batch, target
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.confirm import confirmed, searched, stages
from bsa.search.ledger import margin_shares
from bsa.search.taus import search_taus
from bsa.search.variants import varied, without

CLOSEST = "closest"  # the start of `resume`
EARLY = "glance", "near"  # the fields that say when an image is given up


def make(model, *, epsilon, mode, leg, gradient, resume, give_up, execution):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    In mode "success" tau begins at the largest of `thresholds` (in [0, 1] pixels) and falls to the smallest, where an
    image stops; a start that follows works on images that are not there yet, from the largest threshold they are not
    within (whose ball `corner` and `uniform` lie in), and distances are upper bounds that were not driven further. In
    mode "least_distortion" tau begins at 1, and after a failure it is bisected until it is known within 1 %; every
    start works on every image.

    `leg`: `steps` for one tau and one constant, from each of the `starts`. `beta_2` is Adam's: each pixel outside that
    ball has a slope of 1, the margin's is far less, and while Adam remembers the former it hardly follows the latter:
    0.99 forgets in 100 steps. In the last steps of a constant, the share `project_last` of them, the margin is that of
    the point projected onto the ball of radius tau; 0 for never, as in the authors' release.

    `resume`: with `within` one more start, "closest", comes last: the closest misclassified point so far, projected
    onto that ball, of the images whose point is outside their threshold by at most that share of it (all that have a
    point, in mode "least_distortion"); None for no such start. It searches in float32 whatever the `precision` of the
    `gradient`: a lower one is what kept many of them out.

    `give_up`, in mode "success", None for never: tau has also failed where `glance` steps of the first constant leave a
    margin above the share `far` of the image's own, or all steps of a constant one above the share `near`. ValueError
    where glance is above steps, or constant above constant_max.
    """
    _check(leg, give_up)
    least = mode == "least_distortion"
    if least:
        give_up = give_up | dict.fromkeys(EARLY)
    exact = target(model)
    models = searched(exact, gradient["precision"])
    executed = batch(exact, execution), execution.jit_compile

    @functools.cache
    def searches_by(*nets):
        """By all of them, and by the last alone, in float32."""
        searches = [search_taus(net, least, leg, give_up["glance"], *executed) for net in nets]
        return confirmed(nets, searches, executed[0]), confirmed(nets[-1:], searches[-1:], executed[0])

    course = _course(searches_by, models, epsilon, least, leg, resume, give_up)
    return ball.attack(model, exact, models, course, batch_size=executed[0])


def _check(leg, give_up):
    if leg["constant"] > leg["constant_max"]:
        expected = f"a constant of at most constant_max, {leg['constant_max']:g}"
        raise ValueError(f"expected {expected}, found {leg['constant']:g}")
    if (give_up["glance"] or 0) > leg["steps"]:
        expected = f"a glance of at most the {leg['steps']} steps of a constant"
        raise ValueError(f"expected {expected}, found {give_up['glance']}")


def _course(searches_by, models, epsilon, least, leg, resume, give_up):
    """The course (`bsa.search.ball.attack`) from each start in turn."""
    rounds, within = _rounds(leg, resume), resume["within"]
    tries = stages(models, _constants(leg) * (leg["steps"] + 1))

    def course(nets, best, thresholds, seed):
        search, search_exactly = searches_by(*nets)
        goal = 0.0 if least else thresholds[-1]
        limits = np.full((len(best.x), 2), np.inf, np.float32)
        if give_up["glance"] or give_up["near"]:
            limits = margin_shares(best.scores, best.y, give_up["far"], give_up["near"])
        for turn, (name, restart) in enumerate(rounds):
            first = (np.ones(len(best.x)) if least else _following(best.distance, thresholds)).astype(np.float32)
            behind = best.distance > goal + criteria.SLACK
            if name == CLOSEST:
                behind &= np.isfinite(best.distance) if least else best.distance <= first * (1 + within)
            rows = np.flatnonzero(behind)
            if not len(rows):
                continue
            x, index, reach = best.original[rows], best.index[rows], first[rows][:, None, None, None]
            if name == CLOSEST:
                z = named.project(best.x[rows], x, reach)
            else:
                z = named.points(name, x, index, seed, restart, epsilon if least else reach)
            find = search_exactly if name == CLOSEST else search
            best.work.begin(f"{name}/{restart}", tries, ball.rounds_after(tries, len(rounds) - turn - 1))
            best.offer(rows, *find(x, best.y[rows], z, first[rows], limits[rows], goal=goal, work=best.work), name)
        return np.inf if least else thresholds[0]

    return course


def passes(*, leg, resume, **_):
    """Forward-backward passes of one image whose tau fails at every constant; each tau that is reached costs more."""
    return len(_rounds(leg, resume)) * _constants(leg) * (leg["steps"] + 1)


def _constants(leg):
    """How many there are, from `constant` to `constant_max`."""
    return 1 + math.floor(math.log(leg["constant_max"] / leg["constant"], leg["constant_factor"]) + 1e-6)


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`."""
    starts = tuple(params["leg"]["starts"])
    last = (CLOSEST,) if params["resume"]["within"] else ()
    own = {"starts": (*starts, *last), "follows": starts} | without(params, EARLY)
    alone = params | {"resume": {"within": None}}
    return varied(params, "leg.steps", **own) | {"from": varied(alone, "leg.steps")["from"]}


def _rounds(leg, resume):
    return named.rounds(leg["starts"], leg["restarts"]) + ([(CLOSEST, 0)] if resume["within"] else [])


def _following(distances, radii):
    """The largest of the `radii` (falling) that each of `distances` is not within."""
    within = distances[:, None] <= np.asarray(radii) + criteria.SLACK
    return np.asarray(radii)[np.minimum(within.sum(-1), len(radii) - 1)]
