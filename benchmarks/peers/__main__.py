"""The worker for a peer's attack: `python -m benchmarks.peers FOLDER`, in the peers' environment."""

import importlib

import numpy as np

from benchmarks import _work


def load(job):
    """The job's attack on its network, for `_work.main`."""
    module = importlib.import_module(f"benchmarks.peers.{job['library']}")
    attack, model = getattr(module, job["attack"]), module.load(job)

    def run(x, y, index, radius, params):
        found, spent = np.empty_like(x), np.zeros((2, len(x)))
        model.seed(job["seed"])
        for at in range(0, len(x), job["batch"]):
            part = slice(at, at + job["batch"])
            model.spent()
            found[part] = model.outward(attack(model, *model.inward(x[part], y[part]), radius, **params))
            spent[:, part] = np.array(model.spent())[:, None] / len(x[part])  # the mean of the batch
        return found, *spent

    return run, model.logits, module.PACKAGES


if __name__ == "__main__":
    _work.main(load)
