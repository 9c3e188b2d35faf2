"""Networks: `build(*, input_shape, num_classes, seed) -> keras.Model`, one module each.

They take [0, 1] images and give logits; layers are named `embedding` and `logits`. They have standard Keras layers
only, each with an explicit dtype and data format, so that keras.json and `keras.config` change no network. A network
from a file stays as it is, and is wrapped.
"""

PLAIN = {"dtype": "float32"}  # what every layer states
IMAGES = PLAIN | {"data_format": "channels_last"}  # and every layer of images
