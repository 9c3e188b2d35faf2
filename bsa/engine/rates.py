"""The rates of a run: accuracy, success, certified error, one per row. From the store, without TensorFlow."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bsa.criteria import SLACK, wilson
from bsa.engine.results import Result, Results
from bsa.spec.cells import Cell

ACCURACY, SUCCESS, CERTIFIED_ERROR = METRICS = ("accuracy", "success", "certified_error")


class Rate(NamedTuple):
    """A proportion: `count` of `images`, of one network in one cell."""

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


class Outcomes(NamedTuple):
    """A rate with what it counts."""

    rate: Rate
    flags: np.ndarray  # (n,) bool: which images it counts
    index: np.ndarray  # (n,) their numbers among the test images


def rates(results: Results) -> list[Rate]:
    """The rates of an experiment, network by network and cell by cell; the largest threshold of an attack first."""
    return [each.rate for each in outcomes(results)]


def outcomes(results: Results) -> Iterator[Outcomes]:
    """The same, one by one, with the outcome of each image."""
    for name in results.spec.networks:
        for cell in results.spec.cells:
            yield from _of_cell(results, name, cell)


def _of_cell(results, network, cell) -> Iterator[Outcomes]:
    def outcome(metric, flags, index, label="", threshold=None):
        rate = Rate(network, cell, metric, label, threshold, int(flags.sum()), len(flags))
        return Outcomes(rate, flags.astype(bool), index)

    for found in results.find(kind="measure", measure="accuracy", network=network, cell=cell):
        correct = found.arrays("measure.npz", "correct")["correct"]
        yield outcome(ACCURACY, correct, np.arange(len(correct)))  # of the first images
    for found in results.find(kind="attack", network=network, cell=cell):
        away, index = moved(found), found.arrays("attack.npz", "index")["index"]
        for threshold in found.place["thresholds"]:
            yield outcome(SUCCESS, away <= threshold + SLACK, index, found.place["label"], threshold)
    for found in results.find(kind="certify", network=network, cell=cell):
        saved = found.arrays("certify.npz", "radius")
        radius, index = saved["radius"], np.arange(len(saved["radius"]))  # of the first images
        for threshold in found.place["thresholds"]:
            yield outcome(CERTIFIED_ERROR, radius < threshold, index, found.place["label"], threshold)


def moved(attack: Result) -> np.ndarray:
    """How far the adversarial examples of an attack are, counted from the saved images: (n,), inf where it has none."""
    saved = attack.arrays("attack.npz")
    around = saved.get("moved", saved["x"])  # an attack may have moved the images first
    away = np.abs(saved["adversarial"].astype(np.float64) - around.astype(np.float64))
    return np.where(np.isfinite(saved["distance"]), away.reshape(len(away), -1).max(-1, initial=0), np.inf)
