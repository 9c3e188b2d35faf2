"""Blind-spot cells: the pixel range decides what a cell is."""

import numpy as np
import pytest

import bsa
from bsa import criteria
from bsa.transforms import scale_shift


def test_the_papers_range_shrinks_towards_grey_and_the_other_towards_black():
    x = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(bsa.blind_spot(x, 0.8, 0.1), [0.2, 0.6, 1.0], atol=1e-12)
    np.testing.assert_allclose(bsa.blind_spot(x, 0.8, 0.1, (0, 1)), [0.1, 0.5, 0.9], atol=1e-12)


def test_a_shift_counts_in_the_units_of_its_range():
    assert scale_shift.affine(0.9, 12.75, (0, 255)) == pytest.approx((0.9, 0.05))


@pytest.mark.parametrize("cell", [(1, 0.01), (0.9, 0.06), (0.9, -0.06), (1.01, 0), (-1.01, 0)])
def test_a_cell_that_leaves_the_range_is_an_error(cell):
    with pytest.raises(ValueError, match="expected a cell that keeps pixels inside"):
        bsa.blind_spot(np.zeros(3), *cell)


@pytest.mark.parametrize("cell", [(0.9, 0.05), (0.8, 0.1), (0.7, 0.15), (0.7, -0.15), (0, 0.5), (-1, 0)])
def test_the_papers_extreme_cells_fit_exactly(cell):
    shifted = bsa.blind_spot(np.array([0.0, 1.0]), *cell)
    assert shifted.min() >= -1e-9
    assert shifted.max() <= 1 + 1e-9


def test_thresholds_are_absolute_sorted_and_without_repeats():
    assert criteria.thresholds(["scale*epsilon"], 0.3, -0.9) == [0.27]  # a negative of the image shrinks as much
    assert criteria.thresholds(["scale*epsilon", "epsilon"], 0.3, 0.9) == [0.3, 0.27]
    assert criteria.thresholds(["epsilon", "scale*epsilon"], 0.3, 1) == [0.3]
    assert criteria.thresholds([0.05, "epsilon"], 0.1) == [0.1, 0.05]
    with pytest.raises(ValueError, match="images without a cell"):
        criteria.thresholds(["scale*epsilon"], 0.1)


@pytest.mark.parametrize(
    "wrong", [0.1, "epsilon", [], [0], [-0.1], [1.5], [float("nan")], [None], [[0.1]], np.array(0.1)]
)
def test_thresholds_that_are_none(wrong):
    with pytest.raises(ValueError, match=r"expected (a list|at least one|thresholds)"):
        criteria.thresholds(wrong, 0.1)
