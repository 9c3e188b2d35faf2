"""The public tables: what ships with bsa passes them, and what breaks the contract is told in a sentence."""

import json

import pytest

from bsa import catalog, testing


@pytest.mark.parametrize(
    ("check", "name", "params"),
    [
        (testing.check_data, "digits", {}),
        (testing.check_model, "wong_small", {}),
        (testing.check_model, "sinha_elu", {}),
        (testing.check_objective, "adversarial", {"epsilon": 0.05, "attack_steps": 2}),
        (testing.check_measure, "accuracy", {}),
        (testing.check_measure, "nearest", {"k": [1]}),
        (testing.check_certificate, "outer_polytope", {"tolerance": None, "slopes": "parallel"}),
    ],
)
def test_what_ships_with_bsa_passes(check, name, params):
    check(name, **params)


DATA = """
import numpy as np
from bsa.data import Dataset
from bsa.errors import DataError

def describe(data_dir=None):
    return {{"fingerprint": "f", "input_shape": [2, 2, 1], "num_classes": 2, "class_names": {names}}}

def load(*, split, data_dir=None):
    if split not in ("train", "test"):
        raise ValueError(split)
    if split == "train" and {missing!r}:
        raise DataError({missing!r})
    y = np.arange(8, dtype=np.int32) % 2
    x = np.full((8, 2, 2, 1), 0.5 if split == "train" else 0.2, np.float32)
    return Dataset({x}, {y}, {classes}, ["cat", "dog"])
"""
MODEL = """
import keras

def build(*, input_shape, num_classes, seed):
    keras.utils.set_random_seed(seed{extra})
    layers = [keras.layers.Flatten(name="embedding"{dtype}), keras.layers.Dense({units}, {activation}{dtype})]
    return keras.Sequential([keras.Input(input_shape), *layers])
"""
OBJECTIVE = """
import tensorflow as tf

def make():
    state = []

    def objective(model, x, y, seed, step, part=None):
        logits = model(x, training=True)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits) * {weight}
        return {loss}, {{"accuracy": tf.zeros(tf.shape(y))}}

    return objective

def passes(**_):
    return {passes}
"""
SOUND = {
    "data": (DATA, {"x": "x", "y": "y", "classes": "2", "names": '["cat", "dog"]', "missing": ""}),
    "models": (MODEL, {"extra": "", "units": "num_classes", "activation": "None", "dtype": ", dtype='float32'"}),
    "train": (OBJECTIVE, {"weight": "1.0", "loss": "loss", "passes": "1"}),
}
BROKEN = [
    ("data", {"x": "x.astype(float)"}, "expected of the train images float32 of shape"),
    ("data", {"x": "x * 255"}, r"expected of the train images pixels in \[0, 1\]"),
    ("data", {"y": "y.astype(np.int64)"}, r"a label each, \(n,\) int32, found int64 \(8,\)"),
    ("data", {"y": "y + 1"}, "labels from 0 to 1, found others"),
    ("data", {"classes": "3"}, "expected of the train images 2 classes, found 3"),
    ("data", {"y": "y * 0"}, r"expected training images of every class, found none of \[1\]"),
    ("data", {"x": "x * 0"}, "expected other test than training images, found the same"),
    ("data", {"x": "x * np.random.default_rng().random(dtype=np.float32)"}, "the same images at every call"),
    ("data", {"names": '["cat"]'}, r"expected 2 different class_names, found \['cat'\]"),
    ("data", {"names": "[]"}, r"class_names of the (test|train) images as described, \[\], found \('cat', 'dog'\)"),
    ("data", {"missing": "none here"}, "or a DataError that says what to state for them, found none here"),
    ("models", {"units": "num_classes + 1"}, r"expected logits of shape \(n, 10\), found \(8, 11\)"),
    ("models", {"activation": "'softmax'"}, "numbers that sum to 1: leave the softmax out"),
    ("models", {"extra": " * 0"}, "expected other weights of another seed"),
    ("models", {"dtype": ""}, 'state dtype="float32"'),
    ("train", {"loss": "tf.reduce_mean(loss)"}, r"expected a loss for each example, \(8,\)"),
    ("train", {"loss": "loss / tf.reduce_sum(loss)"}, "expected the same losses of a batch in two parts"),
    ("train", {"weight": "0.0"}, "expected training to move the weights"),
    ("train", {"passes": "0"}, r"expected passes\(\*\*params\) above 0, found 0"),
]
CHECKS = {"data": testing.check_data, "models": testing.check_model, "train": testing.check_objective}


def offer(plugins, kind, changes, number):
    """A component in a folder of plug-ins, sound but for `changes`."""
    text, parts = SOUND[kind]
    name = f"thing{number}"
    part = {"version": 1, "type": "object", "description": "A thing.", "properties": {"name": {"const": name}}}
    part |= {"include": ["_loop"], "required": ["steps"]} if kind == "train" else {}
    files = {f"own/{kind}/{name}.py": text.format(**parts | changes), f"own/{kind}/{name}.json": json.dumps(part)}
    catalog.add_folder(plugins(files) / "own")
    return name


@pytest.mark.parametrize("kind", list(SOUND))
def test_what_keeps_the_contract_passes(plugins, kind):
    CHECKS[kind](offer(plugins, kind, {}, 0))


@pytest.mark.parametrize(("number", "case"), list(enumerate(BROKEN, 1)))
def test_what_breaks_the_contract_is_told_in_a_sentence(plugins, number, case):
    kind, changes, sentence = case
    name = offer(plugins, kind, changes, number)
    with pytest.raises(AssertionError, match=sentence) as told:
        CHECKS[kind](name)
    assert str(told.value).startswith(f'{kind} "{name}", ')


def test_a_component_that_does_not_say_what_it_is_is_told(plugins):
    name = offer(plugins, "data", {}, 0)
    file = catalog.folders()[0] / "data" / f"{name}.json"
    file.write_text(file.read_text().replace("A thing.", ""))
    catalog.add_folder(plugins({}) / "own")
    with pytest.raises(AssertionError, match=f'data "{name}": expected a "description" in its fragment'):
        testing.check_data(name)
