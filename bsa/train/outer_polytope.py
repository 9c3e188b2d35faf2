"""Training for certificates by the convex outer polytope (Wong and Kolter 2018, section 3.4; Wong et al. 2018)."""

import tensorflow as tf

from bsa import certify
from bsa.ops import losses


def make(*, epsilon, epsilon_start, epsilon_warmup, bounded, projections, kappa):
    """The objective: robust cross-entropy; `(model, x, y, seed, step) -> (loss (n,), metrics)`.

    The logits of the robust cross-entropy are minus the lower bounds of logit_y - logit_j in the L-inf ball, 0 at
    j = y: an upper bound of the cross-entropy of every point there. `epsilon` is its radius in [0, 1] pixels; it grows
    linearly from `epsilon_start` over the first `epsilon_warmup` steps. `bounded` cuts the ball to [0, 1].
    `projections` (None: exact) estimates the bounds of hidden units by so many random projections, drawn afresh at
    every step: for networks whose coefficients do not fit into memory. `kappa` in [0, 1] is the weight of the plain
    cross-entropy. The model is a chain as for certificates (ValueError names the layer that is not); everything is
    float32. `seed` is a pair of int32; what is drawn serves all examples, so that `part` does not matter.
    """

    def objective(model, x, y, seed, step, part=None):
        with tf.init_scope():
            certify.check(model)
        grown = tf.minimum(tf.cast(step + 1, tf.float32) / max(epsilon_warmup, 1), 1.0)
        radius = tf.fill(tf.shape(y), epsilon_start + (epsilon - epsilon_start) * grown)
        blocks = certify.chain(model)
        options = certify.Options(rounding=False, projections=projections, seed=seed, gradient=True)
        bounds = certify.margins(blocks, x, y, radius, bounded=bounded, crown=False, options=options)
        logits = certify.forward(blocks, x)
        loss = losses.cross_entropy(-bounds, y)
        if kappa:
            loss = (1 - kappa) * loss + kappa * losses.cross_entropy(logits, y)
        metrics = {"certified_accuracy": losses.margin(-bounds, y) > 0, "accuracy": losses.margin(logits, y) > 0}
        return loss, {k: tf.cast(v, tf.float32) for k, v in metrics.items()} | {"epsilon": radius}

    return objective


def check(model):
    """ValueError where `model` is no chain as for certificates, or its activations have losses of their own."""
    certify.check(model)
    names = [layer.name for layer in model._flatten_layers() if layer.activity_regularizer is not None]
    if names:
        raise ValueError(f"expected layers without an activity_regularizer, which the bounds do not see, found {names}")


def passes(**_):
    """Forward-backward passes for each example of a step: the bounds count as one, whatever they cost."""
    return 1
