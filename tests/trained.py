"""Makes the network that tests share, `bsa.testing.trained`: `python tests/trained.py`, some 10 s of one core.

It is shipped, since training gives another network on another machine or with other versions: a last bit that differs
flips signs of gradients, and those flip steps. Weights are rounded to float16, which halves the file; the network
computes in float32. `test_trained.py` (slow) trains again and compares.
"""

from pathlib import Path

import numpy as np

import bsa

FILE = Path(bsa.__file__).parent / "testing" / "trained.npz"


def train():
    """`wong_small` after 150 steps of adversarial training on the digits."""
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10, seed=1)
    data = bsa.load("digits", split="train")
    settings = {"steps": 150, "epsilon": 0.05, "epsilon_warmup": 100, "attack_steps": 3, "learning_rate": 2e-3}
    bsa.fit("adversarial", model, data, **settings)
    return model


if __name__ == "__main__":
    np.savez_compressed(FILE, *(weights.astype(np.float16) for weights in train().get_weights()))
