"""Networks: `build(*, input_shape, num_classes, seed) -> keras.Model`, one module each.

[0, 1] images in, logits out; layers named `embedding` and `logits`; standard Keras layers only, each with its dtype
and data format: what keras.json or `keras.config` say changes no network.
"""

import keras
import numpy as np

from bsa.errors import UsageError

AT_ONCE = 500  # images in one pass
PLAIN = {"dtype": "float32"}  # what every layer states
IMAGES = PLAIN | {"data_format": "channels_last"}  # and every layer of images


def embedding(model, x, layer="embedding"):
    """What a layer of `model` gives for images x (n, height, width, channels) in [0, 1]: (n, features) float32.

    h(x) of the paper (Eq. 2). Features of more than one axis are flattened. Raises UsageError with the names of the
    layers where there is none of that name.
    """
    known = [each.name for each in getattr(model, "layers", [])]
    if layer not in known:
        raise UsageError(f'expected one of the layers {", ".join(known)}, found "{layer}"')
    part = keras.Model(model.input, model.get_layer(layer).output)
    found = None
    for at in range(0, max(len(x), 1), AT_ONCE):
        block = np.asarray(part(x[at : at + AT_ONCE], training=False))
        if found is None:  # not a list of blocks, which would be in memory twice
            found = np.empty((len(x), int(np.prod(block.shape[1:]))), np.float32)
        found[at : at + AT_ONCE] = block.reshape(len(block), found.shape[1])
    return found
