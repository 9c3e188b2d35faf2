"""Whole networks from files: opened safely, stored as they are, refused in a sentence."""

import contextlib
import functools
import io
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import bsa
from bsa import catalog, foreign, registered, spec
from bsa.engine import run
from bsa.engine.stages.saved import load_network
from bsa.engine.store import Store
from bsa.errors import BsaError, UsageError
from bsa.networks import logits

SHAPE = (6, 5, 3)
X = np.random.default_rng(5).uniform(size=(8, *SHAPE)).astype(np.float32)
OWN = """
import keras

@keras.saving.register_keras_serializable(package="test")
class Own(keras.Model):
    def __init__(self, **more):
        super().__init__(**more)
        self.flat, self.last = keras.layers.Flatten(), keras.layers.Dense(4, "softmax")

    def call(self, x):
        return self.last(self.flat(x))
"""


def classifier(*last, shape=SHAPE):
    return keras.Sequential([keras.Input(shape), layers.Rescaling(1 / 255), layers.Flatten(), *last])


def saved(model, file):
    model.save(file)
    return file


@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net.hdf5", "net"])
def test_a_file_gives_the_predictions_of_the_network_in_it(tmp_path, name):
    model = classifier(layers.Dense(4, "softmax"))
    file = saved(model, tmp_path / (name if "." in name else "net.keras"))
    file = file.rename(tmp_path / name)  # content tells, not the name
    wrapped = bsa.build("keras_file", file=file, pixels=[0, 255])
    assert wrapped.input_shape == (None, *SHAPE)
    z = logits(wrapped, X).astype(np.float64)
    np.testing.assert_allclose(np.exp(z) / np.exp(z).sum(-1, keepdims=True), model(255 * X), atol=1e-6)


def experiment(file, **more):
    model = {"name": "keras_file", "file": str(file), "pixels": [0, 255], **more}
    return {"name": "own", "data": {"name": "digits"}, "model": model, "measures": [{"name": "accuracy"}]}


def test_a_run_stores_a_copy_that_opens_without_the_file(tmp_path, quiet):
    model = classifier(layers.Dense(10, "softmax"), shape=(28, 28, 1))
    file, store = saved(model, tmp_path / "net.keras"), Store(tmp_path / "store")
    resolved = foreign.pinned(spec.resolve(experiment(file)))
    network, measured = run.run(resolved, store, seen=quiet)
    file.unlink()
    x, y, _ = bsa.load("digits", split="test")[:3]
    expected = np.asarray(model(255 * x))
    with np.load(store.path(measured.key) / "measure.npz") as stored:
        np.testing.assert_array_equal(stored["correct"], expected.argmax(-1) == y)
    np.testing.assert_array_equal(logits(load_network(store.path(network.key)), x).argmax(-1), expected.argmax(-1))
    metrics = store.record(network.key)["metrics"]
    assert metrics["difference"] < 1e-6
    assert any("through its logits" in note for note in metrics["notes"])
    assert [row["state"] for row in run.outlook(resolved, store)] == ["stored", "stored"]


def keys(file, **more):
    return [stage.key for stage in run.planned(foreign.pinned(spec.resolve(experiment(file, **more))))]


def test_the_key_is_of_the_content_and_of_what_is_made_of_it_and_not_of_the_place(tmp_path):
    file = saved(classifier(layers.Dense(10), shape=(28, 28, 1)), tmp_path / "net.keras")
    before = keys(file)
    assert keys(file.rename(tmp_path / "other.keras")) == before
    file = tmp_path / "other.keras"
    assert not set(keys(file, pixels=[-1, 1])) & set(before)
    assert not set(keys(file, outputs="logits")) & set(before)
    saved(classifier(layers.Dense(10), shape=(28, 28, 1)), file)
    assert not set(keys(file)) & set(before)


