"""The table of checks that every network must pass."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

import bsa
from bsa.networks import embedding, logits
from bsa.ops import seeds
from bsa.testing._shared import CLASSES, SHAPE, expect, expect_equal, told


class Built:
    """A network by its name and parameters, and some images for it."""

    def __init__(self, name: str, shape: tuple[int, ...], classes: int, **params: Any) -> None:
        self.name, self.shape, self.classes, self.params = name, shape, classes, params
        self.model = self.build(0)
        self.x = (seeds.uniform(0, "images", np.arange(8), shape) + 1) / 2
        self.logits = logits(self.model, self.x)

    def build(self, seed: int) -> keras.Model:
        """The network with the initial weights of a seed."""
        return bsa.build(self.name, input_shape=self.shape, num_classes=self.classes, seed=seed, **self.params)


def check_model(
    name: str,
    *,
    input_shape: tuple[int, ...] = SHAPE,
    num_classes: int = CLASSES,
    **params: Any,
) -> None:
    """Check a network by its name, with parameters as in a spec; AssertionError says what is wrong."""
    told("models", name, MODEL, Built(name, tuple(input_shape), num_classes, **params))


def images_in_and_logits_out(net: Built) -> None:
    """(n, classes), finite, also for black and white images, and no probabilities."""
    found = net.logits.shape
    expect(found == (len(net.x), net.classes), f"expected logits of shape (n, {net.classes}), found {found}")
    plain = np.stack([np.zeros(net.shape, np.float32), np.ones(net.shape, np.float32)])
    expect(np.isfinite(logits(net.model, plain)).all(), "expected finite logits of a black and a white image")
    sums = net.logits.sum(-1)
    expect(not np.allclose(sums, 1, atol=1e-5), "expected logits, found numbers that sum to 1: leave the softmax out")


def equal_seeds_give_equal_weights(net: Built) -> None:
    """And another seed gives others."""
    same = "expected equal weights of equal seeds, found others"
    expect_equal(net.build(0).get_weights(), net.model.get_weights(), same)
    pairs = zip(net.build(1).get_weights(), net.model.get_weights(), strict=True)
    expect(any(not np.array_equal(*pair) for pair in pairs), "expected other weights of another seed, found the same")


def an_answer_does_not_depend_on_the_other_images(net: Built) -> None:
    """In inference mode, but for the rounding of sums."""
    alone = np.concatenate([logits(net.model, net.x[i : i + 1]) for i in range(len(net.x))])
    size = np.abs(net.logits).max() + 1
    # float32 sums of some thousand terms in another order
    expect(np.abs(alone - net.logits).max() <= 1e-4 * size, "expected the same logits of an image alone")


def keras_saves_and_loads_it(net: Built) -> None:
    """In safe mode, as runs do: with standard layers, or registered ones."""
    with tempfile.TemporaryDirectory() as folder:
        net.model.save(Path(folder, "net.keras"))
        loaded = keras.saving.load_model(Path(folder, "net.keras"), compile=False, safe_mode=True)
    expect_equal(logits(loaded, net.x), net.logits, "expected the same logits of a network that was saved and loaded")


def it_computes_in_float32(net: Built) -> None:
    """Whatever keras.config says when it is built."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = net.build(0)
    finally:
        keras.config.set_dtype_policy(policy)
    expect_equal(logits(model, net.x), net.logits, 'expected float32 whatever keras.config says: state dtype="float32"')


def a_layer_is_called_embedding(net: Built) -> None:
    """Distances between images are measured in its output."""
    found = embedding(net.model, net.x).shape
    expect(
        len(found) == 2 and found[0] == len(net.x), f"expected features (n, any) of the layer embedding, found {found}"
    )


MODEL = (
    images_in_and_logits_out,
    equal_seeds_give_equal_weights,
    an_answer_does_not_depend_on_the_other_images,
    keras_saves_and_loads_it,
    it_computes_in_float32,
    a_layer_is_called_embedding,
)
