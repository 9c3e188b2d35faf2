"""The sanity checks of an attack: it runs again with other radii, steps and starts, and beside a black-box attack.

All runs are on the same few images, in success mode, and count success at epsilon.
"""

import functools
import itertools

import numpy as np

from bsa.checks._check import AT_LEAST, Check, little, much, of, points, skipped
from bsa.criteria import SLACK
from bsa.spec import parameters

TRIES = 10  # at most: epsilon and three other radii, more steps, none given up, other starts, no surrogate, two others
EDGE = 0.02  # share of images that lie so near the boundary that one run finds what another misses
REFERENCE = "corner_descent"  # the attack with which every other one is compared
EFFORTS = "quick", "standard", "thorough"
OFFERS = "the attack offers no {}: `variants` of its module says what it offers"
OTHERS = ("grey", "white", "uniform", "image")  # starts that are tried if the attack does not use them


class Tries:
    """An attack (`sanity.Subject`) that is tried on images x (n, ...) with labels y and numbers `index`, both (n,)."""

    def __init__(self, subject, x, y, index, seed, progress):
        self.subject, self.images, self.seed = subject, (x, y, index), seed
        self.size, self.radius = len(x), subject.params["epsilon"]
        self.params = subject.variants(subject.params).get("success", subject.params)
        self.variants = subject.variants(self.params)
        self.done, self.progress = 0, progress
        self.edge = max(AT_LEAST - 1, int(EDGE * self.size))

    @functools.cached_property
    def own(self):
        """The attack itself, made once."""
        return self.subject.make(self.params)

    @functools.cached_property
    def base(self):
        """What the attack finds at epsilon."""
        return self._run(self.own)

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
        """Success grows with the radius, and is 100 % at radius 1."""
        radii = sorted({min(r, 1.0) for r in (self.radius / 2, 2 * self.radius, 1.0)} - {self.radius})
        counts = {r: int(self._broken(self._run(self.own, radius=r), r).sum()) for r in radii}
        counts = dict(sorted((counts | {self.radius: int(self._broken(self.base).sum())}).items()))
        figures = {f"{r:g}": count / self.size for r, count in counts.items()}
        before = itertools.accumulate(counts.values(), max)
        falls = [r for r, most in zip(counts, before, strict=True) if counts[r] < most - self.edge]
        message = "success grows with the radius"
        if falls:
            message = (
                f"success falls from a smaller radius to {falls[0]:g}, though every image of the smaller ball is in "
                "the larger: the search loses its way; look at its step size, its starts and the gradients"
            )
        expected = f"no fall by more than {self.edge} of {self.size} images"
        yield self._check("more room never hurts", not falls, figures, expected, message)
        message = "within radius 1 every image falls"
        whole = counts[1.0] >= self.size - self.edge
        if not whole:
            message = (
                f"within radius 1 only {self._share(counts[1.0])} of the images fall, though every image of another "
                "class is within reach: gradients are hidden or the search is too short; look at dead and zero "
                "gradients, saturation and steps"
            )
        expected = f"100 %: at least {max(self.size - self.edge, 0)} of {self.size} images"
        yield self._check("radius 1 breaks all", whole, counts[1.0] / self.size, expected, message)

    def effort(self, gain):
        """Twice the steps or queries break no fewer images, and not many more."""
        field, longer = self.variants.get("effort"), self.variants.get("longer")
        if not field or not longer:
            why = "the attack has no steps to raise" if "longer" in self.variants else OFFERS.format("longer search")
            yield from (skipped(name, why) for name in ("more steps never hurt", "converged"))
            return
        twice = self._broken(self._run(self.subject.make(longer)))
        more = int(twice.sum()) - int(self._broken(self.base).sum())
        message = f"twice the {field} do not hurt"
        if more < -self.edge:
            message = (
                f"twice the {field} break {points(-more, self.size)} fewer: look at the step size and its schedule"
            )
        expected = f"no loss of more than {self.edge} of {self.size} images"
        yield self._check(f"more {field} never hurt", more >= -self.edge, more / self.size, expected, message)
        passed = not much(more, self.size, gain)
        message = f"the {field} are enough"
        if not passed:
            message = f"not converged: twice the {field} break {points(more, self.size)} more; raise {field}"
        yield self._check("converged", passed, more / self.size, little(gain), message)

    def patience(self, gain):
        """Images that the attack gives up early, because they look hopeless, would not have been broken."""
        patient, early = self.variants.get("patient"), self.variants.get("early", ())
        if not patient:
            none = "the attack gives up no image early"
            yield skipped(
                "giving up", none if "patient" in self.variants else OFFERS.format("search that gives up none")
            )
            return
        rows, more = np.flatnonzero(~self._broken(self.base)), 0
        if len(rows):
            more = int(self._broken(self._run(self.subject.make(patient), rows)).sum())
        passed, message = not much(more, self.size, gain), "images that are given up early would not break"
        if not passed:
            message = f"without giving up early {points(more, self.size)} more break: "
            raised = " or ".join((*early, *self.variants.get("shares", ())))
            message += f"raise {raised}, or set {' and '.join(early)} to null" if early else "let it give up none"
        yield self._check("giving up", passed, more / self.size, little(gain), message)

    def starts(self, gain):
        """How many images each start of the attack adds to those before it, and how many other starts would add."""
        own, begin = self.variants.get("starts"), self.variants.get("from")
        if not own or not begin:
            none = "the attack names no starts"
            yield skipped("other starts", none if "from" in self.variants else OFFERS.format("choice of starts"))
            return
        base = self._broken(self.base)
        found = [start.rpartition("/")[2] for start in self.base.start[base]]  # an ensemble's: "<member>/<start>"
        added = {s: found.count(s) / self.size for s in own}
        yield Check("gain of starts", None, added, None, "each after those before it")
        others = [s for s in OTHERS if s not in own]
        rows = np.flatnonzero(~base)
        more = dict.fromkeys(others, 0)
        if len(rows) and others:
            found = self._run(self.subject.make(begin(others)), rows)
            reached = [start.rpartition("/")[2] for start in found.start[self._broken(found)]]
            more = {s: reached.count(s) for s in others}
        total = sum(more.values())
        passed, message = not much(total, self.size, gain), "other starts find little more"
        if not passed:
            helpful = ", ".join(s for s, count in more.items() if count)
            message = f"the starts {helpful} break {points(total, self.size)} more: add them to the attack's starts"
        figures = {s: count / self.size for s, count in more.items()}
        yield self._check("other starts", passed, figures, little(gain), message)

    def surrogate(self):
        """What the opened backward pass gains over the plain one."""
        plain = self.variants.get("plain")
        if not plain:
            none = "the attack follows the network's own gradients"
            yield skipped(
                "gain of the surrogate", none if "plain" in self.variants else OFFERS.format("plain gradient")
            )
            return
        plain = self._broken(self._run(self.subject.make(plain)))
        gained = int(self._broken(self.base).sum()) - int(plain.sum())
        passed, message = gained >= -self.edge, "the opened backward pass does not hurt"
        if not passed:
            message = f"the plain gradient breaks {points(-gained, self.size)} more: set gradient.sharpness to 0"
        expected = f"no loss of more than {self.edge} of {self.size} images"
        yield self._check("gain of the surrogate", passed, gained / self.size, expected, message)

    def black_box(self, queries):
        """A search without gradients finds nothing that the attack missed."""
        if self.variants.get("black_box"):
            yield skipped("black-box never wins", "the attack is black-box itself")
            return
        rows, more = np.flatnonzero(~self._broken(self.base)), 0
        if len(rows):
            square = self.subject.other("square", {"epsilon": self.radius, "queries": queries})
            more = int(self._broken(self._run(square, rows)).sum())
        passed, message = more <= self.edge, "a black-box attack finds nothing new"
        if not passed:
            message = (
                f"Square, which sees no gradient, breaks {points(more, self.size)} that this attack did "
                f"not, in {queries} queries: gradients are hidden or the search is too weak"
            )
        expected = f"at most {self.edge} of {self.size} images"
        yield self._check("black-box never wins", passed, more / self.size, expected, message)

    def reference(self, gain):
        """The strongest attack here, at its least effort, does not find far more."""
        name, params = "reference attack", {"epsilon": self.radius, "effort": EFFORTS[0]}
        if self.subject.name == REFERENCE and any(map(self._of_effort, EFFORTS)):
            yield skipped(name, f"this is {REFERENCE}")
            return
        broken, more = int(self._broken(self.base).sum()), 0
        if much(self.size - broken, self.size, gain):  # otherwise too few are left
            more = int(self._broken(self._run(self.subject.other(REFERENCE, params))).sum()) - broken
        passed, message = not much(more, self.size, gain), f"{REFERENCE} finds little more"
        if not passed:
            message = (
                f"{REFERENCE}, effort {EFFORTS[0]}, breaks {points(more, self.size)} more: this attack is too weak to "
                "tell how robust the network is; raise its steps and add starts, or use the other"
            )
        yield self._check(name, passed, more / self.size, little(gain), message)

    def _of_effort(self, effort):
        """Whether this is the reference by an effort, in whatever precision, which changes the cost."""
        full = parameters("attacks", REFERENCE, {"epsilon": self.radius, "effort": effort})
        given = {**(self.subject.stated or self.subject.params), "mode": "success"}
        given["gradient"] = given["gradient"] | {"precision": full["gradient"]["precision"]}
        return all(value == given.get(key) for key, value in full.items() if key != "thresholds")

    def _check(self, name, passed, figures, expected, message):
        return of(self.size, Check(name, passed, figures, expected, message))

    def _share(self, count):
        return f"{100 * count / self.size:.0f} %"
