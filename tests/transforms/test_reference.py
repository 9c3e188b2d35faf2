"""Each transformation against SciPy, Pillow or Python's own colours, on images of several shapes."""

import colorsys
import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats

import bsa
from bsa.transforms import move

SHAPES = [(28, 28, 1), (33, 17, 3), (5, 5, 1)]
FLOAT32 = 2e-6  # a few roundings of numbers below 1
# Places between pixels are float32 numbers up to 33: a 4e-6 of a pixel, between pixels that differ by 1.
PLACES = 2e-5


def images(shape, n=2):
    """Random images with black and white in them."""
    x = np.random.default_rng(0).uniform(size=(n, *shape)).astype(np.float32)
    x[:, 0, 0], x[:, -1, -1] = 0, 1
    return x


def moved(name, x, point, seed=0, **params):
    return move(bsa.transform(name, **params), x, point, seed, np.arange(len(x)))[0].numpy()


def each_plane(x, function):
    """`function` of every channel of every image, in float64."""
    planes = np.moveaxis(x.astype(np.float64), -1, 1)
    return np.moveaxis(np.array([[function(plane) for plane in image] for image in planes]), 1, -1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.3, 0.8, 3.0, 10.0])
def test_blur_is_scipys(shape, sigma):
    x = images(shape)
    expected = each_plane(x, lambda plane: ndimage.gaussian_filter(plane, sigma, mode="reflect", truncate=9))
    np.testing.assert_allclose(moved("blur", x, {"sigma": sigma}), expected, atol=FLOAT32)


MODES = [("constant", "grid-constant"), ("nearest", "nearest")]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("ours", "theirs"), MODES)
@pytest.mark.parametrize("degrees", [10, -37.5, 170])
def test_rotation_is_scipys(shape, ours, theirs, degrees):
    x = images(shape)
    expected = each_plane(x, lambda plane: ndimage.rotate(plane, degrees, reshape=False, order=1, mode=theirs))
    np.testing.assert_allclose(moved("rotate", x, {"degrees": degrees}, fill_mode=ours), expected, atol=PLACES)


def test_rotation_is_counter_clockwise():
    x = images((8, 8, 3))
    np.testing.assert_allclose(moved("rotate", x, {"degrees": 90}), np.rot90(x, axes=(1, 2)), atol=PLACES)
    pillow = np.asarray(Image.fromarray(np.uint8(x[0] * 255)).rotate(90)) / 255
    np.testing.assert_allclose(moved("rotate", x, {"degrees": 90})[0], pillow, atol=1 / 255)  # of 8 bits


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("ours", "theirs"), MODES)
def test_translation_is_scipys(shape, ours, theirs):
    x = images(shape)
    found = moved("translate", x, {"down": 1.25, "right": -2.5}, fill_mode=ours)
    expected = each_plane(x, lambda plane: ndimage.shift(plane, (1.25, -2.5), order=1, mode=theirs))
    np.testing.assert_allclose(found, expected, atol=PLACES)
    whole = moved("translate", x, {"right": 2})
    np.testing.assert_array_equal(whole[:, :, 2:], x[:, :, :-2])
    assert not whole[:, :, :2].any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("ours", "theirs"), MODES)
@pytest.mark.parametrize(
    ("name", "point", "matrix"),
    [
        ("zoom", {"zoom": 1.3}, np.eye(2) / 1.3),
        ("zoom", {"zoom": 0.6}, np.eye(2) / 0.6),
        ("shear", {"shear": 20}, [[1, 0], [np.tan(np.pi / 9), 1]]),
    ],
)
def test_zoom_and_shear_are_scipys(shape, ours, theirs, name, point, matrix):
    x, centre = images(shape), (np.array(shape[:2]) - 1) / 2
    given = {"offset": centre - np.array(matrix) @ centre, "order": 1, "mode": theirs}
    expected = each_plane(x, lambda plane: ndimage.affine_transform(plane, matrix, **given))
    np.testing.assert_allclose(moved(name, x, point, fill_mode=ours), expected, atol=PLACES)


def test_a_larger_zoom_enlarges_and_shear_leans_to_the_right_at_the_top():
    x = np.zeros((1, 9, 9, 1), np.float32)
    x[0, 3:6, 3:6] = 1
    assert moved("zoom", x, {"zoom": 1.5}).sum() > x.sum() > moved("zoom", x, {"zoom": 0.7}).sum()
    columns = moved("shear", x, {"shear": 45})[0, :, :, 0] @ np.arange(9) / 3
    np.testing.assert_allclose(columns[3:6], [5, 4, 3], atol=PLACES)


