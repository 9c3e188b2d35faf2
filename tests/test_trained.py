"""The network that tests share is what its program makes."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from bsa.networks import logits


def accuracy(model, digits):
    return np.mean(logits(model, digits.x).argmax(-1) == digits.y)


def test_the_shared_network_is_accurate(trained, digits):
    assert accuracy(trained, digits) == pytest.approx(0.938, abs=2 / 500)  # an image or two lie on an edge


@pytest.mark.slow
def test_training_again_makes_such_a_network(trained, digits):
    again = runpy.run_path(str(Path(__file__).with_name("trained.py")))["train"]()
    assert accuracy(again, digits) == pytest.approx(accuracy(trained, digits), abs=0.03)  # two standard errors of 500
    assert [w.shape for w in again.get_weights()] == [w.shape for w in trained.get_weights()]
