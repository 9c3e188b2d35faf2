"""The turns that a search comes back from the graph in, and what is kept of it."""

import numpy as np
import tensorflow as tf

from bsa.search import journal
from bsa.search.work import Cost, Work


class Told(list):
    """A journal that keeps nothing."""

    def piece(self, name, digest):
        return None

    def keep(self, name, digest, arrays):
        pass

    def tell(self, done, total):
        self.append(done / total)


def test_every_search_begins_with_a_short_turn():
    """Those of a quick search grow, but not those of the next, of more images, which would be silent for minutes."""
    turns = []

    def start():
        return journal.Loop(tf.constant([0]), tf.constant(1), {}, {"x": tf.zeros([1])})

    def go_on(loop, passes):
        turns.append(int(passes))
        return loop._replace(item=tf.constant([-1])) if len(turns) % 4 == 0 else loop

    work = Work(Told())
    work.begin("try", [{"first": Cost(100), "second": Cost(100)}], lambda going: 0)
    for name in ("first", "second"):
        journal.run(start, go_on, [], work.at(name))
    assert turns == [8, 16, 32, 64] * 2


def test_what_is_kept_is_found_by_its_name_and_what_it_was_made_of(tmp_path):
    kept = journal.Journal(tmp_path, "chunk_0000.search_", None)
    digest, other = (np.full(32, value, np.uint8) for value in (1, 2))
    assert kept.piece("0.3/grey/0/steps", digest) is None
    kept.keep("0.3/grey/0/steps", digest, {"x": np.arange(3)})
    np.testing.assert_array_equal(kept.piece("0.3/grey/0/steps", digest)["x"], np.arange(3))
    assert kept.piece("0.3/grey/0/steps", other) is None
    assert kept.piece("0.3/grey/1/steps", digest) is None
    assert [file.parent for file in kept.kept()] == [tmp_path]
