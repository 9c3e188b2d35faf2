"""The searches of an attack as they go: how far they are, and what a killed one goes on from.

An attack is a sequence of searches, the same at every call, and each is a loop in a graph. Where a `Watch` is set the
loop comes back to the host every few seconds, to be told of and saved; where none is, it runs to its end.
"""

import contextlib
import contextvars
import hashlib
import time
from typing import NamedTuple

import numpy as np
import tensorflow as tf

AWAY = 10.0  # seconds in a graph at most, once it is known how long a pass takes
UNSAVED = 60.0  # seconds between two saves of a search: of 1,000 MNIST images and a batch as large some 25 MB
WORTH = 1.0  # seconds of a search whose end is saved
FIRST, MOST = 8, 2**20  # passes of the first turn, and of one at most

_watch = contextvars.ContextVar("watch", default=None)


class Loop(NamedTuple):
    """Where a search is: a queue, as `search.queue` works it off."""

    item: tf.Tensor  # (b,) int32: the item at each place of the batch, -1 where it is idle
    following: tf.Tensor  # int32: the next item to begin
    state: dict  # of (b, ...)
    results: dict  # of (total, ...); rows of items that are not done yet are zero


class Watch:
    """Who is told of the searches of one call of an attack.

    `report(share)` is told the share of the call's work that is done, an estimate: it counts images that are done with
    a search, and where none falls early they all are at its end. `save(number, arrays)` keeps a dict of arrays for the
    search of that number, `share` among them, and `load(number)` gives it, or None.
    """

    def __init__(self, report, save, load):
        self.report, self.save, self.load = report, save, load
        self.searches = 0
        self.begin, self.width = 0.0, 1.0  # where in the call's work the next search lies


@contextlib.contextmanager
def watched(watch):
    """A context in which `watch` is told of the searches of this thread."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


@contextlib.contextmanager
def part(begin, end):
    """A context whose searches are that part of the work of whoever opens it, all of which lies between 0 and 1."""
    watch = _watch.get()
    if watch is None:
        yield
        return
    whole = watch.begin, watch.width
    watch.begin, watch.width = watch.begin + begin * watch.width, (end - begin) * watch.width
    try:
        yield
    finally:
        watch.begin, watch.width = whole


def parts(items):
    """Each of `items` in turn, as equal parts of the work of whoever loops over them."""
    items = list(items)
    for number, item in enumerate(items):
        with part(number / len(items), (number + 1) / len(items)):
            yield item


def run(start, go_on, inputs):
    """The results of a search, a dict of tensors (n, ...).

    `start()` gives its `Loop`, `go_on(loop, passes)` that after at most so many passes more. Both depend on `inputs`,
    tensors, alone: a loop that was saved for others is not taken up.
    """
    watch = _watch.get()
    if watch is None:
        return go_on(start(), tf.constant(tf.int32.max)).results
    number, watch.searches = watch.searches, watch.searches + 1
    digest = _digest(watch, inputs)
    loop = _taken_up(watch.load(number), digest, start())
    passes = FIRST  # anew for each search: a pass of many images takes a hundred times as long as one of few
    begun = saved = time.monotonic()
    while _left(loop):
        away = time.monotonic()
        loop = go_on(loop, tf.constant(passes))
        left, now = _left(loop), time.monotonic()
        if now - away < AWAY / 2:
            passes = min(2 * passes, MOST)
        elif now - away > AWAY:
            passes = max(passes // 2, 1)
        share = watch.begin + watch.width * (1 - left / _total(loop))
        if now - saved > UNSAVED or (not left and now - begun > WORTH):
            watch.save(number, {"digest": digest, "share": np.float64(share)} | _arrays(loop))
            saved = now
        watch.report(share)
    return loop.results


def _total(loop):
    return len(next(iter(loop.results.values())))


def _left(loop):
    """How many images are at work or wait."""
    return int((loop.item.numpy() >= 0).sum()) + _total(loop) - int(loop.following)


def _digest(watch, inputs):
    """Of what a search works on, and of its place in the call."""
    found = hashlib.sha256(f"{watch.begin} {watch.width}".encode())
    for tensor in inputs:
        array = np.ascontiguousarray(tensor)
        found.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return np.frombuffer(found.digest(), np.uint8)


def _arrays(loop):
    """A loop as a dict of arrays."""
    named = {f"state/{k}": v for k, v in loop.state.items()} | {f"results/{k}": v for k, v in loop.results.items()}
    return {k: np.asarray(v) for k, v in (named | {"item": loop.item, "following": loop.following}).items()}


def _taken_up(arrays, digest, first):
    """The loop that `_arrays` made `arrays` of, where they are for a search of that digest; else `first`."""
    names = _arrays(first).keys()
    if arrays is None or not names <= arrays.keys() or not np.array_equal(arrays["digest"], digest):
        return first
    tensors = {k: tf.constant(arrays[k]) for k in names}
    state, results = (
        {k.removeprefix(kind): v for k, v in tensors.items() if k.startswith(kind)} for kind in ("state/", "results/")
    )
    return Loop(tensors["item"], tensors["following"], state, results)
