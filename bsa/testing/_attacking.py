"""An attack as the table looks at it: what it finds on the shared network, computed once."""

import functools
from typing import Any

import keras

import bsa
from bsa.testing._shared import attacked_images, trained

EPSILON = 0.1  # within which some of the 100 images fall, and some stand


class Attacking:
    """An attack by its name and parameters, and what it finds on the shared network; each is computed once."""

    def __init__(self, name: str, **params: Any) -> None:
        self.name, self.params = name, {"epsilon": EPSILON} | params
        self.epsilon = self.params["epsilon"]
        self.images = attacked_images()

    def make(self, model: keras.Model, **params: Any) -> Any:
        """The attack on a model, with some of its parameters changed."""
        return bsa.attack(self.name, model, **self.params | params)

    @functools.cached_property
    def run(self) -> Any:
        """The attack on the trained network, built once: what takes long is TensorFlow's tracing."""
        return self.make(trained())

    @functools.cached_property
    def found(self) -> Any:
        """What it finds on the 100 images."""
        x, y, index = self.images
        return self.run(x, y, seed=0, index=index)

    @functools.cached_property
    def small(self) -> Any:
        """The attack in small batches, of which 100 images leave a rest."""
        return self.make(trained(), batch_size=16)

    def within(self, radius: float) -> Any:
        """What it finds in a ball of another radius."""
        x, y, index = self.images
        return self.make(trained(), epsilon=radius)(x, y, index=index)

    @functools.cached_property
    def wide(self) -> Any:
        """What it finds in a ball of three times the radius."""
        return self.within(min(3 * self.epsilon, 1))

    @functools.cached_property
    def narrow(self) -> Any:
        """What it finds in a smaller ball."""
        return self.within(0.7 * self.epsilon)