@pytest.mark.parametrize("shape", SHAPES)
def test_brightness_contrast_and_gamma_are_what_they_say(shape):
    x = images(shape)
    there = x.astype(np.float64)
    mean = there.mean((1, 2, 3), keepdims=True)
    for contrast in (0.4, 1.7):
        expected = np.clip(mean + contrast * (there - mean), 0, 1)
        np.testing.assert_allclose(moved("contrast", x, {"contrast": contrast}), expected, atol=FLOAT32)
    expected = np.clip(there - 0.3, 0, 1)
    np.testing.assert_allclose(moved("brightness", x, {"brightness": -0.3}), expected, atol=FLOAT32)
    eight = np.round(there * 255) / 255  # below 2 ** -12, which no 8-bit pixel is but 0, gamma is a line
    for gamma in (0.4, 2.2):
        found = moved("gamma", eight.astype(np.float32), {"gamma": gamma})
        np.testing.assert_allclose(found, eight**gamma, atol=FLOAT32)


def test_noise_is_standard_normal_and_an_images_own():
    x = np.full((40, 28, 28, 3), 0.5, np.float32)
    z = (moved("noise", x, {"noise": 0.05}, seed=3).astype(np.float64) - 0.5) / 0.05
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01  # the draws are fixed: no chance decides
    flat = z.reshape(40, -1)
    for other in (flat[1:], np.roll(flat, 1, axis=1)[1:], np.roll(flat, 28 * 3, axis=1)[1:]):
        assert abs((flat[:-1] * other).mean()) < 5 / np.sqrt(other.size)  # five standard deviations
    again, _ = move(bsa.transform("noise"), x[:2], {"noise": 0.05}, 3, [7, 2])
    np.testing.assert_allclose((again.numpy() - 0.5) / 0.05, z[[7, 2]], atol=1e-5)  # 1 / 0.05 of float32
    assert (moved("noise", x, {"noise": 0.05}, seed=4) != x + 0.05 * z).mean() > 0.99


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("quality", [5, 50, 95])
def test_jpeg_is_pillows(shape, quality):
    """Both by libjpeg, of whose rounding one step of 8 bits is left."""
    x = images(shape)

    def stored(image):
        file = io.BytesIO()
        eight = np.uint8(np.round(image * 255))
        Image.fromarray(eight[..., 0] if shape[-1] == 1 else eight).save(file, "jpeg", quality=quality)
        return np.asarray(Image.open(file)).reshape(shape) / 255

    found = moved("jpeg", x, {"quality": quality})
    np.testing.assert_allclose(found, [stored(image) for image in x], atol=1.01 / 255)
    assert np.abs(found - x).max() > 0.01


def test_jpeg_takes_a_quality_for_each_image_and_leaves_the_best_alone():
    x = images((16, 16, 3), n=3)
    found = moved("jpeg", x, {"quality": np.float32([10, 100, 60])})
    np.testing.assert_array_equal(found[1], x[1])
    for n, quality in ((0, 10), (2, 60)):
        np.testing.assert_array_equal(found[n], moved("jpeg", x[n : n + 1], {"quality": quality})[0])


def in_hsv(x, change):
    """Images whose pixels' (hue, saturation, value) are changed, by Python's colorsys."""
    pixels = [colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*pixel))) for pixel in x.reshape(-1, 3).tolist()]
    return np.array(pixels).reshape(x.shape)


def colours():
    """Random colours, and grey, black, white and pure ones."""
    x = images((6, 7, 3))
    x[0, 1, :, :] = np.float32(
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0.5, 0.5, 0.5], [1, 1, 1], [0.2, 0.7, 0.7]]
    )
    return x


@pytest.mark.parametrize("hue", [-0.5, -0.1, 1 / 3, 0.45])
def test_hue_is_pythons(hue):
    x = colours()
    expected = in_hsv(x, lambda h, s, v: ((h + hue) % 1, s, v))
    np.testing.assert_allclose(moved("hue", x, {"hue": hue}), expected, atol=5e-6)  # six roundings and more


@pytest.mark.parametrize("saturation", [0, 0.5, 2, 10])
def test_saturation_is_pythons(saturation):
    x = colours()
    expected = in_hsv(x, lambda h, s, v: (h, min(s * saturation, 1), v))
    np.testing.assert_allclose(moved("saturation", x, {"saturation": saturation}), expected, atol=5e-6)


@pytest.mark.parametrize("name", ["hue", "saturation"])
def test_colour_of_grey_images_is_an_error(name):
    with pytest.raises(ValueError, match=f'"{name}": expected images with 3 channels, found 1'):
        moved(name, images((5, 5, 1)), {name: 0.3})
