"""The table of checks that every objective must pass, on a small network and the digits."""

import tempfile
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import bsa
from bsa import catalog
from bsa.data import Dataset
from bsa.spec.parameters import parameters
from bsa.testing._shared import CLASSES, SHAPE, digits, expect, told
from bsa.train import LOOP

BATCH = 8


class Training:
    """An objective by its name and parameters."""

    def __init__(self, name: str, model: str, **params: Any) -> None:
        self.name, self.model, self.params = name, model, params
        x, y, classes = digits("train")
        self.data = Dataset(x[: 8 * BATCH], y[: 8 * BATCH], classes)

    def build(self) -> keras.Model:
        """The untrained network."""
        return bsa.build(self.model, input_shape=SHAPE, num_classes=CLASSES, seed=0)

    def fit(self, steps: int, folder: str | None = None) -> tuple[dict, list]:
        """The history and the weights after so many steps."""
        model = self.build()
        settings = {"batch_size": BATCH} | self.params | {"steps": steps}
        return bsa.fit(self.name, model, self.data, folder=folder, **settings), model.get_weights()

    def given(self) -> dict:
        """All parameters, with defaults."""
        return parameters("train", self.name, {"batch_size": BATCH} | self.params | {"steps": 3})

    def loss(self, rows: slice, **part: Any) -> tuple:
        """Losses and metrics of those rows of a batch at step 0."""
        objective = catalog.find("train", self.name).make(**{k: v for k, v in self.given().items() if k not in LOOP})
        x, y = tf.constant(self.data.x[:BATCH][rows]), tf.constant(self.data.y[:BATCH][rows])
        return objective(self.build(), x, y, tf.constant([1, 2]), tf.constant(0), **part)


def check_objective(name: str, *, model: str = "wong_small", **params: Any) -> None:
    """Check an objective by its name, with parameters as in a spec; AssertionError says what is wrong.

    It trains `model`, a network's name, for a few steps on some digits; `steps` may be left out.
    """
    told("train", name, OBJECTIVE, Training(name, model, **params))


def close(found: Any, wanted: Any) -> bool:
    """Equal but for float32 sums of a few thousand terms in another order."""
    return np.allclose(found, wanted, rtol=1e-4, atol=1e-5)


def a_loss_and_metrics_for_each_example(training: Training) -> None:
    """objective(model, x, y, seed, step) -> (n,), dict of (n,): finite."""
    losses, metrics = training.loss(slice(None))
    expect(losses.shape == (BATCH,), f"expected a loss for each example, ({BATCH},), found {losses.shape}")
    for name, values in {"loss": losses, **metrics}.items():
        expect(values.shape == (BATCH,), f"expected {name} of each example, ({BATCH},), found {values.shape}")
        expect(np.isfinite(values).all(), f"expected finite numbers as {name}, found others")


def a_batch_may_be_worked_through_in_parts(training: Training) -> None:
    """`part` = (first row, size of the batch): draws are the whole batch's, see `bsa.ops.draws.rows`."""
    whole, _ = training.loss(slice(None), part=(0, BATCH))
    half = BATCH // 2
    parts = [training.loss(slice(at, at + half), part=(at, BATCH))[0] for at in (0, half)]
    sentence = "expected the same losses of a batch in two parts, found others: draw by bsa.ops.draws.rows"
    expect(close(np.concatenate(parts), whole), sentence)


def it_trains(training: Training) -> None:
    """The history has a number a step, and the weights move."""
    history, weights = training.fit(3)
    expect("loss" in history, f'expected "loss" in the history, found {", ".join(history)}')
    lengths = {name: len(values) for name, values in history.items()}
    expect(set(lengths.values()) == {3}, f"expected a number a step in the history, found {lengths}")
    moved = [not np.array_equal(*pair) for pair in zip(weights, training.build().get_weights(), strict=True)]
    expect(any(moved), "expected training to move the weights, found the initial ones")


def a_killed_training_goes_on(training: Training) -> None:
    """What 2 steps and then 2 more give is what 4 give: an objective keeps no state of its own."""
    with tempfile.TemporaryDirectory() as folder:
        training.fit(2, folder)
        history, _ = training.fit(4, folder)
    sentence = "expected of a training that was stopped and went on what an undisturbed one gives: keep no state"
    expect(close(history["loss"], training.fit(4)[0]["loss"]), sentence)


def the_plan_knows_what_a_step_costs(training: Training) -> None:
    """`passes(**params)`: passes of one example of a step."""
    planned = catalog.find("train", training.name).passes(**training.given())
    expect(planned > 0, f"expected passes(**params) above 0, found {planned}")


OBJECTIVE = (
    the_plan_knows_what_a_step_costs,
    a_loss_and_metrics_for_each_example,
    a_batch_may_be_worked_through_in_parts,
    it_trains,
    a_killed_training_goes_on,
)
