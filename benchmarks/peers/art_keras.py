"""The adversarial-robustness-toolbox with the Keras network itself."""

import tensorflow as tf
from art.estimators.classification import TensorFlowV2Classifier

from benchmarks.peers._keras import load
from benchmarks.peers.art import combined

__all__ = ["autoattack", "load"]
PACKAGES = ("adversarial-robustness-toolbox", "tensorflow-cpu", "keras", "numpy")


def autoattack(model, x, y, radius, *, square_restarts):
    """As in `art`."""
    loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True)
    wrapped = TensorFlowV2Classifier(
        model, nb_classes=model.classes, input_shape=x.shape[1:], loss_object=loss, clip_values=(0.0, 1.0)
    )
    return combined(wrapped, radius, len(x), square_restarts).generate(x, y)
