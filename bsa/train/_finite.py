"""NaN and infinity in a training: found at the step where they arise, with their likely cause."""

import numpy as np
import tensorflow as tf

from bsa.errors import TrainingError

ADVICE = "A lower learning_rate, a longer epsilon_warmup or precision float32 usually helps."
NETWORK = (
    "look for a square root, a norm, a logarithm or a division of 0 in the network, or use precision float32, which "
    "overflows last; the learning rate is not the cause"
)
COUNTS = GRADIENTS, WEIGHTS = "gradients that are no numbers", "weights that are no numbers"


def begun(model):
    """TrainingError where weights of `model` are no numbers before the first step."""
    for variable in model.variables:
        bad = int((~np.isfinite(np.asarray(tf.cast(variable, tf.float32)))).sum())
        if bad:
            raise TrainingError(
                f"expected finite weights to begin with, found {bad} others in {variable.path}: build or load the "
                "model again"
            )


def counts(slopes, model):
    """How many numbers of the gradients, and of the weights after their use, are none: scalars, by name."""
    weights = [v for v in model.variables if tf.as_dtype(v.dtype).is_floating]
    slopes = [tf.convert_to_tensor(slope) for slope in slopes if slope is not None]
    return {GRADIENTS: _bad(slopes), WEIGHTS: _bad([tf.convert_to_tensor(v) for v in weights])}


def _bad(tensors):
    return sum(tf.reduce_sum(tf.cast(~tf.math.is_finite(t), tf.float32)) for t in tensors)


def fault(metrics, step, steps, first):
    """A sentence on the numbers of `step` that are none and on what is to blame, None where all are numbers.

    `metrics` are those of the step with its `counts`; `first` tells that the training's own weights come from no step.
    """
    loss, at = metrics["loss"], f"at step {step} of {steps}"
    if not np.isfinite(loss):
        if first:
            return f"the loss is {loss} {at}, with the weights that the training began with: {NETWORK}."
        return f"the loss is {loss} {at}. {ADVICE}"
    if metrics[GRADIENTS]:
        blame = f": {NETWORK}." if first else f". {ADVICE}"
        return f"the loss is a number {at} and its gradient is not{blame}"
    if metrics[WEIGHTS]:
        return f"a weight is no longer a number after step {step} of {steps}. {ADVICE}"
    return None
