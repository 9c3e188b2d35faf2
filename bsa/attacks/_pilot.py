"""What `corner_descent` measures on a network before it attacks it: on a pilot, the first of its own images.

The rules race over the first leg; then the pilot goes through all legs and one return, and is given up on nowhere; then
other starts have a leg. So it shows which rule leads, from which starts images fall that stood, whether a return breaks
what legs did not, and with how much of its margin left an image still fell. It searches at the smallest threshold,
where most stand. The pilot can be misled by few images: the limit that it sets is twice what it saw, and never below
what is safe on the networks that we know, and returns are made even where it saw none that paid, with fewer squares.
"""

import numpy as np

from bsa.criteria import wrong
from bsa.networks import logits
from bsa.ops import losses
from bsa.search import starts as named
from bsa.search.legs import Leg, schedule

MEASURED, LEADING = "measured", "leading"  # what a parameter holds that the pilot is to tell; of rules the best alone
IMAGES, SQUARES = 32, 300  # at most
PAYING, SPARSE = 1200, 600  # squares of a return, where one broke an image of the pilot and where none did
PARTS = "leg", "resume", "give_up"
RULES, STARTS = ("adam", "sign"), ("grey", "image", "white", "black")
CLOSE = 0.1  # at least
AMPLE = 2.0  # times the largest share that was seen


def assumed(params, starts=STARTS[:1]):
    """Parameters with what is taken for granted in place of what is to be measured."""
    return settled(params, RULES, starts, CLOSE, PAYING)


def asked(params):
    """Whether there is something to be measured."""
    return bool(_open(params))


def _open(params):
    """The fields that are to be measured."""
    return {key for part in PARTS for key, value in params[part].items() if value in (MEASURED, LEADING)}


def _used(params, rules):
    """Of the rules, the best first, those of the legs."""
    return list(rules)[:1] if params["leg"]["rules"] == LEADING else list(rules)


def _halved(close, times):
    """Limits of so many returns: an image that one did not break is worth another if it is twice as near."""
    return [close / 2**turn for turn in range(max(times, 1))]


def settled(params, rules, starts, close, squares):
    """Parameters with these values in place of what was to be measured."""
    found = {
        "leg": {"rules": _used(params, rules), "starts": list(starts)},
        "resume": {"squares": squares},
        "give_up": {"close": None if close is None else _halved(close, params["resume"]["times"])},
    }
    return params | {
        part: {key: values.get(key) if value in (MEASURED, LEADING) else value for key, value in params[part].items()}
        for part, values in found.items()
    }


def first(model, x, y, index, batch_size):
    """The rows of the pilot: of the images that are classified correctly those of the lowest numbers."""
    order, found = np.argsort(index, kind="stable"), np.zeros(0, int)
    for at in range(0, len(x), batch_size):
        rows = order[at : at + batch_size]
        found = np.append(found, rows[~wrong(logits(model, x[rows]), y[rows])])
        if len(found) >= IMAGES:
            break
    return found[:IMAGES]


