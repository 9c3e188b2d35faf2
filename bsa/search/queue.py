"""Work through many items with a batch of fixed size: finished items leave it and others take their place.

One graph holds the whole queue, so that no image waits for the host and one hard image never holds the rest; it comes
back to the host every ten seconds or so where there is a journal to tell, and at the end.
When the queue is empty the batch shrinks with what is left in it, at an eighth of idle places, at half of them where
each shape must be compiled; never below `LEAST`, because on a CPU the float32 sums of a smaller batch come out in
another order: so who shares its batch hardly matters to an image (on some processors only to its last bits).
"""

import functools

import tensorflow as tf

from bsa.execution import LEAST
from bsa.search.journal import Loop, run


def refill(begin, advance, total, batch, jit_compile=False, turn=None):
    """Run `advance` until every one of `total` items is done; returns their results, a dict of (total, ...) tensors.

    With a `turn`, a pair of a `Loop` and a number of passes, it runs no longer than that and gives the `Loop`; where
    the pair holds None for the loop, it gives the one to begin with.

    `begin(items)` gives the state of items numbered `items` (b,): a dict of tensors (b, ...). `advance(state)` gives
    `(state, done, result)` with done (b,) bool and result a dict of (b, ...) whose rows count where done. States of
    different items never mix; all dimensions but the first are static. A finished item may be advanced on while it
    waits to be replaced: `advance` must stay in bounds. `jit_compile` says whether it is compiled for each shape. To be
    called in a `tf.function`.
    """
    loop, passes = turn or (None, None)
    if loop is None:
        loop = _first(begin, advance, total, batch)
        if turn:
            return loop
    idle = 1 / 2 if jit_compile else 1 / 8

    def body(item, following, state, results):
        state, done, result = advance(state)
        done = done & (item >= 0)

        def settle():
            rows = tf.where(done)[:, 0]
            to = tf.gather(item, rows)[:, None]
            kept = {k: tf.tensor_scatter_nd_update(results[k], to, tf.gather(result[k], rows)) for k in results}
            fresh = following + tf.cumsum(tf.cast(done, tf.int32)) - 1
            fresh = tf.where(fresh < total, fresh, -1)
            taken = begin(tf.maximum(fresh, 0))
            renewed = {k: tf.where(_like(done & (fresh >= 0), v), taken[k], v) for k, v in state.items()}
            used = tf.minimum(following + tf.cast(tf.size(rows), tf.int32), total)
            return _shrink(idle, tf.where(done, fresh, item), used, renewed, kept)

        return tf.cond(tf.reduce_any(done), settle, lambda: (item, following, state, results))

    def open_shapes(tensors):
        return {k: tf.TensorShape([None, *v.shape[1:]]) for k, v in tensors.items()}

    invariants = (tf.TensorShape([None]), tf.TensorShape([]), open_shapes(loop.state), open_shapes(loop.results))
    found = tf.while_loop(
        lambda item, *_: tf.reduce_any(item >= 0), body, tuple(loop), invariants, maximum_iterations=passes
    )
    return Loop(*found) if turn else found[-1]


def _first(begin, advance, total, batch):
    """The `Loop` before its first pass."""
    places = tf.range(tf.minimum(batch, tf.maximum(total, LEAST)))
    state = begin(tf.minimum(places, total - 1))
    _, _, sample = advance(state)
    results = {k: tf.zeros([total, *v.shape[1:]], v.dtype) for k, v in sample.items()}
    return Loop(tf.where(places < total, places, -1), tf.minimum(tf.size(places), total), state, results)


def _shrink(idle, item, following, state, results):
    """Drop idle places once the share `idle` of all is idle."""
    busy = tf.cast(item >= 0, tf.int32)
    kept = tf.minimum(tf.maximum(tf.reduce_sum(busy), LEAST), tf.size(item))

    def shrunk():
        rows = tf.argsort(busy, direction="DESCENDING", stable=True)[:kept]
        return tf.gather(item, rows), {k: tf.gather(v, rows) for k, v in state.items()}

    few = tf.cast(kept, tf.float32) <= (1 - idle) * tf.cast(tf.size(item), tf.float32)
    item, state = tf.cond(few, shrunk, lambda: (item, state))
    return item, following, state, results


def _like(flags, tensor):
    """(b,) as (b, 1, ..., 1) of the rank of `tensor`."""
    return tf.reshape(flags, tf.concat([[-1], tf.ones(tf.rank(tensor) - 1, tf.int32)], 0))


def by_shape(graph):
    """`graph(*tensors, turn)`, what `refill` gives for `turn`, as `call(*tensors)`: the results of a whole search.

    It is traced once for each image size, whatever the number of images. With `search`, a `bsa.search.work.Search`, it
    is followed as `bsa.search.journal` says.
    """

    @functools.cache
    def traced(*signature):
        start = tf.function(lambda *tensors: graph(*tensors, turn=(None, None)), input_signature=signature)
        loop = tf.nest.map_structure(_spec, start.get_concrete_function().structured_outputs)
        go_on = tf.function(
            lambda loop, passes, *tensors: graph(*tensors, turn=(loop, passes)),
            input_signature=(loop, tf.TensorSpec([], tf.int32), *signature),
        )
        go_on.get_concrete_function()  # else TensorFlow takes those of several attacks for one that is traced anew
        return start, go_on

    def call(*arrays, search=None):
        tensors = [tf.convert_to_tensor(array) for array in arrays]
        start, go_on = traced(*map(_spec, tensors))
        results = run(lambda: start(*tensors), lambda loop, passes: go_on(loop, passes, *tensors), tensors, search)
        if search:
            search.work.count(results)
        return results

    return call


def _spec(tensor):
    """One of any number of rows like it; a number is itself."""
    return tf.TensorSpec([None, *tensor.shape[1:]] if tensor.shape.rank else [], tensor.dtype)


def kernel(evaluate, jit_compile):
    """`evaluate`, the part of an `advance` that runs the model, as a graph function of its own.

    It is kept out of the loop's graph: within a loop TensorFlow may pick a max-pool gradient ten times as slow.
    """
    outside = None if jit_compile else {"_noinline": True}
    return tf.function(evaluate, jit_compile=jit_compile or None, experimental_attributes=outside)
