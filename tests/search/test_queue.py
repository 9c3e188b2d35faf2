"""The queue: every item is worked on to its end, whatever the others need."""

import numpy as np
import pytest
import tensorflow as tf

from bsa.search.queue import LEAST, by_shape, refill


@pytest.mark.parametrize(("total", "batch"), [(1, 1), (5, 8), (50, 8), (64, 64), (7, 1)])
def test_every_item_gets_the_steps_it_needs(total, batch):
    needs = np.random.default_rng(total).integers(1, 40, total).astype(np.int32)

    @tf.function
    def work(needs):
        def begin(items):
            return {"need": tf.gather(needs, items), "count": tf.zeros_like(items), "item": items}

        def advance(state):
            count = state["count"] + 1
            result = {"count": count, "pair": tf.stack([state["item"], count], 1)}
            return state | {"count": count}, count >= state["need"], result

        return refill(begin, advance, tf.size(needs), batch)

    found = work(needs)
    np.testing.assert_array_equal(found["count"], needs)
    np.testing.assert_array_equal(found["pair"], np.stack([np.arange(total), needs], 1))


@pytest.mark.parametrize(("jit_compile", "idle"), [(False, 1 / 8), (True, 1 / 2)])
def test_idle_places_are_given_up(jit_compile, idle):
    sizes = []

    @tf.function
    def work():
        def begin(items):
            return {"item": items, "count": tf.zeros_like(items)}

        def advance(state):
            state = state | {"count": state["count"] + 1}
            size = tf.numpy_function(lambda n: sizes.append(n) or n, [tf.size(state["item"])], tf.int32)
            return state, state["count"] > state["item"], {"size": tf.fill(tf.shape(state["item"]), size)}

        return refill(begin, advance, 100, 100, jit_compile)

    work()
    assert len(sizes) == 101  # the first call asks for the results' shapes
    for step, size in enumerate(sizes[1:]):  # one item ends in each step
        busy = 100 - step
        assert busy <= size
        assert size * (1 - idle) < max(busy, LEAST)


def test_a_graph_is_traced_once_for_each_image_size():
    traced = []

    @by_shape
    def graph(x, factor, turn):
        traced.append(x.shape)
        result = lambda items: {"x": tf.gather(x, items) * factor}  # noqa: E731
        advance = lambda s: (s, s["item"] >= 0, result(s["item"]))  # noqa: E731
        return refill(lambda items: {"item": items}, advance, tf.shape(x)[0], 2, turn=turn)

    for n, size in ((3, 4), (5, 4), (2, 6), (3, 4), (1, 6)):
        x = np.random.default_rng(n).normal(size=(n, size, size, 1)).astype(np.float32)
        np.testing.assert_array_equal(graph(x, tf.constant(2.0))["x"], 2 * x)
    # where a search begins and where it goes on are a graph each
    assert [tuple(shape) for shape in traced] == [(None, 4, 4, 1)] * 2 + [(None, 6, 6, 1)] * 2
