"""A store that was filled by hand: the stages and keys of a real spec, arrays of known numbers."""

import functools
import json
import os
import shutil

import numpy as np
import pytest

from bsa import spec
from bsa.engine import plan
from bsa.engine.results import Results
from bsa.engine.store import EXPECTED, Store

DATA = {"fingerprint": "f", "input_shape": [28, 28, 1], "num_classes": 10}
BASE = {
    "name": "made",
    "data": {"name": "digits"},
    "networks": {
        "natural": {"model": {"name": "wong_small"}, "train": {"name": "natural", "steps": 1}},
        "robust": {"model": {"name": "wong_small"}, "train": {"name": "adversarial", "steps": 1, "epsilon": 0.1}},
    },
    "attack": {"name": "pgd", "network": "robust", "epsilon": 0.1},
    "measures": [{"name": "nearest", "network": ["natural", "robust"], "k": [5]}],
    "sanity": False,
    "control": False,
}


@pytest.fixture(scope="session")
def browser():
    """A Chromium, one for all tests: what it was asked to load and what it complained of is in its logs."""
    selenium = pytest.importorskip("selenium.webdriver", reason='Selenium is not installed: pip install "bsa[test]"')
    from selenium.common.exceptions import WebDriverException

    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    for name, path in found.items():
        if path is None:
            pytest.skip(f"no {name} on the PATH: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = found["chromium"]
    for flag in ("--headless=new", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to run as root otherwise
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    try:
        driver = selenium.Chrome(options, selenium.ChromeService(found["chromedriver"]))
    except WebDriverException as error:  # another version than its driver's, a container that forbids its sandbox
        pytest.skip(f"Chromium does not start here: {error.msg}")
    yield driver
    driver.quit()


@pytest.fixture
def made(filled, tmp_path):
    """made(change, content, **described): `filled` in this test's folder."""
    return functools.partial(filled, tmp_path / "store")


@pytest.fixture(scope="session")
def filled():
    """filled(folder, change, content, **described): the results of BASE with `change`, in a store in the folder.

    content(place) is what a stage found, in short: of `nearest` "distance" (len(k), n) and "k", of an attack "index",
    "distance" and "y" (and "x", "adversarial", "predicted"), of others their arrays and metrics. `described` is what
    else its data set says of itself.
    """

    def make(folder, change, content, **described):
        data = DATA | described
        resolved, artefacts = spec.resolve(BASE | change), Store(folder)
        for place, stage in plan.placed(resolved, data):
            with artefacts.begin(stage.key) as part:
                arrays, metrics = _whole(place, content(place))
                if place["kind"] == "explore":
                    (part / EXPECTED["explore"][0]).write_text(json.dumps(metrics))
                elif place["kind"] in EXPECTED:
                    with open(part / EXPECTED[place["kind"]][0], "wb") as file:
                        np.savez(file, **arrays)
                hashed = {"kind": stage.kind, "component": stage.component, "params": stage.params}
                record = {**hashed, "needs": stage.needs, "key": stage.key, "metrics": metrics, "seconds": 1.0}
                artefacts.commit(stage.key, record)
        return Results(resolved, artefacts, data)

    return make


def _whole(place, found):
    """The arrays and metrics of a stage."""
    if place["kind"] == "attack":
        return _attacked(**found), {"notes": [], "passes": 3.0}  # with those of a pilot
    if place.get("measure") == "nearest":
        return _nearest(**found)
    if place.get("measure") == "accuracy" and "accuracy" in found:  # its arrays are made of its metrics
        return {"correct": np.arange(found["images"]) < found["accuracy"] * found["images"]}, found
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    return arrays, {name: value for name, value in found.items() if name not in arrays}


def _nearest(distance, k=(5,)):
    distance = np.atleast_2d(np.asarray(distance, np.float64))
    n = distance.shape[1]
    arrays = {"index": np.arange(n), "y": np.zeros(n, int), "correct": np.ones(n, bool)}
    arrays |= {"distance": distance, "normalised": distance / 10}
    metrics = {"k": list(k), "p": 2, "layer": "embedding", "images": n, "training_images": 60000, "features": 100}
    metrics |= {"constant": 3, "constant_in_training_only": 1, "library": "scikit-learn"}
    metrics |= {"mean": distance.mean(1).tolist(), "mean_normalised": (distance.mean(1) / 10).tolist()}
    return arrays, metrics


def _attacked(index, distance, y, **more):
    x = np.zeros((len(index), 1, 1, 1), np.float32)  # one pixel, where nobody looks at images
    arrays = {"index": index, "x": x, "y": y, "adversarial": x, "distance": np.asarray(distance, np.float64)}
    return arrays | {"start": np.zeros(len(index), int), "passes": np.ones(len(index))} | more
