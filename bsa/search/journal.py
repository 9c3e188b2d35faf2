"""The journal of long work: what it keeps as it goes, so that a killed one goes on, and how far it says that it is.

An attack is a course of searches, the same at every call, and each is a loop in a graph. With a journal the loop comes
back to the host every few seconds, to be told of and kept; without one it runs to its end. Whatever has the three
methods of `Journal` is one.
"""

import hashlib
import json
import time
import urllib.parse
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bsa import files

AWAY = 10.0  # seconds in a graph at most, once it is known how long a pass takes
UNSAVED = 60.0  # seconds between two saves of a search: of 1,000 MNIST images and a batch as large some 25 MB
WORTH = 1.0  # seconds of a search whose end is saved
FIRST, MOST = 8, 2**20  # passes of the first turn, and of one at most


class Loop(NamedTuple):
    """Where a search is: a queue, as `search.queue` works it off."""

    item: tf.Tensor  # (b,) int32: the item at each place of the batch, -1 where it is idle
    following: tf.Tensor  # int32: the next item to begin
    state: dict  # of (b, ...)
    results: dict  # of (total, ...); rows of items that are not done yet are zero


class Journal:
    """A journal in files of a `folder` whose names begin with `stem`; `tell(done, total)` is told how far the work is.

    Without a folder nothing is kept, without `tell` nobody is told. A name says what is kept by its place in the work,
    a digest (`digest_of`) what it was made of.
    """

    def __init__(self, folder, stem="", tell=None):
        self.folder, self.stem, self.tell = folder, stem, tell or (lambda *_, **__: None)

    def piece(self, name, digest):
        """The arrays that were kept by that name, as a dict, or None; None where they are of another digest."""
        kept = files.recall(self._file(name)) if self.folder else None
        return kept if kept and np.array_equal(kept.get("digest"), digest) else None

    def keep(self, name, digest, arrays):
        """Keep a dict of arrays, in place of what was kept by that name."""
        if self.folder:
            files.keep(self._file(name), arrays | {"digest": digest})

    def kept(self):
        """The files of all that is kept."""
        return [*self.folder.glob(f"{self.stem}*.npz")]

    def _file(self, name):
        return self.folder / f"{self.stem}{urllib.parse.quote(name, safe='')}.npz"


class Own:
    """A `journal` that several may use, where each takes up only what it kept itself: `of`, as JSON, says who it is."""

    def __init__(self, journal, of):
        said = json.dumps(of, default=str)  # a seed may be NumPy's
        self.journal, self.of, self.tell = journal, np.frombuffer(said.encode(), np.uint8), journal.tell

    def piece(self, name, digest):
        return self.journal.piece(name, digest_of(digest, self.of))

    def keep(self, name, digest, arrays):
        self.journal.keep(name, digest_of(digest, self.of), arrays)


def run(start, go_on, inputs, search=None):
    """The results of a search, a dict of tensors (n, ...).

    `start()` gives its `Loop`, `go_on(loop, passes)` that after at most so many passes more. Both depend on `inputs`,
    tensors, and on the attack: a loop that was kept for other inputs is not taken up, and what is kept of another
    attack or network is the journal's to tell apart (`Own`). `search` is its `bsa.search.work.Search`.
    """
    journal = search and search.work.journal
    if journal is None:
        return go_on(start(), tf.constant(tf.int32.max)).results
    digest = digest_of(*inputs)
    loop = _taken_up(journal.piece(search.path, digest), start())
    passes = FIRST  # anew for each search: a pass of many images takes a hundred times as long as one of few
    begun = saved = time.monotonic()
    done, total = search.seen(loop)
    while _left(loop):
        away = time.monotonic()
        loop = go_on(loop, tf.constant(passes))
        left, now = _left(loop), time.monotonic()
        if now - away < AWAY / 2:
            passes = min(2 * passes, MOST)
        elif now - away > AWAY:
            passes = max(passes // 2, 1)
        done, total = search.seen(loop)
        if now - saved > UNSAVED or (not left and now - begun > WORTH):
            journal.keep(search.path, digest, _arrays(loop) | {"share": np.float64(done / total)})
            saved = now
        journal.tell(done, total)
    search.end()
    return loop.results


def _total(loop):
    return len(next(iter(loop.results.values())))


def _left(loop):
    """How many images are at work or wait."""
    return int((loop.item.numpy() >= 0).sum()) + _total(loop) - int(loop.following)


def digest_of(*tensors):
    """The sha256 of tensors or arrays, of their types and shapes, as (32,) uint8."""
    found = hashlib.sha256()
    for tensor in tensors:
        array = np.ascontiguousarray(tensor)
        found.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return np.frombuffer(found.digest(), np.uint8)


def _arrays(loop):
    """A loop as a dict of arrays."""
    named = {f"state/{k}": v for k, v in loop.state.items()} | {f"results/{k}": v for k, v in loop.results.items()}
    return {k: np.asarray(v) for k, v in (named | {"item": loop.item, "following": loop.following}).items()}


def _taken_up(arrays, first):
    """The loop that `_arrays` made `arrays` of, where they are of such a search; else `first`."""
    names = _arrays(first).keys()
    if arrays is None or not names <= arrays.keys():
        return first
    tensors = {k: tf.constant(arrays[k]) for k in names}
    state, results = (
        {k.removeprefix(kind): v for k, v in tensors.items() if k.startswith(kind)} for kind in ("state/", "results/")
    )
    return Loop(tensors["item"], tensors["following"], state, results)
