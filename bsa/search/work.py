"""How far an attack is: what it has spent, and what it is expected to spend, in passes there and back of one image.

A try, from one start at one radius, is a schedule of searches in stages, each with what an image costs in it at most.
Nothing else is known beforehand; so what is expected is: of images at work that they take all their passes, of those
that wait as many as the others of their search, and that half of what is still at work goes on to the next stage, and
half falls before the next try. It is counted anew whenever a search is looked at: what left it early is not expected
again.
"""

from typing import NamedTuple

import numpy as np

from bsa.execution import LEAST

FORWARD = 1 / 2  # of a pass there and back: one forward with its share of the loop, measured on two CPUs


class Cost(NamedTuple):
    """What an image costs in a search: at most so many passes, each that part of one there and back."""

    passes: int
    price: float = 1.0


class Work:
    """The account of one call of an attack; `journal` (`bsa.search.journal`) is told, where there is one.

    `stages` of the try at `place` are dicts of the `Cost` of each search by its name; `after(going)` is what is
    expected after it, where so many images are still at work or are known to stay.
    """

    def __init__(self, journal=None):
        self.journal, self.spent, self.told = journal, 0.0, 0.0
        self.unusable = self.passes = 0.0  # of gradients that are no numbers, see `bsa.search.finite`
        self.place, self.stages, self.after = "", ({},), lambda going: 0.0

    def begin(self, place, stages, after):
        """A try begins."""
        self.place, self.stages, self.after = place, stages, after

    def at(self, name):
        """The search of that name in the try that is at work."""
        return Search(self, name)

    def count(self, results):
        """Add a search's gradients that are no numbers to the count."""
        if "unusable" in results:
            self.unusable += float(np.sum(results["unusable"]))
            self.passes += float(np.sum(results["passes"]))

    def share(self, now, left):
        """(done, total): `now` are the passes of what is at work, `left` those expected. Their share never falls."""
        done = self.spent + now
        self.told = max(self.told, done / (done + left) if done else 0.0)
        return done, done / self.told if self.told else max(done + left, 1.0)

    def within(self, name, left):
        """The journal of a whole attack within this one, after which `left` passes are expected."""
        return None if self.journal is None else Within(self, name, left)


class Search:
    """One search of a try, as it goes."""

    def __init__(self, work, name):
        self.work, self.name = work, name
        number, stage = next((n, s) for n, s in enumerate([*work.stages, {name: Cost(1)}]) if name in s)
        self.cost, names = stage[name], list(stage)
        self.beside = [stage[other] for other in names[names.index(name) + 1 :]]
        self.following = work.stages[number + 1 :]
        self.spent, self.before, self.busy = 0.0, 0, None

    @property
    def path(self):
        """Its name in the journal, by its place in the schedule."""
        return f"{self.work.place}/{self.name}"

    def seen(self, loop):
        """(done, total) passes of the attack, by the `Loop` of this search."""
        busy, total = np.asarray(loop.item) >= 0, len(next(iter(loop.results.values())))
        done, at_work, most = _passes(loop.results), _passes(loop.state), self.cost.passes
        done, at_work = done[done > 0], at_work[busy[: len(at_work)]] if len(at_work) else np.zeros(int(busy.sum()))
        waiting = total - len(done) - len(at_work)
        passes = int(done.sum() + at_work.sum())
        self.spent += (passes - self.before) * _idle(total if self.busy is None else self.busy) * self.cost.price
        self.before, self.busy = passes, len(at_work)
        each = (done.sum() + most * len(at_work)) / max(len(done) + len(at_work), 1)
        left = np.maximum(most - at_work, 0).sum() * _idle(len(at_work)) + waiting * each
        going = len(at_work) + waiting + int((done >= most).sum())
        later = _places(going) * sum(cost.passes * cost.price for cost in self.beside)
        later += expected(self.following, going / 2) + self.work.after(going)
        return self.work.share(self.spent, left * self.cost.price + later)

    def end(self):
        """The search is done."""
        self.work.spent += self.spent


class Within:
    """A journal in that of an attack which runs others: names and passes are those of one of them."""

    def __init__(self, work, name, left):
        self.work, self.name, self.left, self.done = work, name, left, 0.0

    def piece(self, name, digest):
        return self.work.journal.piece(f"{self.name}/{name}", digest)

    def keep(self, name, digest, arrays):
        done, total = self.work.share(self.done, self.left)
        self.work.journal.keep(f"{self.name}/{name}", digest, arrays | {"share": np.float64(done / total)})

    def tell(self, done, total):
        self.done = done
        self.work.journal.tell(*self.work.share(done, total - done + self.left))

    def end(self):
        """The attack within is done."""
        self.work.spent += self.done


def expected(stages, images, tries=1):
    """What is expected of so many images in `stages`, and in further tries of what half of them leave."""
    whole = 0.0
    for number in range(tries):
        for further, stage in enumerate(stages):
            share = 0.5 ** (number + further)
            whole += _places(images * share) * sum(cost.passes * cost.price for cost in stage.values())
    return whole


def _places(images):
    """What so many images cost, as a number of images: of less than one it is how likely there is one."""
    return max(images, LEAST) if images >= 1 else LEAST * images


def _idle(images):
    """How much more an image costs where a batch is not full."""
    return max(1.0, LEAST / max(images, 1))


def _passes(tensors):
    return np.asarray(tensors["passes"]) if "passes" in tensors else np.zeros(0, int)
