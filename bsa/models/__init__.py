"""Networks: `build(*, input_shape, num_classes, seed) -> keras.Model`, one module each.

[0, 1] images in, logits out; layers named `embedding` and `logits`; standard Keras layers only.
"""
