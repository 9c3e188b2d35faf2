"""The sanity checks of an attack: tried again with other radii, steps and starts, and beside a black-box attack.

All tries are on the same few images, in success mode, and count success at epsilon.
"""

import functools
import itertools

import numpy as np

from bsa.cells import SLACK
from bsa.measures._check import Check

TRIES = 8  # at most: at epsilon, at three other radii, with more steps, other starts, no surrogate, and Square
AT_LEAST = 4  # images: a gain or a loss of fewer may be luck, because another path tips what lies near the edge
EDGE = 0.02  # of many images lie so near the edge that one run finds what another misses
OTHERS = ("grey", "white", "uniform", "image")  # starts that an attack is tried from if it does not use them


class Tries:
    """An attack (`sanity.Subject`) to be tried on images x (n, ...) with labels y and numbers `index`, both (n,)."""

    def __init__(self, subject, x, y, index, seed, progress):
        self.subject, self.images, self.seed = subject, (x, y, index), seed
        self.size, self.radius = len(x), subject.params["epsilon"]
        self.mode = {"mode": "success"} if "mode" in subject.params else {}
        self.done, self.progress = 0, progress
        self.edge = max(AT_LEAST - 1, int(EDGE * self.size))

    @functools.cached_property
    def own(self):
        """The attack itself, made once."""
        return self._make()

    @functools.cached_property
    def base(self):
        """What the attack finds at epsilon."""
        return self._run(self.own)

    def _make(self, **changes):
        subject = self.subject
        return subject.make(subject.params | self.mode | changes)

    def _run(self, attack, rows=slice(None), radius=None):
        x, y, index = (part[rows] for part in self.images)
        found = attack(x, y, seed=self.seed, index=index, thresholds=[radius or self.radius])
        self.done += 1
        if self.progress:
            self.progress(self.done, TRIES)
        return found

    def _broken(self, found, radius=None):
        return found.distance <= (radius or self.radius) + SLACK

    def curve(self):
        """Success grows with the radius and is whole at radius 1."""
        radii = sorted({min(r, 1.0) for r in (self.radius / 2, 2 * self.radius, 1.0)} - {self.radius})
        counts = {r: int(self._broken(self._run(self.own, radius=r), r).sum()) for r in radii}
        counts = dict(sorted((counts | {self.radius: int(self._broken(self.base).sum())}).items()))
        figures = {f"{r:g}": count / self.size for r, count in counts.items()}
        falls = [r for a, r in itertools.pairwise(counts) if counts[r] < counts[a] - self.edge]
        message = "success grows with the radius"
        if falls:
            message = (
                f"success falls from a smaller radius to {falls[0]:g}, though every image of the smaller ball is in "
                "the larger: the search loses its way; look at its step size, its starts and the gradients"
            )
        expected = f"no fall by more than {self.edge} of {self.size} images"
        yield Check("more room never hurts", not falls, figures, expected, message)
        message = "within radius 1 every image falls"
        whole = counts[1.0] >= self.size - self.edge
        if not whole:
            message = (
                f"within radius 1 only {self._share(counts[1.0])} of the images fall, though every image of another "
                "class is within reach: gradients are hidden or the search is too short; look at dead and zero "
                "gradients, saturation and steps"
            )
        yield Check("radius 1 breaks all", whole, counts[1.0] / self.size, "100 %", message)

    def effort(self, gain):
        """Twice the steps (or queries) do not hurt, and do not gain much."""
        field = next((f for f in ("steps", "queries", "attacks") if f in self.subject.params), None)
        if field is None:
            return
        field = "steps" if field == "attacks" else field
        twice = self._broken(self._run(self._make(**_twice(self.subject.params))))
        more = int(twice.sum()) - int(self._broken(self.base).sum())
        message = f"twice the {field} do not hurt"
        if more < -self.edge:
            message = f"twice the {field} break {self._points(-more)} fewer: look at the step size and its schedule"
        expected = f"no loss of more than {self.edge} of {self.size} images"
        yield Check(f"more {field} never hurt", more >= -self.edge, more / self.size, expected, message)
        passed = not self._much(more, gain)
        message = f"the {field} are enough"
        if not passed:
            message = f"not converged: twice the {field} break {self._points(more)} more; raise {field}"
        yield Check("converged", passed, more / self.size, self._little(gain), message)

    def starts(self, gain):
        """What each start of the attack adds to those before it, and what others would add."""
        own = self.subject.params.get("starts")
        if own is None:
            return
        base = self._broken(self.base)
        added = {s: int((self.base.start[base] == s).sum()) / self.size for s in own}
        yield Check("gain of starts", None, added, None, "each after those before it")
        others = [s for s in OTHERS if s not in own]
        rows = np.flatnonzero(~base)
        more = dict.fromkeys(others, 0)
        if len(rows) and others:
            restarts = {"restarts": 1} if "restarts" in self.subject.params else {}
            found = self._run(self._make(starts=others, **restarts), rows)
            reached = found.start[self._broken(found)]
            more = {s: int((reached == s).sum()) for s in others}
        total = sum(more.values())
        passed, message = not self._much(total, gain), "other starts find little more"
        if not passed:
            helpful = ", ".join(s for s, count in more.items() if count)
            message = f"the starts {helpful} break {self._points(total)} more: add them to the attack's starts"
        yield Check("other starts", passed, {s: c / self.size for s, c in more.items()}, self._little(gain), message)

    def surrogate(self):
        """What the opened backward pass gains over the plain one."""
        if not self.subject.params.get("sharpness"):
            return
        plain = self._broken(self._run(self._make(sharpness=0)))
        gained = int(self._broken(self.base).sum()) - int(plain.sum())
        passed, message = gained >= -self.edge, "the opened backward pass does not hurt"
        if not passed:
            message = f"the plain gradient breaks {self._points(-gained)} more: set sharpness to 0"
        expected = f"no loss of more than {self.edge} of {self.size} images"
        yield Check("gain of the surrogate", passed, gained / self.size, expected, message)

    def black_box(self, queries):
        """A search without gradients finds nothing that the attack did not."""
        params = self.subject.params
        if "queries" in params or any("queries" in member for member in params.get("attacks", [])):
            return
        rows, more = np.flatnonzero(~self._broken(self.base)), 0
        if len(rows):
            square = self.subject.other("square", {"epsilon": self.radius, "queries": queries})
            more = int(self._broken(self._run(square, rows)).sum())
        passed, message = more <= self.edge, "a black-box attack finds nothing new"
        if not passed:
            message = (
                f"Square, which sees no gradient, breaks {self._points(more)} that this attack did not, in {queries} "
                "queries: gradients are hidden or the search is too weak"
            )
        expected = f"at most {self.edge} of {self.size} images"
        yield Check("black-box never wins", passed, more / self.size, expected, message)

    def _much(self, count, gain):
        return count >= AT_LEAST and 100 * count / self.size >= gain

    def _little(self, gain):
        return f"less than {gain:g} points, or fewer than {AT_LEAST} images"

    def _points(self, count):
        return f"{100 * count / self.size:.1f} points ({count} of {self.size} images)"

    def _share(self, count):
        return f"{100 * count / self.size:.0f} %"


def _twice(params):
    """The fields to change for twice the steps or queries, of every member where there are members."""
    if "attacks" in params:
        return {"attacks": [member | _twice(member) for member in params["attacks"]]}
    return {field: 2 * params[field] for field in ("steps", "queries") if field in params}
