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
import tensorflow as tf

from bsa import criteria
from bsa.networks import target
from bsa.ops import losses
from bsa.search import ball
from bsa.search import starts as named
from bsa.search.ball import away, project, wide
from bsa.search.confirm import confirmed, searched, stages
from bsa.search.finite import usable, worst
from bsa.search.ledger import margin_shares
from bsa.search.queue import by_shape, kernel, refill
from bsa.search.variants import varied, without

CLOSEST = "closest"  # the start of `again`
EARLY = "glance", "near"  # the fields that say when an image is given up
EDGE = 0.999999  # keeps arctanh finite, as in the authors' release


def make(model, *, epsilon, mode, steps, learning_rate, learning_rate_decay, beta_2, constant,
         constant_factor, constant_max, glance, far, near, tau_factor, project_last, starts, restarts, again,
         batch_size, jit_compile, precision):  # fmt: skip
    """The attack on `model`: `attack(x, y, *, thresholds, seed=0, index=None, journal=None) -> Attacked`.

    In mode "success" tau begins at the largest of `thresholds` (in [0, 1] pixels) and
    falls to the smallest, where an image stops; a start that follows works on images that are not there yet, from the
    largest threshold they are not within (whose ball `corner` and `uniform` lie in), and distances are upper bounds
    that were not driven further. There tau has also failed where `glance` steps of the first constant leave a margin
    above the share `far` of the image's own, or all steps of a constant one above the share `near`; None for never. In
    mode "least_distortion" tau begins at 1, and after a failure it is bisected until it is known within 1 %; every
    start works on every image. With `again` one more start, "closest", comes last: the closest misclassified point so
    far, projected onto that ball, of the images whose point is outside their threshold by at most the share `again` of
    it (all that have a point, in mode "least_distortion"); None for no such start. It searches in float32 whatever the
    `precision`: a lower one is what kept many of them out. In the last steps of a constant, the share `project_last` of
    them, the margin is that of the point projected onto the ball of radius tau; 0 for never, as in the authors'
    release. `beta_2` is Adam's: each pixel outside that ball has a slope of 1, the margin's is far less, and while Adam
    remembers the former it hardly follows the latter: 0.99 forgets in 100 steps. ValueError where glance is above
    steps.
    """
    if constant > constant_max:
        raise ValueError(f"expected a constant of at most constant_max, {constant_max:g}, found {constant:g}")
    if (glance or 0) > steps:
        raise ValueError(f"expected a glance of at most the {steps} steps of a constant, found {glance}")
    least = mode == "least_distortion"
    if least:
        glance = near = None
    rates = tuple(map(float, (learning_rate, learning_rate_decay, beta_2)))
    constants = tuple(map(float, (constant, constant_factor, constant_max)))
    settings = steps, glance or 0, rates, constants, float(tau_factor), float(project_last)
    exact = target(model)
    models = searched(exact, precision)

    @functools.cache
    def searches_by(*nets):
        """By all of them, and by the last alone, in float32."""
        searches = [_search(net, least, settings, batch_size, jit_compile) for net in nets]
        return confirmed(nets, searches, batch_size), confirmed(nets[-1:], searches[-1:], batch_size)

    def course(nets, best, thresholds, seed):
        search, search_exactly = searches_by(*nets)
        goal = 0.0 if least else thresholds[-1]
        limits = np.full((len(best.x), 2), np.inf, np.float32)
        if glance or near:
            limits = margin_shares(best.scores, best.y, far, near)
        rounds = _rounds(starts, restarts, again)
        tries = stages(models, _constants(constant, constant_factor, constant_max) * (steps + 1))
        for turn, (name, restart) in enumerate(rounds):
            first = (np.ones(len(best.x)) if least else _following(best.distance, thresholds)).astype(np.float32)
            behind = best.distance > goal + criteria.SLACK
            if name == CLOSEST:
                behind &= np.isfinite(best.distance) if least else best.distance <= first * (1 + again)
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

    return ball.attack(model, exact, models, course, batch_size=batch_size)


def passes(*, steps, constant, constant_factor, constant_max, starts, restarts, again, **_):
    """Forward-backward passes of one image whose tau fails at every constant; each tau that is reached costs more."""
    return len(_rounds(starts, restarts, again)) * _constants(constant, constant_factor, constant_max) * (steps + 1)


def _constants(constant, constant_factor, constant_max):
    """How many there are, from `constant` to `constant_max`."""
    return 1 + math.floor(math.log(constant_max / constant, constant_factor) + 1e-6)


def variants(params):
    """The same attack otherwise, see `bsa.search.variants`."""
    last = (CLOSEST,) if params["again"] else ()
    own = {"starts": (*params["starts"], *last), "follows": tuple(params["starts"])} | without(params, EARLY)
    own["from"] = lambda names: params | {"starts": list(names), "restarts": 1, "again": None}
    return varied(params, "steps", **own)


def _rounds(starts, restarts, again):
    return named.rounds(starts, restarts) + ([(CLOSEST, 0)] if again else [])


def _following(distances, radii):
    """The largest of the `radii` (falling) that each of `distances` is not within."""
    within = distances[:, None] <= np.asarray(radii) + criteria.SLACK
    return np.asarray(radii)[np.minimum(within.sum(-1), len(radii) - 1)]