class Pilot:
    """The pilot's course (`bsa.search.ball.attack`) by the networks' last and its opened copy; then what it tells.

    `params` are the attack's; nothing is done for what it states itself. `legs(net, glance, rate, *legs)` gives the
    search in legs by a network, `moves(own, copy, rule)` are a return's.
    """

    def __init__(self, params, legs, moves):
        self.params, self.leg, self.legs, self.moves = params, params["leg"], legs, moves
        self.asked = _open(params)
        if not params["resume"]["times"]:
            self.asked -= {"close", "squares"}
        elif params["mode"] != "success":
            self.asked -= {"close"}
        self.rules = RULES if "rules" in self.asked else self.leg["rules"]

    def __call__(self, nets, best, thresholds, seed):
        own, copy = nets[len(nets) // 2 - 1], nets[-1]
        self.copy, self.best, self.seed, self.radius = copy or own, best, seed, thresholds[-1]
        self.own = losses.margin(best.scores, best.y).numpy()
        self.point, self.margin = best.original.copy(), np.full(len(best.x), np.inf, np.float32)
        self.lead, self.close, self.paid, self.fell = self.rules[0], 0.0, False, {}
        if self.asked and len(self._rows()):
            self._race()
        if self.asked & {"close", "squares", "starts"}:
            self._legs()
        if self.asked & {"close", "squares"}:
            left = self._return(self.moves(own, copy, self.lead))
            self.paid, self.close = bool(len(left)), float(left.max(initial=0.0))
        if "starts" in self.asked:
            self.fell = {name: self._start(name) for name in STARTS[1:]}
        return thresholds[0]

    def told(self, found):
        """The parameters with what was measured, and what a record says of it."""
        starts = [STARTS[0], *sorted((s for s in self.fell if self.fell[s]), key=lambda s: -self.fell[s])]
        limit = max(AMPLE * self.close, CLOSE)
        close = float(limit) if limit < 1 else None  # a share of 1 is that of an image at which nothing was tried
        seen = {"rules": self._used(), "starts": starts, "close": close, "squares": PAYING if self.paid else SPARSE}
        record = {"images": len(found.x), "spent": int(found.passes.sum())}
        return settled(self.params, **seen), record | {k: v for k, v in seen.items() if k in self.asked}

    def _rows(self):
        return np.flatnonzero(~np.isfinite(self.best.distance))

    def _used(self):
        return _used(self.params, sorted(self.rules, key=lambda rule: rule != self.lead))

    def _race(self):
        """The first leg by each rule, for all images; the one leads that breaks more, or else comes nearer."""
        rows, count = self._rows(), {}
        for rule in self.rules if "rules" in self.asked else self.rules[:1]:
            fell, margin = self._climb(rows, STARTS[0], [Leg(self.leg["steps"], 0, rule)], rule)
            count[rule] = (-int(fell.sum()), float(np.minimum(margin / self.own[rows], 1).mean()))
        self.lead = min(count, key=count.get)

    def _legs(self):
        """All legs, the first one once more: its end tells the targets."""
        rows = self._rows()
        if len(rows):
            self._climb(rows, STARTS[0], schedule(self.leg | {"rules": self._used()})[0], "legs")

    def _start(self, name):
        """How many images fall from another start."""
        rows = self._rows()
        return int(self._climb(rows, name, [Leg(self.leg["steps"], 0, self.lead)], name)[0].sum()) if len(rows) else 0

    def _climb(self, rows, start, legs, place):
        x, y, index = self.best.original[rows], self.best.y[rows], self.best.index[rows]
        z = named.project(named.points(start, x, index, self.seed, 0, self.radius), x, self.radius)
        radius, never = np.full(len(rows), self.radius, np.float32), np.full((len(rows), 2), np.inf, np.float32)
        search = self.legs(self.copy, 0, self.leg["rate"], *legs)
        found = search(x, y, z, radius, never, search=self.best.work.at(place))
        self._keep(rows, *found)
        return found[2], found[3]

    def _return(self, moves):
        """What of their own margins the images had left that a return broke, as shares."""
        stood = rows = self._rows()
        left = self.margin[stood] / self.own[stood]
        for place, move in enumerate(moves):
            rows = rows[~np.isfinite(self.best.distance[rows])]
            if len(rows):
                x, y, index = self.best.original[rows], self.best.y[rows], self.best.index[rows]
                radius, drawn = np.full(len(rows), self.radius, np.float32), (self.seed, f"pilot/{place}")
                at = self.best.work.at(f"return/{place}")
                self._keep(rows, *move(x, y, self.point[rows], radius, index, drawn, at))
        return left[np.isfinite(self.best.distance[stood])]

    def _keep(self, rows, points, passes, found, margin):
        nearer = margin < self.margin[rows]
        self.point[rows[nearer]], self.margin[rows[nearer]] = points[nearer], margin[nearer]
        self.best.offer(rows, points, passes, "pilot")
