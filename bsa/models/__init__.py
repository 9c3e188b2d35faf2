"""Networks: `build(*, input_shape, num_classes, seed) -> keras.Model`, one module each.

[0, 1] images in, logits out; layers named `embedding` and `logits`; standard Keras layers only, each with its dtype
and data format: what keras.json or `keras.config` say changes no network. A whole one from a file is as its owner made
it, wrapped.
"""

PLAIN = {"dtype": "float32"}  # what every layer states
IMAGES = PLAIN | {"data_format": "channels_last"}  # and every layer of images