def test_nothing_that_trains_stands_beside_a_whole_network(tmp_path):
    beside = {"train": {"name": "natural", "steps": 1}, "weights": {"name": "npz", "file": "a.npz"}}
    for key, value in beside.items():
        with pytest.raises(spec.SpecError, match=f'/{key}: expected nothing beside the model "keras_file", which is'):
            spec.resolve(experiment("net.keras") | {key: value})


def test_a_layer_of_a_plug_in_is_known_and_its_code_is_in_the_key(tmp_path, plugins):
    folder = plugins({"own/layers/own.py": OWN}) / "own"
    catalog.add_folder(folder)
    registered.register()
    model = keras.saving.get_registered_object("test>Own")()
    given = np.random.default_rng(0).uniform(size=(3, 28, 28, 1)).astype(np.float32)
    own = np.asarray(model(given))
    file = saved(model, tmp_path / "own.keras")
    wrapped = bsa.build("keras_file", file=file, input_shape=(28, 28, 1), num_classes=4)
    z = logits(wrapped, given).astype(np.float64)
    np.testing.assert_allclose(np.exp(z) / np.exp(z).sum(-1, keepdims=True), own, atol=1e-6)
    assert "the softmax of" in wrapped.wrapping.notes[0]  # also of a subclassed network
    before = keys(file)
    catalog.forget()
    assert not set(keys(file)) & set(before)


def zipped(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"")


def weights_alone(file):
    classifier(layers.Dense(3)).save_weights(file)


def lambdas(file):
    classifier(layers.Lambda(lambda x: 2 * x), layers.Dense(3)).save(file)


def unknown(file):
    class Strange(layers.Layer):
        def call(self, x):
            return x

    classifier(Strange(), layers.Dense(3)).save(file)


