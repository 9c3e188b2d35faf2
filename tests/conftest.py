"""What several tests share: real data, a small trained network, a linear one whose least distortion is known."""

import json
import os
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
