"""The list of networks, and a network's layers as other libraries get them."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

import bsa
from benchmarks import _network, _networks, attacks, one_attack
from bsa.errors import UsageError
from bsa.spec import parameters

LIST = _network.root() / "benchmarks" / "networks.json"


def test_each_network_of_the_list_is_attacked_as_it_is_and_in_two_blind_spots():
    listed = _networks.read(LIST)
    assert {each.spec.data.name for each in listed.values()} == {"mnist", "fashion_mnist", "cifar10"}
    for each in listed.values():
        assert each.cells[0] == [1, 0]
        assert len(each.cells) == 3
        assert each.spec["weights"]["sha256"] if "weights" in each.spec else each.spec["train"]
    assert listed["cnn_a_cifar10"].epsilon == pytest.approx(4 / 255)


def test_candidates_and_settings_are_parameters_of_corner_descent():
    candidates = json.loads((LIST.parent / "candidates.json").read_text())
    for given in [*candidates.values(), *(each.settings for each in _networks.read(LIST).values())]:
        parameters("attacks", "corner_descent", {"epsilon": 0.1, **(given or {})})


def test_a_list_that_is_none_is_told_of_in_a_sentence(tmp_path):
    file = tmp_path / "list.json"
    file.write_text('[{"name": "one"}]')
    with pytest.raises(UsageError, match=r"list.json, network 0: expected cells, data, .* found no cells, data"):
        _networks.read(file)
    file.write_text("{")
    with pytest.raises(UsageError, match="expected a list of networks as JSON"):
        _networks.read(file)
    one = json.loads(LIST.read_text())[0]
    file.write_text(json.dumps([one, one]))
    with pytest.raises(UsageError, match="networks of different names, found wong_kolter_mnist, wong_kolter_mnist"):
        _networks.read(file)


def test_a_network_of_the_list_is_trained_once(tmp_path, capsys):
    train = {"name": "natural", "steps": 2, "batch_size": 8}
    one = {"name": "tiny", "data": {"name": "digits"}, "model": {"name": "wong_small"}, "train": train}
    (tmp_path / "list.json").write_text(json.dumps([one | {"epsilon": 0.1, "cells": [[1, 0]]}]))
    (listed,) = _networks.read(tmp_path / "list.json").values()
    first, again = (_networks.made(listed, tmp_path / "store").get_weights() for _ in range(2))
    assert "stored: network main" in capsys.readouterr().err.splitlines()[-1]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_keras_pads_the_odd_row_after():
    x = inputs = keras.Input((5, 8, 2))
    x = layers.Conv2D(3, (2, 3), strides=2, padding="same", activation="relu")(x)  # 5: one row more, 8: one column
    model = keras.Model(inputs, layers.Dense(4)(layers.Flatten()(x)))
    convolution, relu, flatten, dense = _network.layers(model)
    assert (convolution["before"], convolution["after"]) == ((0, 0), (1, 1))
    assert (relu, flatten) == ({"kind": "relu"}, {"kind": "flatten"})
    assert dense == {"kind": "dense", "inputs": 3 * 4 * 3, "outputs": 4, "bias": True}


def test_a_layer_that_cannot_be_carried_over_is_named():
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, layers.BatchNormalization(name="batch")(inputs))
    with pytest.raises(ValueError, match=r"batch: expected a layer of Conv2D, .*, found BatchNormalization"):
        _network.layers(model)


@pytest.mark.parametrize(
    ("name", "shape", "params"),
    [
        ("wong_small", (32, 32, 3), {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}),
        ("madry_mnist", (28, 28, 1), {}),
        ("sinha_elu", (28, 28, 1), {}),
    ],
)
def test_pytorch_computes_the_same_logits(name, shape, params, tmp_path):
    pytest.importorskip("torch")
    from benchmarks.peers import _torch

    model = bsa.build(name, input_shape=shape, num_classes=7, **params)
    _network.arrays(model, tmp_path / "network.npz")
    x = np.random.default_rng(0).random((3, *shape), np.float32)
    found = _torch.load({"weights": tmp_path / "network.npz"}).logits(x)
    np.testing.assert_allclose(found, np.array(model(x)), atol=1e-5 * np.abs(found).max())  # sums in another order


def test_images_are_the_first_that_are_right_in_the_cell(trained, digits):
    x, y, index = _network.images(trained, digits, (0.9, 0), 20)
    moved = np.clip(bsa.blind_spot(digits.x, np.float32(0.9), np.float32(0)), 0, 1)
    right = np.flatnonzero(np.array(trained(moved)).argmax(-1) == digits.y)
    np.testing.assert_array_equal(index, right[:20])
    np.testing.assert_array_equal(x, moved[index])
    np.testing.assert_array_equal(y, digits.y[index])


@pytest.mark.slow
def test_a_benchmark_goes_on_where_it_was_stopped(tmp_path):
    few = {"leg": {"steps": 2, "targets": 0}, "resume": {"times": 0}}
    train = {"name": "natural", "steps": 30, "batch_size": 32, "learning_rate": 0.001}
    one = {"name": "tiny", "data": {"name": "digits"}, "model": {"name": "wong_small"}, "train": train}
    one |= {"epsilon": 0.1, "cells": [[1, 0], [0.9, 0]], "settings": {"leg": {"steps": 2}}}
    (tmp_path / "list.json").write_text(json.dumps([one, one | {"name": "unasked"}]))
    (tmp_path / "candidates.json").write_text(json.dumps({"few": few}))
    given = ["--networks", tmp_path / "list.json", "--candidates", tmp_path / "candidates.json", "--network", "tiny"]
    given += ["--images", 4, "--store", tmp_path / "store", "--out", tmp_path / "out", "--only", "candidate_*"]
    first, again, more = (
        CliRunner().invoke(attacks.main, [str(each) for each in [*given, *more]]).output
        for more in ([], [], ["--only", "settings"])
    )
    assert "tiny, cell 0.9, 0: candidate_few, 4 images" in first
    assert "4 images" not in again
    assert "tiny, cell 1, 0: settings, 4 images" in more
    assert "candidate_few, 4 images" not in more
    results = one_attack.gathered(tmp_path / "out", {"few": few})
    assert {cell: set(there["entries"]) for cell, there in results["tiny"].items()} == {
        "1, 0": {"candidate_few", "settings"},
        "0.9, 0": {"candidate_few", "settings"},
    }