def _search(model, least, settings, batch_size, jit_compile):
    """The graph: `search(x, y, z, first, limits, goal)` gives the closest misclassified points, passes, success.

    z are the starts, `first` (n,) are the first taus; tau has failed with a margin above the first of `limits` (n, 2)
    after `glance` steps of the first constant (0 for never), or above the second after all steps of one. An image
    within `goal` is done.
    """
    steps, glance, rates, (constant, constant_factor, constant_max), tau_factor, project_last = settings
    learning_rate, decay, beta_2 = rates
    evaluate = kernel(functools.partial(_evaluate, model, (1 - project_last) * steps), jit_compile)

    def advance(s, goal):
        z, margin, gap, slope, share = evaluate(s)
        closer = (margin < 0) & (gap < s["distance"])
        best, distance = _where(closer, z, s["best"]), tf.where(closer, gap, s["distance"])
        solved = distance <= s["tau"] + criteria.SLACK  # float32 rounds x + tau
        spent = ~solved & (s["step"] >= steps)
        larger = s["constant"] * constant_factor
        hopeless = margin[:, None] > s["limits"]
        failed = spent & ((larger > constant_max * (1 + 1e-6)) | hopeless[:, 1])  # float32 rounds
        if glance:
            failed = failed | (~solved & (s["step"] == glance) & (s["constant"] == constant) & hopeless[:, 0])
        low = tf.where(failed, s["tau"], s["failed"])
        middle = (low + distance) / 2
        shrunk = tf.where(low > 0, middle, tau_factor * distance) if least else tau_factor * distance
        tau = tf.where(solved, shrunk, s["tau"])
        done = distance <= goal + criteria.SLACK
        if least:
            tau = tf.where(failed, middle, tau)
            done = done | ((low > 0) & (distance - low <= 0.01 * distance)) | (failed & ~(distance < np.inf))
        else:
            # Not below the smallest threshold: a ball of a few percent less can be out of reach.
            tau, done = tf.maximum(tau, goal), done | failed
        again = solved | spent | failed
        s = s | {"best": best, "distance": distance, "tau": tau, "failed": low, "passes": s["passes"] + 1}
        s["unusable"] += share
        s["constant"] = tf.where(failed, constant, tf.where(spent, larger, s["constant"]))
        rate = learning_rate * decay ** (tf.cast(s["step"], tf.float32) / steps)
        return (
            _adam(s, slope, again, rate, beta_2),
            done,
            {"best": best, "passes": s["passes"], "found": distance < np.inf, "unusable": s["unusable"]},
        )

    @by_shape
    def graph(x, y, z, first, limits, goal, turn):
        tensors = x, y, tf.atanh((2 * z - 1) * EDGE), first, limits

        def items(numbers):
            return _begin(*(tf.gather(part, numbers) for part in tensors), constant)

        return refill(items, lambda s: advance(s, goal), tf.shape(x)[0], batch_size, jit_compile, turn)

    def search(*arrays, goal, search=None):
        found = graph(*arrays, tf.constant(goal, tf.float32), search=search)
        return tuple(found[name].numpy() for name in ("best", "passes", "found"))

    return search


def _begin(x, y, w, first, limits, constant):
    """The state of images x at their first tau and constant, from starts w (tanh variables)."""
    still, none = tf.zeros_like(w), tf.zeros_like(w[:, 0, 0, 0])
    state = {"x": x, "y": y, "w": w, "mean": still, "square": still, "step": tf.zeros_like(y), "best": x}
    state |= {"distance": none + np.inf, "tau": first, "failed": none, "constant": none + constant, "limits": limits}
    return state | {"passes": tf.zeros_like(y), "unusable": none}


def _evaluate(model, free, s):
    """The point of a state, its margin, its distance and the gradient of the objective.

    After `free` steps the point is projected onto the ball of radius tau, and the margin's gradient passed on as it is.
    """
    ends = tf.cast(s["step"], tf.float32) > free
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(s["w"])
        z = (tf.tanh(s["w"]) + 1) / 2
        point = _where(ends, project(z, s["x"], s["tau"]), z)
        margin = losses.margin(model(z + tf.stop_gradient(point - z), training=False), s["y"])
        beyond = tf.reduce_sum(tf.nn.relu(_flat(tf.abs(z - s["x"])) - s["tau"][:, None]), -1)
        value = s["constant"] * tf.nn.relu(margin) + beyond
    return point, worst(margin), away(point, s["x"]), *usable(tape.gradient(value, s["w"]))


def _adam(s, slope, again, rate, beta_2):
    """One Adam step on w (Kingma and Ba 2015, Algorithm 1), with a `rate` (n,) for each image.

    Where `again`, moments and steps begin anew after it.
    """
    step = s["step"] + 1
    mean, square = 0.9 * s["mean"] + 0.1 * slope, beta_2 * s["square"] + (1 - beta_2) * slope**2
    power = wide(tf.cast(step, tf.float32))
    move = wide(rate) * (mean / (1 - 0.9**power)) / (tf.sqrt(square / (1 - beta_2**power)) + 1e-8)
    zero = tf.zeros_like(mean)
    s = s | {"w": s["w"] - move, "mean": _where(again, zero, mean), "square": _where(again, zero, square)}
    return s | {"step": tf.where(again, 0, step)}


def _flat(images):
    return tf.reshape(images, [tf.shape(images)[0], -1])


def _where(flags, a, b):
    return tf.where(wide(flags), a, b)
