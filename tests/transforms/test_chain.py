"""Chains of transformations: names, neutral points, clipping that is counted, problems as sentences."""

import re
import subprocess
import sys

import numpy as np
import pytest

import bsa
from bsa import spec
from bsa.errors import UsageError
from bsa.transforms import Range, Transform, chain, move, per_image


def added(name, unit="of the range of pixels"):
    """A transformation that adds a number to all pixels."""
    return Transform(
        {name: Range(-1, 1, 0, unit)},
        lambda x, point, seed, index: x + per_image(point[name], x),
        lambda point: None,
        lambda point: 1.0,
        smooth=True,
    )


X = np.linspace(0, 1, 2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 1)


def test_the_papers_cell_is_a_point_of_a_chain():
    point = {"scale": 0.8, "shift": 0.1}
    for made in (bsa.transform("scale_shift"), spec.chained(["scale_shift"])):
        moved, clipped = move(made, X, point, 0, [0, 1])
        np.testing.assert_array_equal(moved, bsa.blind_spot(X, 0.8, 0.1).astype(np.float32))
        assert not np.any(clipped)  # the extreme cell: what float32 rounds is not clipped
        assert made.contraction(point) == 0.8


def test_a_number_for_each_image_gives_what_each_gives_alone():
    made = spec.chained(["scale_shift"])
    both, _ = move(made, X, {"scale": np.float32([0.9, 0.7]), "shift": [0.05, -0.1]}, 0, [0, 1])
    alone = [move(made, X[i : i + 1], point, 0, [i])[0] for i, point in
             enumerate([{"scale": 0.9, "shift": 0.05}, {"scale": 0.7, "shift": -0.1}])]  # fmt: skip
    np.testing.assert_allclose(both, np.concatenate(alone), atol=1e-7)  # of float32


def test_what_is_left_out_is_neutral_and_the_neutral_point_is_the_image():
    made = spec.chained([{"name": "scale_shift"}, {"name": "scale_shift", "pixel_range": [0, 1]}])
    assert list(made.space) == ["scale_shift.scale", "scale_shift.shift", "scale_shift_2.scale", "scale_shift_2.shift"]
    for point in ({}, {name: made.space[name].neutral for name in made.space}):
        np.testing.assert_array_equal(move(made, X, point, 0, [0, 1])[0], X)
        assert made.contraction(point) == 1
    moved, _ = move(made, X, {"scale_shift_2.scale": 0.5}, 0, [0, 1])
    np.testing.assert_array_equal(moved, X / 2)
    assert made.contraction({"scale_shift.scale": -0.5, "scale_shift_2.scale": 0.5}) == 0.25


def test_pixels_are_clipped_between_the_steps_and_the_share_is_told():
    made = chain(added("up"), added("down"), names=("first", "second"))
    moved, clipped = move(made, X, {"up": 0.5, "down": -0.5}, 0, [0, 1])
    np.testing.assert_allclose(moved, np.minimum(X, 0.5), atol=1e-7)  # of float32
    np.testing.assert_allclose(clipped, (X > 0.5).mean((1, 2, 3)), atol=1e-7)
    np.testing.assert_array_equal(made.apply(X, {"up": 0.5}, 0, [0, 1]), X + np.float32(0.5))  # the last is not


def test_a_chain_that_no_point_is_wrong_of_says_so_before_tensorflow_is_there():
    code = (
        "import sys; from bsa import spec; made = spec.chained(['scale_shift']);"
        "assert made.problem({'scale': 0.9}) is None and made.problem({'scale': 0.9, 'shift': 0.1});"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        ({"scale": 0.9, "shift": 0.1}, r"expected a cell that keeps pixels inside .*, found \(0.9, 0.1\)"),
        ({"shift": 2}, "expected shift from -1 to 1 .*, found 2"),
        ({"scale": float("nan")}, "expected scale from -1 to 1 .*, found nan"),
        ({"scale": 0}, "expected a scale that leaves an image to see, found 0"),
        ({"scal": 0.9}, 'expected names out of scale, shift, found scal; did you mean "scale"'),
    ],
)
def test_a_point_that_is_not_allowed_gets_a_sentence(point, sentence):
    assert re.search(sentence, spec.chained(["scale_shift"]).problem(point))


def test_what_is_no_chain_is_an_error():
    with pytest.raises(UsageError, match=r'no transforms component named "scale_shfit".*did you mean "scale_shift"'):
        spec.chained(["scale_shfit"])
    with pytest.raises(UsageError, match=r'"scale_shift": expected a pixel_range \[low, high\] with low < high'):
        bsa.transform("scale_shift", pixel_range=(1, 0))
    with pytest.raises(ValueError, match="expected a name of its own for each of 2"):
        chain(added("up"), added("down"), names=("one", "one"))
