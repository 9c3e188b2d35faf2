"""The worker for bsa's own attacks: `python -m benchmarks.ours FOLDER`."""

import os

from benchmarks import _work

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def load(job):
    """The job's attack on its network, for `_work.main`."""
    import keras

    import bsa
    from bsa.networks import logits

    model = keras.saving.load_model(job["network"], compile=False)
    params, thresholds = dict(job["params"]), job["thresholds"]
    if "reach" in params:  # the radius from which a bisection comes down, as a multiple of the largest threshold
        thresholds = [min(params.pop("reach") * thresholds[0], 1.0)]
    attack = bsa.attack(job["attack"], model, epsilon=thresholds[0], thresholds=thresholds, **params)

    def run(x, y, index, *_):
        found = attack(x, y, seed=job["seed"], index=index, thresholds=thresholds)
        return found.x, found.passes, found.passes * (job["attack"] != "square")  # its queries take no gradient

    return run, lambda x: logits(model, x), ("bsa", "tensorflow", "tensorflow-cpu", "keras", "numpy")


if __name__ == "__main__":
    _work.main(load)
