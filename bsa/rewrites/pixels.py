"""The pixels that a network takes, as users state them, and the layers that compute them from pixels in [0, 1]."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

Pixels = Sequence[float] | Mapping[str, Any] | str

UNIT = [0, 1]  # what is taken where nothing is stated
NAMES: dict[str, Any] = {  # the modes of keras.applications' preprocess_input
    "tf": [-1, 1],
    "torch": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "caffe": {"mean": [103.939 / 255, 116.779 / 255, 123.68 / 255], "std": [1 / 255] * 3},  # of blue, green, red
}
EXPECTED = '[low, high], {"mean": ..., "std": ...} in [0, 1] pixels, or one of ' + ", ".join(NAMES)


class Affine(NamedTuple):
    """factor * x + offset of x in [0, 1], each a number or one a channel; of the channels from last to first first."""

    factor: np.ndarray
    offset: np.ndarray
    reverse: bool = False

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The network's pixels, float32, of images x (n, height, width, channels) in [0, 1]."""
        x = x[..., ::-1] if self.reverse else x
        return (self.factor * x.astype(np.float64) + self.offset).astype(np.float32)

    def inverse(self, pixels: np.ndarray) -> np.ndarray:
        """What `self` makes the given pixels of: the inverse of `self(x)`, float32."""
        x = ((pixels.astype(np.float64) - self.offset) / self.factor).astype(np.float32)
        return x[..., ::-1] if self.reverse else x


def affine(pixels: Pixels, channels: int | None = None) -> Affine:
    """What the network's pixels are of those in [0, 1]: `affine([0, 255])` is 255 * x.

    `pixels` is [low, high], {"mean": ..., "std": ...} of pixels in [0, 1] with one number or one for each of the
    `channels`, or a mode of keras.applications: "tf", "torch", "caffe". ValueError for anything else.
    """
    if isinstance(pixels, str):
        if pixels not in NAMES:
            raise ValueError(f'expected pixels as {EXPECTED}, found "{pixels}"')
        return affine(NAMES[pixels], channels)._replace(reverse=pixels == "caffe")
    if isinstance(pixels, Mapping):
        if set(pixels) != {"mean", "std"}:
            raise ValueError(f'expected pixels with "mean" and "std" alone, found {", ".join(map(str, pixels))}')
        mean, std = (_numbers(pixels[name], name, channels) for name in ("mean", "std"))
        if std.min() < keras.config.epsilon():
            raise ValueError(f"expected a std of at least {keras.config.epsilon():g}, found {std.min():g}")
        if mean.max() > 1 or mean.min() < 0:
            found = f"{mean.max() if mean.max() > 1 else mean.min():g}"
            raise ValueError(f"expected a mean in [0, 1], as pixels are, found {found}: divide mean and std by 255")
        return Affine(1 / std, -mean / std)
    bounds = np.asarray(pixels if np.ndim(pixels) == 1 else [], np.float64)
    if bounds.shape != (2,) or not np.isfinite(bounds).all() or not bounds[0] < bounds[1]:
        raise ValueError(f"expected pixels as {EXPECTED}, with low < high, found {pixels!r}")
    low, high = bounds
    return Affine(high - low, low)


def _numbers(given, name, channels):
    """One number, or one for each channel, as an array."""
    values = np.asarray(given, np.float64)
    if values.ndim > 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"expected {name} as one number or one for each channel, found {given!r}")
    if channels and values.ndim and values.size not in (1, channels):
        expected = f"one number or {channels}, one for each channel of the images"
        raise ValueError(f"expected {name} as {expected}, found {values.size}: {given!r}")
    return values


def layered(x: keras.KerasTensor, pixels: Pixels) -> keras.KerasTensor:
    """`x`, images (n, height, width, channels) in [0, 1], as the network takes them: by layers of Keras in float32."""
    made = affine(pixels, x.shape[-1])
    if isinstance(pixels, str):
        pixels = NAMES[pixels]
    if made.reverse:
        x = keras.ops.flip(x, axis=-1)
    if isinstance(pixels, Mapping):
        mean, std = (np.broadcast_to(pixels[name], x.shape[-1]).astype(np.float64) for name in ("mean", "std"))
        layer = keras.layers.Normalization(mean=mean.tolist(), variance=(std**2).tolist(), dtype="float32")
        return layer(x)
    factor, offset = float(made.factor), float(made.offset)
    return x if (factor, offset) == (1, 0) else keras.layers.Rescaling(factor, offset=offset, dtype="float32")(x)


def shown(pixels: Pixels) -> str:
    """`pixels` as a message and a spec have it."""
    if isinstance(pixels, str):
        return f'"{pixels}"'
    if isinstance(pixels, Mapping):
        return "{" + ", ".join(f'"{key}": {shown(np.ravel(value))}' for key, value in pixels.items()) + "}"
    values = [f"{float(value):.4g}" for value in pixels]
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]"