WRONG = {
    "no file": ("net.keras", lambda file: None, "no network .*net.keras: expected a network that Keras saved"),
    "a text": ("net.keras", lambda file: file.write_text("weights"), "found a file of another kind: save the network"),
    "empty": ("net.keras", lambda file: file.write_text(""), "found an empty file"),
    "a pointer": ("net.keras", lambda f: f.write_text("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "half a file": ("net.keras", lambda file: file.write_bytes(b"PK\3\4" + bytes(99)), "a truncated download"),
    "weights": ("net.weights.h5", weights_alone, "found weights: weights alone are no network"),
    "torch": ("net.pth", zipped, "a file of torch.save: load it in PyTorch, and give .* to bsa.from_torch"),
    "onnx": ("net.onnx", lambda file: file.write_bytes(b"\x08\x07\x12\x07pytorch"), "found an ONNX file"),
    "arrays": ("net.npz", lambda file: np.savez(file, a=np.zeros(3)), "numpy.savez .*: weights alone are no network"),
    "a folder": ("net", lambda file: file.mkdir(), "found a folder without saved_model.pb"),
    "a lambda": ("net.keras", lambdas, "found a Lambda layer, whose code .* FOLDER/layers/NAME.py, and give --plugins"),
    "a lambda in h5": ("net.h5", lambdas, "found a Lambda layer, whose code"),
    "a strange layer": ("net.keras", unknown, 'found "Strange", which Keras does not have: register its class with'),
    "a strange layer in h5": ("net.h5", unknown, 'found "Strange", which Keras does not have: register its class with'),
}  # fmt: skip


@pytest.mark.parametrize(("name", "write", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_network_ends_in_a_sentence(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(BsaError, match=message) as caught:
        bsa.build("keras_file", file=tmp_path / name)
    assert "\n" not in str(caught.value)


def test_sizes_of_the_data_are_those_of_the_network(tmp_path):
    file = saved(classifier(layers.Dense(4)), tmp_path / "net.keras")
    build = functools.partial(bsa.build, "keras_file", file=file, input_shape=SHAPE, num_classes=4)
    assert build().output_shape == (None, 4)
    with pytest.raises(UsageError, match=r"expected an output for each of the 7 classes of the data, found 4"):
        build(num_classes=7)
    with pytest.raises(UsageError, match=r"expected images of shape \(6, 5, 3\), which the network takes, found"):
        build(input_shape=(6, 5, 1))
    with pytest.raises(BsaError, match=r"expected sha256 0+, found"):
        build(sha256="0" * 64)
    with pytest.raises(UsageError, match='pixels: expected one of tf, torch, caffe, found "imagenet"'):
        build(pixels="imagenet")


@pytest.fixture(scope="module")
def old():
    """Keras 2."""
    return pytest.importorskip("tf_keras")


def of_keras_2(old, *last):
    made = [old.layers.SeparableConv2D(4, 3), old.layers.BatchNormalization(), old.layers.LeakyReLU(alpha=0.1)]
    inner = old.Sequential([old.Input(SHAPE), *made, old.layers.GlobalAveragePooling2D()])
    inputs = old.Input(SHAPE)
    return old.Model(inputs, functools.reduce(lambda x, layer: layer(x), (inner, *last), inputs))


@pytest.mark.parametrize("name", ["net.h5", "net.keras"])
def test_a_network_of_keras_2_becomes_one_of_keras_3(tmp_path, old, name):
    model = of_keras_2(old, old.layers.Dense(4, "softmax"))
    own, file = model(X).numpy(), saved(model, tmp_path / name)
    wrapped = bsa.build("keras_file", file=file)
    z = logits(wrapped, X).astype(np.float64)
    np.testing.assert_allclose(np.exp(z) / np.exp(z).sum(-1, keepdims=True), own, atol=1e-6)
    assert "the softmax of" in wrapped.wrapping.notes[0]  # which Keras 3 knows


@pytest.mark.parametrize("name", ["net.h5", "net.keras"])
def test_the_hard_sigmoid_of_keras_2_is_not_that_of_keras_3(tmp_path, name):
    model = classifier(layers.Dense(5), layers.Activation("hard_sigmoid"), layers.Dense(4))
    file = saved(model, tmp_path / name)
    np.testing.assert_allclose(logits(bsa.build("keras_file", file=file), X), model(X), atol=1e-6)
    if name == "net.h5":  # what Keras 2 would have saved
        with h5py.File(file, "r+") as opened:
            opened.attrs["keras_version"] = "2.15.0"
    else:
        with zipfile.ZipFile(file) as archive:
            parts = {part: archive.read(part) for part in archive.namelist()}
        parts["metadata.json"] = b'{"keras_version": "2.15.0"}'
        with zipfile.ZipFile(file, "w") as archive:
            for part, content in parts.items():
                archive.writestr(part, content)
    with pytest.raises(BsaError, match="hard_sigmoid") as caught:  # Keras 2 is not there, or opens no file of Keras 3
        bsa.build("keras_file", file=file)
    assert "\n" not in str(caught.value)


def test_the_hard_sigmoid_of_keras_2_is_computed(tmp_path, old):
    made = [old.layers.Flatten(), old.layers.Dense(5, "hard_sigmoid"), old.layers.Dense(4)]
    model = old.Sequential([old.Input(SHAPE), *made])
    file = saved(model, tmp_path / "net.h5")
    np.testing.assert_allclose(logits(bsa.build("keras_file", file=file), X), model(X).numpy(), atol=1e-5)


def test_what_keras_3_lacks_is_computed_by_keras_2(tmp_path, old):
    model = of_keras_2(old, old.layers.Dense(4), tf.nn.softmax)
    own, file = model(X).numpy(), saved(model, tmp_path / "net.h5")
    wrapped = bsa.build("keras_file", file=file)
    assert "through their logarithms" in wrapped.wrapping.notes[0]
    np.testing.assert_allclose(np.exp(logits(wrapped, X).astype(np.float64)), own, atol=1e-6)
    with h5py.File(file, "r+") as opened:  # a function that does more than compute
        opened.attrs["model_config"] = opened.attrs["model_config"].replace('"nn.softmax"', '"io.write_file"')
    with pytest.raises(BsaError, match=r"expected layers that only compute, found the function tf.io.write_file"):
        bsa.build("keras_file", file=file)


def test_a_savedmodel_has_gradients(tmp_path):
    model = classifier(layers.Dense(4, "softmax"))
    with contextlib.redirect_stdout(io.StringIO()):
        model.export(tmp_path / "net")
    wrapped = bsa.build("keras_file", file=tmp_path / "net", pixels=[0, 255], input_shape=SHAPE, num_classes=4)
    np.testing.assert_allclose(np.exp(logits(wrapped, X).astype(np.float64)), model(255 * X), atol=1e-6)
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = wrapped(x)
        margin = z[:, 0] - z[:, 1]
    kernel = model.layers[-1].kernel.numpy()  # pixels are divided by 255 inside, and multiplied before
    expected = np.tile((kernel[:, 0] - kernel[:, 1]).reshape(SHAPE), (len(X), 1, 1, 1))
    np.testing.assert_allclose(tape.gradient(margin, x), expected, atol=1e-5)


def test_a_run_of_a_savedmodel_keeps_the_folder(tmp_path, quiet):
    with contextlib.redirect_stdout(io.StringIO()):
        classifier(layers.Dense(10, "softmax"), shape=(28, 28, 1)).export(tmp_path / "net")
    store = Store(tmp_path / "store")
    (network,) = run.run(foreign.pinned(spec.resolve(experiment(tmp_path / "net") | {"measures": [], "report": []})),
                         store, seen=quiet)  # fmt: skip
    shutil.rmtree(tmp_path / "net")
    assert load_network(store.path(network.key)).output_shape == (None, 10)
    assert store.record(network.key)["files"].keys() > {"network.json", "original/saved_model.pb"}


def arrays_of(tmp_path, labels, **more):
    x = np.random.default_rng(0).integers(0, 256, (len(labels), *SHAPE), np.uint8)
    np.savez(tmp_path / "test.npz", x=x, y=np.array(labels))
    return {"name": "arrays", "test": str(tmp_path / "test.npz"), **more}


def test_labels_tell_how_many_classes_there_are_at_least(tmp_path, quiet):
    file = saved(classifier(layers.Dense(4)), tmp_path / "net.keras")
    value = experiment(file) | {"measures": [], "report": []}

    def computed(labels, **more):
        data = {"data": arrays_of(tmp_path, labels, **more)}
        return run.run(foreign.pinned(spec.resolve(value | data)), Store(tmp_path / "store"), seen=quiet)

    assert len(computed([0, 2, 1])) == 1
    with pytest.raises(BsaError, match="expected an output for each of the 6 classes that the labels tell of, found 4"):
        computed([0, 5, 1])
    with pytest.raises(BsaError, match="expected an output for each of the 3 classes of the data, found 4"):
        computed([0, 2, 1], num_classes=3)


def test_a_package_offers_layers_by_an_entry_point(plugins):
    metadata = "Metadata-Version: 2.1\nName: blocks\nVersion: 2.1\n"
    points = "[bsa.layers]\nown = blocks_of_test.own\n"
    code = OWN.replace('package="test"', 'package="blocks"')
    files = {"blocks-2.1.dist-info/METADATA": metadata, "blocks-2.1.dist-info/entry_points.txt": points}
    plugins(files | {"blocks_of_test/__init__.py": "", "blocks_of_test/own.py": code})
    registered.register()
    assert keras.saving.get_registered_object("blocks>Own")
    assert ["blocks_of_test.own", "2.1"] in registered.identity()


def test_a_module_of_layers_that_fails_is_told(plugins):
    catalog.add_folder(plugins({"own/layers/own.py": "raise RuntimeError('no licence')"}) / "own")
    with pytest.raises(UsageError, match=r"layers of .*own.py: expected a module to import, found RuntimeE"):
        registered.register()
