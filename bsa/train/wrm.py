"""Training for distributional robustness by a Wasserstein penalty (Sinha, Namkoong and Duchi 2018, Algorithm 1)."""

import math

import tensorflow as tf


def make(*, eps, attack_steps, label_smoothing):
    """The objective: smoothed cross-entropy at x'; `(model, x, y, seed, step) -> (loss (n,), metrics)`.

    x' climbs eps * loss(x') - ||x' - x||^2 / 2: first by one full step x + grad(eps * loss)(x), then by `attack_steps`
    steps of 1 / sqrt(t + 2), t = 0, 1, ... (the authors' release; their paper's gamma is 1 / (2 eps)). The penalty
    stands for a bound, so x' may leave [0, 1]. Labels are 1 - `label_smoothing` for the class and an equal share of
    the rest for each other class, also while x' climbs. Nothing is random; `seed`, `step` and `part` are not used.
    """

    def objective(model, x, y, seed, step, part=None):
        def loss_at(z):
            logits = model(z, training=True)
            return smoothed_cross_entropy(logits, y, label_smoothing), logits

        def slope(z):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(z)
                loss, _ = loss_at(z)
            return tape.gradient(loss, z)

        z = x + eps * slope(x)
        for t in range(attack_steps):  # unrolled, for the reason that `adversarial` gives
            z += (eps * slope(z) - (z - x)) / math.sqrt(t + 2)
        z = tf.stop_gradient(z)
        loss, logits = loss_at(z)
        right = tf.cast(tf.argmax(logits, -1, tf.int32) == y, tf.float32)
        transport = tf.norm(tf.reshape(z - x, (tf.shape(x)[0], -1)), axis=-1)
        return loss, {"adversarial_accuracy": right, "transport": transport}

    return objective


def smoothed_cross_entropy(logits, y, smoothing):
    """-sum q * log softmax(logits), shape (n,), float32: q is 1 - smoothing at y, smoothing / (classes - 1) elsewhere.

    Shapes: logits (n, classes), y (n,) int.
    """
    classes = tf.shape(logits)[-1]
    others = smoothing / tf.cast(classes - 1, tf.float32)
    labels = tf.one_hot(y, classes, on_value=1.0 - smoothing, off_value=others)
    return tf.nn.softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))


def passes(*, attack_steps, **_):
    """Forward-backward passes for each example of a step."""
    return attack_steps + 2
