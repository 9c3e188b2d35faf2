"""Plain arrays: by name, by order, and what does not fit."""

import json
from pathlib import Path

import numpy as np
import pytest

import bsa
from bsa.errors import WeightsError
from bsa.networks import logits


def write(path, arrays):
    np.savez(path, **arrays)
    return path


def arrays(model, names=None):
    """Other weights for a model, by its own names or by `names`."""
    names = names or [w.path.removeprefix("narrow/") for w in model.weights]
    return {
        name: w + np.float32(number) for number, (name, w) in enumerate(zip(names, model.get_weights(), strict=True))
    }


def test_by_name_in_any_order(narrow, tmp_path):
    found = arrays(narrow)
    bsa.import_weights("npz", narrow, write(tmp_path / "w.npz", dict(reversed(found.items()))))
    for weight, expected in zip(narrow.get_weights(), found.values(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_by_order_where_names_are_others(narrow, tmp_path):
    names = ["conv/kernel", "conv/bias", "fc1/kernel", "fc1/bias", "fc2/kernel", "fc2/bias"]
    found = arrays(narrow, names)
    bsa.import_weights("npz", narrow, write(tmp_path / "w.npz", found))
    for weight, expected in zip(narrow.get_weights(), found.values(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    names[3] = "logits/bias"  # a weight of the network, at another's place
    with pytest.raises(WeightsError, match="logits/bias is not at its place"):
        bsa.import_weights("npz", narrow, write(tmp_path / "w.npz", arrays(narrow, names)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("logits/bias"), r"expected 6 tensors for narrow \(conv/kernel.*found 5 \(conv/kernel"),
        (lambda a: a.update({"hidden/bias": np.zeros(8)}), r'"hidden/bias".*the shape \(7,\), found \(8,\)'),
        (lambda a: a.update({"logits/bias": np.array([1, None])}), "plain arrays, found Python objects"),
        (lambda a: a.update({"logits/bias": np.array(["a", "b"])}), '"logits/bias".*real numbers, found <U1'),
        (lambda a: a.update({"logits/bias": np.array([1, 1e300])}), '"logits/bias".*finite numbers in float32'),
        (lambda a: a.update({"logits/bias": np.zeros(10**5)}), r"at most \d+ bytes for narrow, found 80\d+"),
    ],
)
def test_what_does_not_fit(change, message, narrow, tmp_path):
    found = arrays(narrow)
    change(found)
    with pytest.raises(WeightsError, match=message):
        bsa.import_weights("npz", narrow, write(tmp_path / "w.npz", found))


def test_a_damaged_member_is_told(narrow, tmp_path):
    file = tmp_path / "w.npz"
    np.savez_compressed(file, **arrays(narrow))
    whole = bytearray(file.read_bytes())
    at = whole.index(b"conv/kernel.npy") + 100
    whole[at : at + 40] = b"\xff" * 40
    file.write_bytes(whole)
    with pytest.raises(WeightsError, match=r"w\.npz: expected an \.npz file"):
        bsa.import_weights("npz", narrow, file)


def test_files_that_are_none(narrow, tmp_path):
    file = tmp_path / "w.npz"
    np.save(tmp_path / "w.npy", np.zeros(3))
    for content in (b"", b"weights", b"PK\x03\x04", (tmp_path / "w.npy").read_bytes()):
        file.write_bytes(content)
        with pytest.raises(WeightsError, match=r"w\.npz: expected (weights|an \.npz file)"):
            bsa.import_weights("npz", narrow, file)
    with pytest.raises(bsa.errors.UsageError, match='/index: expected one of the keys name, found "index"'):
        bsa.import_weights("npz", narrow, file, index=1)


def test_the_released_network_of_table_2_is_the_one_of_the_readme(data_dir):
    root = Path(__file__).parents[2]
    released = json.loads((root / "specs" / "mnist_table2_released.json").read_text())["weights"]
    model = bsa.build("madry_mnist", input_shape=(28, 28, 1), num_classes=10)
    bsa.import_weights("npz", model, root / "weights" / released["file"], sha256=released["sha256"])
    data = bsa.load("mnist", split="test", data_dir=data_dir)
    for cell, expected in (((1, 0), 98.95), ((0.7, 0.15), 98.60)):
        x = np.clip(bsa.blind_spot(data.x[:2000], *cell), 0, 1).astype(np.float32)
        accuracy = 100 * (logits(model, x).argmax(-1) == data.y[:2000]).mean()
        assert abs(accuracy - expected) <= 0.05 + 1e-9  # an image: another processor rounds otherwise


def test_bfloat16_of_ml_dtypes_is_read_as_the_float32_that_it_is(narrow, tmp_path):
    import ml_dtypes  # comes with TensorFlow

    found = {name: array.astype(ml_dtypes.bfloat16) for name, array in arrays(narrow).items()}
    bsa.import_weights("npz", narrow, write(tmp_path / "w.npz", found))
    for weight, expected in zip(narrow.get_weights(), found.values(), strict=True):
        np.testing.assert_array_equal(weight, expected.astype(np.float32))
    found["logits/bias"] = np.zeros(2, ml_dtypes.float8_e4m3fn)
    with pytest.raises(WeightsError, match=r'"logits/bias".*expected real numbers, found \|?V1'):
        bsa.import_weights("npz", narrow, write(tmp_path / "w.npz", found))


def test_a_negative_variance_is_refused_and_the_sum_is_given_back(tmp_path):
    import keras

    from bsa import files

    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(name="norm")], name="net")
    found = {weight.path: weight.numpy() for weight in model.weights}
    file = write(tmp_path / "w.npz", found)
    assert bsa.import_weights("npz", model, file) == files.sha256(file)
    found["net/norm/moving_variance"] = np.float32([1, -0.5, 1])
    with pytest.raises(WeightsError, match=r'"net/norm/moving_variance".*expected no negative variance, found -0\.5'):
        bsa.import_weights("npz", model, write(tmp_path / "w.npz", found))
