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
from bsa.networks import target
from bsa.rewrites.quick import quick
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.variants import varied
from bsa.search.work import Cost
from bsa.spec import chained

STEPS = 20  # by which the checks try a search without steps, as their radii are those of balls


def make(
    model,
    *,
    epsilon,
    chain,
    ranges,
    search,
    points,
    worst,
    steps,
    starts,
    restarts,
    batch_size,
    jit_compile,
    space=None,
):
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    `chain` and `ranges` say where images may be moved, as in a spec; of `points` by "grid", "random" or "gradient" the
    few `worst` of each image are searched around, by `steps` of sign gradients of the cross-entropy from each start.
    ValueError for ranges that the chain does not have, for a grid of too few points, for gradients where the chain is
    not smooth, and for a `space`, which stands for a chain, beside a chain.
    """
    if space is not None:
        raise ValueError(f'expected either a space or a chain, found both, the space "{space}"')
    exact = target(model)
    transform = chained(chain)
    within = narrowed(transform.space, ranges)
    if not free(within):
        raise ValueError("expected at least one parameter with a range to search, found none")
    if search == "gradient" and not transform.smooth:
        expected = "a chain whose transformations are all smooth for a search by gradient"
        raise ValueError(f'expected {expected}, found one that is not: use "random" or "grid"')
    tried = Points(exact, transform, within, search, points, min(batch_size, 500))
    worst = min(worst, tried.number)
    rounds = [(name, rank + worst * r) for rank in range(worst) for name, r in named.rounds(starts, restarts)]

    @functools.cache
    def search_by(net):
        graph = pgd.by_signs(net, pgd.LOSSES["cross_entropy"], steps, batch_size, jit_compile)

        def descend(found):
            sizes = (tf.constant(v, tf.float32) for v in (found.radius, found.radius * 2.5 / steps))
            done = graph(found.x, found.y, found.z, *sizes, search=found.work.at("steps"))
            return done["z"].numpy(), done["passes"].numpy()

        return descend

    def course(nets, best, thresholds, seed):
        best.moves(moves(chain=chain))
        places = tried.worst(best, worst, seed)

        def around(rows, restart):
            return tried.moved(best.original[rows], places[rows, restart % worst], seed, best.index[rows])

        stages = [{"steps": Cost(steps + 1)}]
        descent = ball.in_balls(search_by, rounds if steps else [], stages, around=around)
        return descent(nets, best, thresholds, seed)

    return ball.attack(model, exact, [quick(exact)], course, batch_size=batch_size)


def passes(*, thresholds, chain, ranges, search, points, worst, steps, starts, restarts, **_):
    """Passes that one image can cost at most: at the points forward only, but where gradients are followed."""
    rounds = len(named.rounds(starts, restarts)) * worst if steps else 0
    return points + 1 + len(thresholds) * rounds * (steps + 1)


def moves(*, chain, **_):
    """The parameters by which it moves images, each with the value of an image that stays."""
    return {name: each.neutral for name, each in chained(chain).space.items()}


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`: with a ball in any case, as radii are what is varied."""
    params = params | {"steps": params["steps"] or STEPS}
    return varied(params, "steps", ("points",), saturates=True)
