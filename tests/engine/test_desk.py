"""Networks of the store are opened safely: whatever their file holds, what is wrong with it is one sentence."""

import dataclasses
import json
import pickle
import zipfile

import keras
import numpy as np
import pytest

from bsa import spec
from bsa.engine.stages import desk
from bsa.engine.stages.desk import Desk, Kept, of_process
from bsa.errors import StoreError
from bsa.execution import DEFAULT

LAYER = keras.saving.serialize_keras_object(keras.layers.Dense(1))


@pytest.fixture
def folder(tmp_path):
    """The folder of a network, a Lambda in it or not: `folder(layer)`."""

    def make(*layers):
        model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(3)])
        model.save(tmp_path / "network.keras")
        return tmp_path

    return make


def changed(file, config=None, without=None):
    """Write the archive anew with another config, or without a member."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != without}
    members |= {"config.json": json.dumps(config(json.loads(members["config.json"])))} if config else {}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: file.unlink(), "found no regular file"),
        (lambda file: file.write_bytes(file.read_bytes()[:-60]), "found the beginning of a zip"),
        (lambda file: file.write_bytes(b"weights"), "a network that Keras opens safely, found"),
        (lambda file: changed(file, lambda config: []), "a network that Keras opens safely, found"),
        (lambda file: changed(file, lambda config: config | {"module": "os", "class_name": "system"}), "found"),
        (lambda file: changed(file, lambda config: LAYER), "found Dense"),
        (lambda file: changed(file, without="model.weights.h5"), "a network that Keras opens safely, found"),
    ],
)  # fmt: skip
def test_a_spoilt_network_is_one_sentence(spoil, message, folder):
    place = folder()
    spoil(place / "network.keras")
    with pytest.raises(StoreError, match=f"expected .*{message}") as caught:
        desk.load_network(place)
    assert "\n" not in str(caught.value)
    assert f"Delete the folder {place} and run again." in str(caught.value)


def test_a_network_that_would_execute_code_is_refused(folder):
    place = folder(keras.layers.Lambda(lambda x: x))
    with pytest.raises(StoreError, match="a network that Keras opens safely, found ValueError"):
        desk.load_network(place)


def test_a_desk_keeps_what_was_asked_for_last_and_another_desk_nothing_of_it():
    kept, made = Kept(), []

    def get(key, most=2):
        return kept.get("kind", key, lambda: made.append(key) or [key], most=most)

    first = get("a")
    assert get("a") is first
    get("b"), get("a"), get("c")  # of two, "b" was asked for longest ago
    assert get("a") is first
    assert made == ["a", "b", "c"]
    get("b")
    assert made == ["a", "b", "c", "b"]
    assert Desk().kept is not Desk().kept
    desk = Desk()
    assert dataclasses.replace(desk, progress=print).kept is desk.kept


def test_equal_parameters_share_an_attack_whatever_their_order(folder):
    place, desk = folder(), Desk()
    params = spec.parameters("attacks", "square", {"epsilon": 0.1, "queries": 3})
    params = {name: value for name, value in params.items() if name != "thresholds"}
    one = desk.attacks(place, "square", params)
    assert desk.attacks(place, "square", dict(reversed(params.items()))) is one
    assert desk.attacks(place, "square", params | {"queries": 4}) is not one
    assert Desk().attacks(place, "square", params) is not one


def test_what_a_desk_makes_travels_to_another_process_as_what_it_is_made_of(folder):
    desk = Desk()
    (work,) = desk.works(_predict, folder(), scale=2)
    again = pickle.loads(pickle.dumps(work))
    x = np.ones((3, 4), np.float32)
    np.testing.assert_array_equal(again(x), work(x))
    assert again.origin[0] is of_process(None, None, DEFAULT)  # that process's own desk, which its next stages share


def _predict(desk, folder):
    model = desk.network(folder)
    return [lambda x, scale: scale * model(x).numpy()]
