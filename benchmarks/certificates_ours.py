"""The worker for bsa's bounds and training with them: `python -m benchmarks.certificates_ours JOB.json`."""

import itertools
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(job):
    import keras
    import numpy as np
    import tensorflow as tf

    from benchmarks._asked import Asked

    tf.config.threading.set_intra_op_parallelism_threads(job["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(job["threads"])
    asked, folder = Asked(), Path(job["folder"])
    model = keras.saving.load_model(folder / "network.keras", compile=False)
    split = {"certify": "test", "train": "train"}[job["work"]]
    with np.load(folder / f"{split}.npz") as file:
        x, y = file["x"], file["y"]
    {"certify": certify, "train": train}[job["work"]](model, x, y, job, asked)


def certify(model, x, y, job, asked):
    """The bounds by the public certificate, and those of the first images into a file."""
    import numpy as np

    from bsa.catalog import find
    from bsa.spec import parameters

    given = {"slopes": "parallel", "rounding": False, "tolerance": None, "batch_size": job["batch"]}
    given |= {name: job[name] for name in ("epsilon", "bounded")}
    certificate = find("certify", "outer_polytope").make(model, **parameters("certify", "outer_polytope", given))
    np.save(Path(job["folder"]) / "bsa.npy", certificate(x[: job["images"]], y[: job["images"]]).bounds)
    for at in itertools.cycle(range(0, job["images"], job["batch"])):
        certificate(x[at : at + job["batch"]], y[at : at + job["batch"]])
        asked()


def train(model, x, y, job, asked):
    """`bsa.fit` as it is, from the given network on."""
    import bsa
    from bsa.data import Dataset

    given = {"steps": 10**6, "batch_size": job["batch"], "epsilon": job["epsilon"], "bounded": job["bounded"]}
    bsa.fit("outer_polytope", model, Dataset(x, y, 10), progress=asked, learning_rate=1e-4, **given)


if __name__ == "__main__":
    with open(sys.argv[1]) as opened:
        main(json.load(opened))
