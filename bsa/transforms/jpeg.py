"""JPEG: the artefacts of compression."""

from collections.abc import Mapping
from typing import Any

from bsa.transforms._transform import Range, Transform, coloured

LOSSLESS = 100  # the quality at which the image is left alone


def make() -> Transform:
    """The image after JPEG compression at a `quality` from 1 to 99; at 100 it is left unchanged.

    A quality between integers is rounded; pixels are rounded to 8 bits. For grey or colour images, 1 or 3 channels.
    """

    def apply(x: Any, point: Mapping[str, Any], seed: int, index: Any) -> Any:
        import tensorflow as tf

        coloured("jpeg", x, (1, 3))
        channels, shape = x.shape[-1], x.shape[1:]

        def stored(given: tuple) -> Any:
            image, quality = given
            file = tf.raw_ops.EncodeJpegVariableQuality(images=image, quality=quality)
            return tf.ensure_shape(tf.io.decode_jpeg(file, channels, dct_method="INTEGER_ACCURATE"), shape)

        quality = tf.broadcast_to(tf.cast(tf.round(point["quality"]), tf.int32), tf.shape(x)[:1])
        pixels = tf.cast(tf.round(x * 255), tf.uint8)
        files = tf.map_fn(stored, (pixels, quality), fn_output_signature=tf.uint8)
        return tf.where((quality < LOSSLESS)[:, None, None, None], tf.cast(files, x.dtype) / 255, x)

    return Transform({"quality": Range(1, LOSSLESS, LOSSLESS, "JPEG's, 100 for no file")}, apply, smooth=False)
