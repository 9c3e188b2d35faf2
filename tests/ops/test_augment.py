"""Crops and flips: windows of the padded image, all of them equally often, and functions of their seed alone."""

import numpy as np
import pytest
import tensorflow as tf

from bsa.ops import augment


def images(n, height=6, width=8):
    return np.random.default_rng(0).random((n, height, width, 3)).astype(np.float32) + 0.1  # padding alone is 0


def windows(image, padding):
    """Every window of a padded image by its (row, column, mirrored)."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    for row in range(2 * padding + 1):
        for column in range(2 * padding + 1):
            cut = padded[row : row + height, column : column + width]
            yield (row, column, False), cut
            yield (row, column, True), cut[:, ::-1]


def found(made, x, padding=2):
    """Which window of its image each made image is."""
    return [next(k for k, w in windows(a, padding) if np.array_equal(w, b)) for a, b in zip(x, made, strict=True)]


@pytest.mark.parametrize("kind", ["crop", "flip_and_crop"])
def test_windows_come_equally_often(kind):
    x = np.repeat(images(1), 5000, 0)
    made = augment.augment(kind, tf.constant(x), (7, 0)).numpy()
    places, counts = np.unique(found(made, x), axis=0, return_counts=True)
    cells = 25 if kind == "crop" else 50
    assert len(places) == cells
    assert places[:, 2].any() == (kind == "flip_and_crop")
    # chi-squared of 24 or 49 degrees of freedom exceeds 60 or 95 once in 10,000 seeds
    assert ((counts - 5000 / cells) ** 2 / (5000 / cells)).sum() < (60 if kind == "crop" else 95)


def test_each_image_has_its_own_draw_and_a_step_its_own():
    x = tf.constant(images(32))
    first, again, later = (augment.flip_and_crop(x, (1, step)).numpy() for step in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert len(set(found(first, x.numpy()))) > 10  # 32 draws of 50 windows
    assert (first != later).any()
    np.testing.assert_array_equal(augment.crop(x, (1, 0), padding=0), x)


def test_in_a_graph_with_a_step_that_is_a_tensor():
    x = images(16)

    @tf.function(input_signature=[tf.TensorSpec((None, 6, 8, 3)), tf.TensorSpec((), tf.int32)])
    def made(x, step):
        return augment.augment("flip_and_crop", x, tf.stack([3, step]))

    np.testing.assert_array_equal(made(x, tf.constant(5)), augment.flip_and_crop(tf.constant(x), (3, 5)))


def test_an_unknown_kind():
    with pytest.raises(ValueError, match="expected one of the augmentations crop, flip_and_crop, found flip"):
        augment.augment("flip", images(2), (0, 0))
