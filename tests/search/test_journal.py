"""The turns that a search comes back from the graph in."""

import tensorflow as tf

from bsa.search import journal


def test_every_search_begins_with_a_short_turn():
    """Those of a quick search grow, but not those of the next, of more images, which would be silent for minutes."""
    turns = []

    def start():
        return journal.Loop(tf.constant([0]), tf.constant(1), {}, {"x": tf.zeros([1])})

    def go_on(loop, passes):
        turns.append(int(passes))
        return loop._replace(item=tf.constant([-1])) if len(turns) % 4 == 0 else loop

    with journal.watched(journal.Watch(lambda _: None, lambda *_: None, lambda _: None)):
        for _ in range(2):
            journal.run(start, go_on, [])
    assert turns == [8, 16, 32, 64] * 2
