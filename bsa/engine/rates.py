"""The rates of a run, counted: accuracy, success, certified error, a row each. From the store, without TensorFlow."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bsa.criteria import SLACK, wilson
from bsa.engine.results import Result, Results
from bsa.spec.cells import Cell

ACCURACY, SUCCESS, CERTIFIED_ERROR = METRICS = ("accuracy", "success", "certified_error")


class Rate(NamedTuple):
    """A share of images: `count` of `images`, of one network in one cell."""

    network: str
    cell: Cell
    metric: str  # of METRICS: classified correctly; broken, of the attacked ones; not certified
    label: str  # of the attack or the certificate; "" of accuracy
    threshold: float | None  # in [0, 1] pixels; None of accuracy
    count: int
    images: int

    @property
    def percent(self) -> float:
        return 100 * self.count / self.images if self.images else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval, in percent."""
        low, high = wilson(self.count, self.images)
        return 100 * low, 100 * high


def rates(results: Results) -> list[Rate]:
    """The rates of an experiment, network by network and cell by cell; the largest threshold of an attack first."""
    spec = results.spec
    return [rate for name in spec.networks for cell in spec.cells for rate in _of_cell(results, name, cell)]


def _of_cell(results, network, cell) -> Iterator[Rate]:
    def rate(metric, flags, label="", threshold=None):
        return Rate(network, cell, metric, label, threshold, int(flags.sum()), len(flags))

    for found in results.find(kind="measure", measure="accuracy", network=network, cell=cell):
        yield rate(ACCURACY, found.arrays("measure.npz", "correct")["correct"])
    for found in results.find(kind="attack", network=network, cell=cell):
        away = moved(found)
        for threshold in found.place["thresholds"]:
            yield rate(SUCCESS, away <= threshold + SLACK, found.place["label"], threshold)
    for found in results.find(kind="certify", network=network, cell=cell):
        radius = found.arrays("certify.npz", "radius")["radius"]
        for threshold in found.place["thresholds"]:
            yield rate(CERTIFIED_ERROR, radius < threshold, found.place["label"], threshold)


def moved(attack: Result) -> np.ndarray:
    """How far the adversarial examples of an attack are, counted from the saved images: (n,), inf where it has none."""
    saved = attack.arrays("attack.npz")
    around = saved.get("moved", saved["x"])  # an attack may have moved the images first
    away = np.abs(saved["adversarial"].astype(np.float64) - around.astype(np.float64))
    return np.where(np.isfinite(saved["distance"]), away.reshape(len(away), -1).max(-1, initial=0), np.inf)
