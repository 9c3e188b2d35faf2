"""The worker for bsa's adversarial training: `python -m benchmarks.training_ours JOB.json`."""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(job):
    """Train by `bsa.fit`, all of its loop included, as the driver asks."""
    import keras
    import numpy as np

    import bsa
    from benchmarks._turns import Turns
    from bsa.data import Dataset

    with np.load(job["images"]) as file:
        data = Dataset(file["x"], file["y"], 10)
    model = keras.saving.load_model(job["network"], compile=False)
    turns = Turns(products(job["precision"]), job["warm_up"])
    bsa.fit("adversarial", model, data, seed=job["seed"], progress=turns, precision=job["precision"], **job["train"])


def products(precision):
    """Functions that multiply float32 or bfloat16 matrices of the sizes to try."""
    import tensorflow as tf

    from benchmarks._turns import SIZES

    dtype = tf.float32 if precision == "float32" else tf.bfloat16
    multiply = tf.function(tf.matmul)

    def product(rows, inner, columns):
        a, b = (tf.cast(tf.random.normal(shape), dtype) for shape in ((rows, inner), (inner, columns)))
        return lambda: multiply(a, b)[0, 0].numpy()

    return [product(*size) for size in SIZES]


if __name__ == "__main__":
    with open(sys.argv[1]) as opened:
        main(json.load(opened))
