"""The worst case of transformations for each image (Engstrom et al. 2019, for rotations and translations), and a ball.

For each image the points of a chain of transformations are tried at which it may be easiest to break: on a grid, at
random, or down the gradient of the margin for the point, where the chain is smooth. Then projected gradient descent
searches in the L-inf ball around the image at the few worst of them. An adversarial example is two changes, T(x) at a
point within the ranges and a perturbation of at most the threshold; its distance is max |x' - T(x)|, from the *moved*
image, which the result has as `moved`, with the `point`. With 0 steps there is no ball: what falls does so by the
transformation alone, at distance 0.
"""

import functools

import tensorflow as tf

from bsa.attacks import pgd
from bsa.attacks._points import Points
from bsa.exploration import free, narrowed
from bsa.networks import AT_ONCE, batch, target
from bsa.rewrites.quick import quick
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.variants import changed, varied
from bsa.search.work import Cost
from bsa.spec import chained

STEPS = 20  # by which the checks try a search without steps, as their radii are those of balls


def make(model, *, epsilon, chain, ranges, moves, leg, execution, space=None):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    `chain` and `ranges` say where images may be moved, as in a spec; of so many `points` of `moves`, by the `search`
    "grid", "random" or "gradient", the few `worst` of each image are searched around, by the `steps` of a `leg`, sign
    gradients of the cross-entropy, from each of its `starts`.
    ValueError for ranges that the chain does not have, for a grid of too few points, for gradients where the chain is
    not smooth, and for a `space`, which stands for a chain, beside a chain.
    """
    if space is not None:
        raise ValueError(f'expected either a space or a chain, found both, the space "{space}"')
    exact, transform, steps = target(model), chained(chain), leg["steps"]
    within = narrowed(transform.space, ranges)
    if not free(within):
        raise ValueError("expected at least one parameter with a range to search, found none")
    if moves["search"] == "gradient" and not transform.smooth:
        expected = "a chain whose transformations are all smooth for a search by gradient"
        raise ValueError(f'expected {expected}, found one that is not: use "random" or "grid"')
    batch_size = batch(exact, execution)
    tried = Points(exact, transform, within, moves["search"], moves["points"], min(batch_size, AT_ONCE))
    worst = min(moves["worst"], tried.number)
    begins = named.rounds(leg["starts"], leg["restarts"])
    rounds = [(name, rank + worst * r) for rank in range(worst) for name, r in begins]

    @functools.cache
    def search_by(net):
        graph = pgd.by_signs(net, pgd.LOSSES["cross_entropy"], steps, batch_size, execution.jit_compile)

        def descend(found):
            sizes = (tf.constant(v, tf.float32) for v in (found.radius, found.radius * 2.5 / steps))
            done = graph(found.x, found.y, found.z, *sizes, search=found.work.at("steps"))
            return done["z"].numpy(), done["passes"].numpy()

        return descend

    def course(nets, best, thresholds, seed):
        best.moves(neutral(chain))
        places = tried.worst(best, worst, seed)

        def around(rows, restart):
            return tried.moved(best.original[rows], places[rows, restart % worst], seed, best.index[rows])

        stages = [{"steps": Cost(steps + 1)}]
        descent = ball.in_balls(search_by, rounds if steps else [], stages, around=around)
        return descent(nets, best, thresholds, seed)

    return ball.attack(model, exact, [quick(exact)], course, batch_size=batch_size)


def passes(*, thresholds, moves, leg, **_):
    """Passes that one image can cost at most: at the points forward only, but where gradients are followed."""
    rounds = len(named.rounds(leg["starts"], leg["restarts"])) * moves["worst"] if leg["steps"] else 0
    return moves["points"] + 1 + len(thresholds) * rounds * (leg["steps"] + 1)


def neutral(chain):
    """The parameters of a chain, each with its value at an image that stays."""
    return {name: each.neutral for name, each in chained(chain).space.items()}


def moves(*, chain, **_):
    """The parameters by which it moves images, each with the value of an image that stays."""
    return neutral(chain)


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`: with a ball in any case, as radii are what is varied."""
    params = changed(params, {"leg.steps": params["leg"]["steps"] or STEPS})
    return varied(params, "leg.steps", ("moves.points",), saturates=True)
