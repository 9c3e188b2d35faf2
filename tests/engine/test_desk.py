"""Networks of the store are opened safely: whatever their file holds, what is wrong with it is one sentence."""

import json
import zipfile

import keras
import pytest

from bsa.engine.stages import desk
from bsa.errors import StoreError

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
        desk.load_network.__wrapped__(place)
    assert "\n" not in str(caught.value)
    assert f"Delete the folder {place} and run again." in str(caught.value)


def test_a_network_that_would_execute_code_is_refused(folder):
    place = folder(keras.layers.Lambda(lambda x: x))
    with pytest.raises(StoreError, match="a network that Keras opens safely, found ValueError"):
        desk.load_network.__wrapped__(place)
