"""Small chains of every kind, and Wong and Kolter's bounds written out with whole matrices in NumPy."""

import keras
import numpy as np
import pytest
from keras import layers


def _chain(shape, *parts, classes=4):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input(shape), *parts, layers.Dense(classes)])
    rng = np.random.default_rng(4)
    model.set_weights([w + 0.1 * rng.normal(size=w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def _normalization():
    return layers.Normalization(mean=[0.4, 0.5], variance=[0.04, 0.09])


CHAINS = {
    "dense": lambda: _chain((5, 5, 1), layers.Flatten(), layers.Dense(12, "relu"), layers.Dense(9, "relu")),
    "linear": lambda: _chain((3, 4, 1), layers.Flatten()),
    "same": lambda: _chain(
        (8, 8, 1), layers.Conv2D(3, 4, 2, "same", activation="relu"), layers.Conv2D(4, 4, 2, "same", activation="relu"),
        layers.Flatten(), layers.Dense(7, "relu"),
    ),
    "valid": lambda: _chain(
        (9, 8, 2), layers.Rescaling(2.0, -1.0), layers.Conv2D(3, 3, activation="relu"),
        layers.Conv2D(4, (2, 3), (2, 1), activation="relu"), layers.Conv2D(2, 2, 2, activation="relu"),
        layers.Flatten(),
    ),
    "odd": lambda: _chain(
        (10, 7, 2), _normalization(), layers.Conv2D(3, 5, 3, "same", use_bias=False), layers.ReLU(),
        layers.Conv2D(4, 3, 2, "same"), layers.Flatten(), layers.Activation("relu"), layers.Dense(5), layers.ReLU(),
    ),
    "two in a row": lambda: _chain(
        (6, 6, 1), layers.Conv2D(3, 3, padding="same"), layers.Conv2D(2, 3, padding="same"), layers.ReLU(),
        layers.Conv2D(3, 2, 2, activation="relu"), layers.Conv2D(2, 2, padding="same"), layers.Rescaling(0.5, 0.125),
        layers.ReLU(), layers.Flatten(),
    ),
    "elu": lambda: _chain(
        (9, 9, 1), layers.Conv2D(3, 4, 2, "same", activation="elu"), layers.Conv2D(4, 3, 2, activation="elu"),
        layers.Flatten(), layers.Dense(8), layers.ELU(), layers.Dense(6, "relu"),
    ),
}  # fmt: skip


@pytest.fixture(scope="session", params=list(CHAINS))
def chain_model(request):
    return CHAINS[request.param]()


@pytest.fixture(scope="session")
def dense_model():
    return CHAINS["dense"]()


@pytest.fixture(scope="session")
def same_model():
    return CHAINS["same"]()


@pytest.fixture(scope="session")
def shallow_model():
    return _chain((4, 4, 1), layers.Flatten(), layers.Dense(10, "relu"))


@pytest.fixture(scope="session")
def batch():
    """n images of a model's size in [0, 1], some pixels at the ends, and labels."""

    def make(model, n=6, classes=4):
        rng = np.random.default_rng(0)
        x = np.clip(rng.uniform(-0.3, 1.3, (n, *model.input_shape[1:])), 0, 1).astype(np.float32)
        return x, rng.integers(0, classes, n).astype(np.int32)

    return make


def _in_float64(layer):
    """A copy of a layer that computes in float64, without its activation."""
    config = layer.get_config() | {"dtype": "float64"}
    copy = type(layer).from_config(config | ({"activation": None} if "activation" in config else {}))
    copy.build(layer.input.shape)
    copy.set_weights(layer.get_weights())
    return copy


class Matrices:
    """A chain as matrices: between two activations z = v @ m + b, read off the Keras layers by their answers.

    They answer in float64, by copies: what float32 loses hangs on the processor.
    """

    def __init__(self, model):
        self.parts, self.elus, group, shape = [], [], [], model.input_shape[1:]
        for layer in model.layers:
            activation = getattr(layer, "activation", None)
            relu = isinstance(layer, layers.ReLU) or activation is keras.activations.relu
            elu = isinstance(layer, layers.ELU) or activation is keras.activations.elu
            group.append(layer)
            if relu or elu or layer is model.layers[-1]:
                self.elus.append(elu)
                self.parts.append(self._read(group, shape))
                group, shape = [], layer.output.shape[1:]

    @staticmethod
    def _read(group, shape):
        copies = [_in_float64(layer) for layer in group if not isinstance(layer, layers.ReLU | layers.ELU)]

        def answer(v):
            for layer in copies:
                v = layer(v)
            return np.asarray(v).reshape(len(v), -1)

        size = int(np.prod(shape))
        b = answer(np.zeros((1, *shape)))
        return answer(np.eye(size).reshape(size, *shape)) - b, b[0]

    def relaxed(self, x, epsilon, bounded, crown=False):
        """For one image: centre and radius of the inputs, and l, u of every activation by the formula of the paper.

        With `crown` the better of those and of what CROWN's lines give.
        """
        low, high = (x.reshape(-1).astype(np.float64) + sign * epsilon for sign in (-1, 1))
        if bounded:
            low, high = low.clip(0, 1), high.clip(0, 1)
        centre, r, ends = (low + high) / 2, (high - low) / 2, []
        for count in range(1, len(self.parts)):
            m, b = self.parts[count - 1]
            lows, highs = (sign * self.dual(sign * m, sign * b, centre, r, ends) for sign in (1, -1))
            ends.append((lows, highs))
        better = []
        for (lows, highs), (m, b) in zip(ends if crown else [], self.parts, strict=False):
            least, most = (sign * self.dual(sign * m, sign * b, centre, r, better, crown) for sign in (1, -1))
            better.append((np.maximum(lows, least), np.minimum(highs, most)))
        return centre, r, better or ends

    @staticmethod
    def lines(low, high, elu, crown):
        """The slopes and the constants of the lower and of the upper line around an activation."""
        bends = (low < 0) & (elu | (high > 0))
        ends = [np.where(z > 0, z, np.expm1(np.minimum(z, 0)) if elu else 0) for z in (low, high)]
        d = np.where(bends, (ends[1] - ends[0]) / np.where(bends, high - low, 1), low >= 0)  # the chord
        touch = np.log(np.where(bends, d, 1))  # where the slope of an ELU is that of the chord
        slope, least, most = d, np.where(bends & elu, d - 1 - d * touch, 0), np.where(bends, ends[0] - d * low, 0)
        if crown and elu:  # the tangent at the middle
            middle = (low + high) / 2
            slope = np.where(bends, np.exp(np.minimum(middle, 0)), d)
            least = np.where(bends, np.where(middle > 0, middle, np.expm1(np.minimum(middle, 0))) - slope * middle, 0)
        elif crown:
            slope = np.where(bends, high > -low, d)
        return slope, least, d, most

    def dual(self, a, constant, centre, r, ends, crown=False):
        """Lower bounds of v @ a + constant, v behind the last activation with inputs in `ends` (or the input)."""
        total = np.array(constant, np.float64)
        layers_below = zip(ends[::-1], self.parts[: len(ends)][::-1], self.elus[: len(ends)][::-1], strict=True)
        for (low, high), (m, b), elu in layers_below:
            slope, least, d, most = self.lines(low, high, elu, crown)
            total += np.minimum(a, 0).T @ most + np.maximum(a, 0).T @ least
            a = d[:, None] * np.minimum(a, 0) + slope[:, None] * np.maximum(a, 0)
            total += b @ a
            a = m @ a
        return total + centre @ a - r @ np.abs(a)

    def margins(self, x, y, epsilon, bounded, crown=False):
        """The lower bounds of one image's margins, (classes,)."""
        m, b = self.parts[-1]
        found = self.dual(m[:, [y]] - m, b[y] - b, *self.relaxed(x, epsilon, bounded))
        if crown:
            relaxed = self.relaxed(x, epsilon, bounded, crown)
            found = np.maximum(found, self.dual(m[:, [y]] - m, b[y] - b, *relaxed, crown))
        return found


@pytest.fixture(scope="session")
def matrices():
    return Matrices
