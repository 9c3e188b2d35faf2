"""Adversarial training against L-inf PGD (Madry et al. 2018, Eq. 2.1)."""

import tensorflow as tf

from bsa.ops import draws, losses


def make(*, epsilon, epsilon_warmup=0, attack_steps, step_size=None, random_start,
         attack_batch_norm=None):  # fmt: skip
    """The objective: cross-entropy on PGD examples; `(model, x, y, seed, step) -> (loss (n,), metrics)`.

    `epsilon` and `step_size` are in [0, 1] pixels; both grow linearly over the first `epsilon_warmup` steps, without
    which a network at a large epsilon can stay at constant logits for epochs. `seed` is a pair of int32;
    `part` is (first row, size of the whole batch) where x is a part of one. `attack_batch_norm` is the mode in which
    the inner attack sees batch norm: "inference", or "training" (None: the same), by the batch's own statistics, which
    also moves their averages at each of its steps, as in Madry's release.
    """
    step_size = step_size or 2.5 * epsilon / attack_steps
    inner = attack_batch_norm != "inference"

    def objective(model, x, y, seed, step, part=None):
        grown = tf.minimum(tf.cast(step + 1, tf.float32) / max(epsilon_warmup, 1), 1.0)
        radius = epsilon * grown
        low, high = tf.maximum(x - radius, 0.0), tf.minimum(x + radius, 1.0)
        z = x
        if random_start:
            z = tf.clip_by_value(x + radius * draws.rows(x, seed, part), low, high)
        # Unrolled: within a graph's loop, TensorFlow gives some max-pool gradients (in one process these, in the next
        # those) to a kernel 10 times slower on a CPU. The bits are the same.
        for _ in range(attack_steps):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(z)
                loss = losses.cross_entropy(model(z, training=inner), y)
            z = tf.clip_by_value(z + step_size * grown * tf.sign(tape.gradient(loss, z)), low, high)
        logits = model(tf.stop_gradient(z), training=True)
        right = tf.cast(tf.argmax(logits, -1, tf.int32) == y, tf.float32)
        return losses.cross_entropy(logits, y), {"adversarial_accuracy": right, "epsilon": tf.fill(tf.shape(y), radius)}

    return objective


def passes(*, attack_steps, **_):
    """Forward-backward passes for each example of a step."""
    return attack_steps + 1
