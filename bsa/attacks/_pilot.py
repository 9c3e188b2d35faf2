"""What `corner_descent` measures on a network before it attacks it: on a pilot, the first of its own images.

The rules race over the first leg; then the pilot goes through all legs and one return, and is given up on nowhere; then
other starts have a leg. So it shows which rule leads, from which starts images fall that stood, and with how much of
its margin left after the first leg, and before a return, an image still fell. The pilot can be misled by few images:
the limits that it sets are twice what it saw, and never below what is safe on the networks that we know.
"""

import functools

import numpy as np

from bsa.criteria import wrong
from bsa.networks import logits
from bsa.ops import losses
from bsa.search import starts as named
from bsa.search.legs import Leg, search_in_legs

MEASURED, LEADING = "measured", "leading"  # what a parameter holds that the pilot is to tell; of rules the best alone
IMAGES = 32
RULES, STARTS = ("adam", "sign"), ("grey", "image", "white", "black")
NEAR, CLOSE = 0.3, 0.1  # at least
AMPLE = 2.0  # times the largest share that was seen


def assumed(params, starts=STARTS[:1]):
    """Parameters with what is taken for granted in place of what is to be measured."""
    return settled(params, RULES, starts, NEAR, CLOSE)


def asked(params):
    """Whether there is something to be measured."""
    return any(value in (MEASURED, LEADING) for part in ("leg", "give_up") for value in params[part].values())


def settled(params, rules, starts, near, close):
    """Parameters with these values in place of what was to be measured."""
    rules = list(rules)[:1] if params["leg"]["rules"] == LEADING else list(rules)
    found = {"leg": {"rules": rules, "starts": list(starts)}}
    found["give_up"] = {"near": near, "close": None if close is None else [close]}
    return params | {
        part: {key: values.get(key) if value in (MEASURED, LEADING) else value for key, value in params[part].items()}
        for part, values in found.items()
    }


def _ample(share, least):
    """The limit for a share that was seen; None where it would be that of an image at which nothing has been tried."""
    limit = max(AMPLE * share, least)
    return float(limit) if limit < 1 else None


def first(model, x, y, index):
    """The rows of the pilot: of the images that are classified correctly those of the lowest numbers."""
    order = np.argsort(index, kind="stable")
    return order[~wrong(logits(model, x[order]), y[order])][:IMAGES]


class Pilot:
    """The pilot's course (`bsa.search.ball.attack`) by the networks' last and its opened copy; then what it tells.

    `params` are the attack's; nothing is done for what it states itself. `moves(own, copy, rule)` are a return's.
    """

    def __init__(self, params, moves, executed):
        self.leg, self.moves = params["leg"], functools.cache(moves)
        self.asked = {key for part in ("leg", "give_up") for key, value in params[part].items() if value in (MEASURED, LEADING)}
        self.asked -= set() if params["resume"]["times"] else {"close"}
        self.rules = RULES if "rules" in self.asked else self.leg["rules"]
        self.search = functools.cache(lambda net, *legs: search_in_legs(net, legs, 0, self.leg["rate"], *executed))

    def __call__(self, nets, best, thresholds, seed):
        own, copy = nets[len(nets) // 2 - 1], nets[-1]
        self.copy, self.best, self.seed, self.radius = copy or own, best, seed, thresholds[-1]
        self.own = losses.margin(best.scores, best.y).numpy()
        self.point, self.margin = best.original.copy(), np.full(len(best.x), np.inf, np.float32)
        self.lead, self.near, self.close, self.fell = self.rules[0], 0.0, 0.0, {}
        if len(self._rows()):
            self._race()
        if self.asked & {"near", "close", "starts"}:
            self.near = self._share(self._legs)
        if "close" in self.asked:
            self.close = self._share(lambda rows: self._return(rows, self.moves(own, copy, self.lead)))
        if "starts" in self.asked:
            self.fell = {name: self._start(name) for name in STARTS[1:]}
        return thresholds[0]

    def told(self, params, found):
        """The parameters with what was measured, and what a record says of it."""
        starts = [STARTS[0], *sorted((s for s in self.fell if self.fell[s]), key=lambda s: -self.fell[s])]
        near, close = _ample(self.near, NEAR), _ample(self.close, CLOSE)
        rules = sorted(self.rules, key=lambda rule: rule != self.lead)
        seen = {"rules": rules, "starts": starts, "near": near, "close": close}
        record = {"images": len(found.x), "spent": int(found.passes.sum())}
        return settled(params, rules, starts, near, close), record | {k: v for k, v in seen.items() if k in self.asked}

    def _rows(self):
        return np.flatnonzero(~np.isfinite(self.best.distance))

    def _share(self, search):
        """The largest share of its own margin that an image which then fell in `search(rows)` had left; 0 for none."""
        rows = self._rows()
        if not len(rows):
            return 0.0
        left = self.margin[rows] / self.own[rows]
        search(rows)
        return float(left[np.isfinite(self.best.distance[rows])].max(initial=0.0))

    def _race(self):
        """The first leg by each rule, for all images; the one leads that breaks more, or else comes nearer."""
        rows, count = self._rows(), {}
        for rule in self.rules if "rules" in self.asked else self.rules[:1]:
            fell, margin = self._climb(rows, STARTS[0], [Leg(self.leg["steps"], 0, rule)], rule)
            count[rule] = (-int(fell.sum()), float(np.minimum(margin / self.own[rows], 1).mean()))
        self.lead = min(count, key=count.get)

    def _legs(self, rows):
        """The legs towards targets; the first one only tells which these are."""
        steps = self.leg["later_steps"] or self.leg["steps"]
        towards = [Leg(steps, target, rule) for target in range(1, self.leg["targets"] + 1) for rule in self.rules]
        self._climb(rows, STARTS[0], [Leg(1, 0, self.lead), *towards], "legs")

    def _start(self, name):
        """How many images fall from another start."""
        rows = self._rows()
        return int(self._climb(rows, name, [Leg(self.leg["steps"], 0, self.lead)], name)[0].sum()) if len(rows) else 0

    def _climb(self, rows, start, legs, place):
        x, y, index = self.best.original[rows], self.best.y[rows], self.best.index[rows]
        z = named.project(named.points(start, x, index, self.seed, 0, self.radius), x, self.radius)
        radius, never = np.full(len(rows), self.radius, np.float32), np.full((len(rows), 2), np.inf, np.float32)
        search = self.search(self.copy, *legs)
        found = search(x, y, z, radius, never, search=self.best.work.at(place))
        self._keep(rows, *found)
        return found[2], found[3]

    def _return(self, rows, moves):
        for place, move in enumerate(moves):
            rows = rows[~np.isfinite(self.best.distance[rows])]
            if len(rows):
                x, y, index = self.best.original[rows], self.best.y[rows], self.best.index[rows]
                radius, drawn = np.full(len(rows), self.radius, np.float32), (self.seed, f"pilot/{place}")
                at = self.best.work.at(f"return/{place}")
                self._keep(rows, *move(x, y, self.point[rows], radius, index, drawn, at))

    def _keep(self, rows, points, passes, found, margin):
        nearer = margin < self.margin[rows]
        self.point[rows[nearer]], self.margin[rows[nearer]] = points[nearer], margin[nearer]
        self.best.offer(rows, points, passes, "pilot")
