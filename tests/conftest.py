"""What several tests share: real data, a small trained network, a linear one whose least distortion is known."""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

# Files that take longest, in turn: first, so that no worker is left alone with one at the end.
LONGEST = [
    "attacks/test_common.py",
    "checks/test_sanity.py",
    "engine/test_run.py",
    "devices/test_strategy.py",
    "engine/test_ray.py",
]


def pytest_collection_modifyitems(items):
    """Longest files first, all others as they were."""
    turns = {str(Path(__file__).parent / name): turn for turn, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turns.get(str(item.path), len(LONGEST)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """A network with random weights has the same ones in every run: what fails once fails again."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def data_dir():
    """The folder of prepared TFDS sets in BSA_DATA_DIR; tests on real MNIST and Fashion-MNIST skip without it."""
    folder = os.environ.get("BSA_DATA_DIR")
    if not folder:
        pytest.skip("BSA_DATA_DIR names no folder with prepared TFDS data sets (mnist, fashion_mnist, cifar10, gtsrb)")
    return folder


@pytest.fixture(scope="session")
def weights_dir():
    """The folder of released weights in BSA_WEIGHTS_DIR; tests on them skip without it."""
    folder = os.environ.get("BSA_WEIGHTS_DIR")
    if not folder:
        pytest.skip("BSA_WEIGHTS_DIR names no folder with released weights (wong_kolter_mnist.pth)")
    return Path(folder)


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """`plugins(files)` writes files {path: text} into a folder of this test; what is offered is forgotten afterwards.

    The folder is on Python's path, so that a .dist-info in it is an installed package.
    """
    from bsa import catalog

    folder = tmp_path / "plugins"

    def write(files):
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text if isinstance(text, str) else json.dumps(text))
        monkeypatch.syspath_prepend(folder)
        catalog.forget()
        return folder

    yield write
    monkeypatch.undo()
    catalog.forget()


@pytest.fixture(scope="module")
def same_kernels():
    """Processes that are compared to the bit take the same kernels, whatever the machine is busy with meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BSA_KERNELS", "quick")
        yield


@pytest.fixture(scope="session")
def quiet():
    """What a run tells, and nobody listens to."""
    from bsa.engine.seen import Seen

    return Seen()


@pytest.fixture(scope="session")
def digits():
    """The 500 real test images of scikit-learn's digits at 28x28."""
    from bsa.testing import digits

    return digits()


@pytest.fixture(scope="session")
def trained():
    """`bsa.testing.trained`, from weights that are shipped (`trained.py` says how they were made): the same on every
    machine. Do not change it: others share it."""
    from bsa.testing import trained

    return trained()


@pytest.fixture(scope="session")
def attacked_images():
    """100 correctly classified images, their labels and their numbers."""
    from bsa.testing import attacked_images

    return attacked_images()


@pytest.fixture(scope="session")
def linear():
    """Three classes on 4x4 images, 12 images well inside [0, 1], their labels and their least distortions.

    The least distortion is min over j != y of margin / ||w_y - w_j||_1, where the box does not bind.
    """
    import keras
    import numpy as np

    from bsa.networks import logits

    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=(16, 3)).astype(np.float32), np.zeros(3, np.float32)])
    x = rng.uniform(0.4, 0.6, (12, 4, 4, 1)).astype(np.float32)
    y = logits(model, x).argmax(-1)
    weights = model.get_weights()[0].astype(np.float64)
    scores = x.reshape(len(x), -1) @ weights
    least = [
        min(
            (scores[row, own] - scores[row, j]) / np.abs(weights[:, own] - weights[:, j]).sum()
            for j in range(3)
            if j != own
        )
        for row, own in enumerate(y)
    ]
    assert max(least) < 0.4  # otherwise the box would bind
    return model, x, y, np.array(least)


@pytest.fixture
def quantised():
    """A linear network that rounds its input to 16 levels, so that all its gradients are zero; images, labels."""
    import keras
    import numpy as np
    import tensorflow as tf

    from bsa.networks import logits

    layers = [keras.layers.Rescaling(15), keras.layers.Lambda(tf.round), keras.layers.Flatten(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((6, 6, 1)), *layers])
    weights = np.random.default_rng(1).normal(size=(36, 2)).astype(np.float32)
    model.set_weights([weights, np.zeros(2, np.float32)])
    x = np.random.default_rng(2).uniform(0.3, 0.7, (30, 6, 6, 1)).astype(np.float32)
    return model, x, logits(model, x).argmax(-1)
