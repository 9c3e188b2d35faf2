"""The queue: every item is worked on to its end, whatever the others need."""

import numpy as np
import pytest
import tensorflow as tf

from bsa.attacks._refill import by_shape, refill


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


def test_a_graph_is_traced_once_for_each_image_size():
    traced = []

    @by_shape
    def graph(x, factor):
        traced.append(x.shape)
        return x * factor

    for n, size in ((3, 4), (5, 4), (2, 6), (3, 4), (1, 6)):
        assert graph(np.ones((n, size, size, 1), np.float32), tf.constant(2.0)).shape == (n, size, size, 1)
    assert [tuple(shape) for shape in traced] == [(None, 4, 4, 1), (None, 6, 6, 1)]
