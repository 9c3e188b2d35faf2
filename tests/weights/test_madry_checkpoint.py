"""Checkpoints written by TensorFlow 1's graph and Saver, read back; zips that are not what they should be."""

import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.errors import WeightsError

v1 = tf.compat.v1


def variable(shape, number):
    return v1.Variable(v1.truncated_normal(shape, stddev=0.1, seed=number))


def mnist_graph(x):
    """The network of the MNIST challenge as a TensorFlow 1 graph: its logits."""
    for number, (size, filters) in enumerate([(1, 32), (32, 64)]):
        kernel, bias = variable([5, 5, size, filters], 2 * number), variable([filters], 2 * number + 1)
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, strides=1, padding="SAME") + bias)
        x = tf.nn.max_pool2d(x, 2, 2, padding="SAME")
    kernel, bias = variable([7 * 7 * 64, 1024], 4), variable([1024], 5)
    x = tf.nn.relu(tf.reshape(x, [-1, 7 * 7 * 64]) @ kernel + bias)
    return x @ variable([1024, 10], 6) + variable([10], 7)


@pytest.fixture(scope="module")
def mnist(tmp_path_factory, digits):
    """A folder with a checkpoint of the MNIST network, with its step counter and Adam's slots; and its logits."""
    folder = tmp_path_factory.mktemp("models") / "secret"
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 28, 28, 1])
        step = v1.train.get_or_create_global_step()
        logits = mnist_graph(x)
        v1.train.AdamOptimizer(1e-4).minimize(tf.reduce_sum(logits), global_step=step)
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / "checkpoint"), global_step=step)
        return folder, session.run(logits, {x: digits.x[:50]})


@pytest.fixture
def model():
    return bsa.build("madry_mnist", input_shape=(28, 28, 1), num_classes=10)


def zipped(folder, file):
    with zipfile.ZipFile(file, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"models/secret/{path.name}")
    return file


@pytest.mark.parametrize("form", ["folder", "prefix", "zip"])
def test_logits_are_those_of_the_graph(form, mnist, model, digits, tmp_path):
    folder, expected = mnist
    places = {"folder": folder, "prefix": folder / "checkpoint-0", "zip": tmp_path / "secret.zip"}
    zipped(folder, tmp_path / "secret.zip")
    bsa.import_weights("madry_checkpoint", model, places[form])
    # the same float32 operations, of logits near 10, added up in another order
    np.testing.assert_allclose(model(digits.x[:50]), expected, rtol=1e-4, atol=1e-4)


def test_the_last_checkpoint_of_a_folder_is_taken(model, tmp_path):
    for step in (1, 2):
        with tf.Graph().as_default(), v1.Session() as session:
            mnist_graph(v1.placeholder(tf.float32, [None, 28, 28, 1]))
            session.run(v1.global_variables_initializer())
            session.run([v.assign(tf.fill(v.shape, float(step))) for v in v1.global_variables()])
            v1.train.Saver().save(session, str(tmp_path / "model.ckpt"), global_step=step)
    bsa.import_weights("madry_checkpoint", model, tmp_path)
    assert model.get_weights()[0].flat[0] == 2
    bsa.import_weights("madry_checkpoint", model, tmp_path / "model.ckpt-1")
    assert model.get_weights()[0].flat[0] == 1
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(WeightsError, match=r"one TensorFlow checkpoint.*found model\.ckpt-1\.index, model\.ckpt-2"):
        bsa.import_weights("madry_checkpoint", model, tmp_path)


def test_a_checkpoint_of_another_network(mnist, tmp_path):
    small = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    with pytest.raises(
        WeightsError, match=r'"Variable" for conv1/kernel: expected the shape \(4, 4, 1, 16\), found \(5'
    ):
        bsa.import_weights("madry_checkpoint", small, mnist[0])
    large = bsa.build("wong_large", input_shape=(28, 28, 1), num_classes=10)
    with pytest.raises(WeightsError, match=r"expected 14 tensors.*found 8 \(Variable, Variable_1.*Variable_7\)"):
        bsa.import_weights("madry_checkpoint", large, mnist[0])


def cifar(filters):
    """A chain of layers with the CIFAR-10 network's weights in their order, its shortcuts left out."""
    layers = keras.layers

    def convolution():
        return layers.Conv2D(filters, 3, padding="same", use_bias=False)

    units = [layer for _ in range(30) for layer in (layers.BatchNormalization(), convolution())]
    ends = [layers.BatchNormalization(), layers.GlobalAveragePooling2D(), layers.Dense(10)]
    return keras.Sequential([keras.Input((8, 8, 3)), convolution(), *units, *ends])


def norm(scope, filters):
    """In the order in which TensorFlow 1 makes them, which is not Keras's."""
    return {f"{scope}/BatchNorm/{part}": [filters] for part in ("beta", "gamma", "moving_mean", "moving_variance")}


@pytest.fixture
def variables():
    """Names and shapes of a narrow CIFAR-10 network, as the graph of the CIFAR-10 challenge makes them."""
    n = 2
    shapes = {"input/init_conv/DW": [3, 3, 3, n]}
    for group in (1, 2, 3):
        for unit in range(5):
            scope = f"unit_{group}_{unit}"
            shared = "shared_activation" if (group, unit) == (1, 0) else "residual_only_activation"
            shapes |= norm(f"{scope}/{shared}", n) | {f"{scope}/sub1/conv1/DW": [3, 3, n, n]}
            shapes |= norm(f"{scope}/sub2", n) | {f"{scope}/sub2/conv2/DW": [3, 3, n, n]}
    return shapes | norm("unit_last", n) | {"logit/DW": [n, 10], "logit/biases": [10]}


def save(variables, prefix):
    """A checkpoint with these variables, the k-th of which holds k everywhere, and momentum beside them."""
    with tf.Graph().as_default(), v1.Session() as session:
        for number, (name, shape) in enumerate(variables.items()):
            v1.get_variable(name, shape, initializer=v1.constant_initializer(number))
            v1.get_variable(f"{name}/Momentum", shape, initializer=v1.constant_initializer(-1))
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(prefix))


def test_cifar10s_variables_find_their_weights(variables, tmp_path):
    save(variables, tmp_path / "checkpoint-70000")
    model = cifar(2)
    bsa.import_weights("madry_checkpoint", model, tmp_path)
    at = {name: number for number, name in enumerate(variables)}
    first, *_ = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for part, weight in (("gamma", first.gamma), ("beta", first.beta), ("moving_mean", first.moving_mean),
                         ("moving_variance", first.moving_variance)):  # fmt: skip
        assert (weight.numpy() == at[f"unit_1_0/shared_activation/BatchNorm/{part}"]).all()
    kernels = [layer.kernel.numpy().flat[0] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert kernels == [number for name, number in at.items() if name.endswith("/DW") and not name.startswith("logit")]
    assert (model.layers[-1].bias.numpy() == at["logit/biases"]).all()


def test_missing_names_are_named(variables, tmp_path):
    del variables["unit_2_3/sub2/conv2/DW"]
    save(variables, tmp_path / "checkpoint-70000")
    with pytest.raises(WeightsError, match=r"expected variables unit_2_3/sub2/conv2/DW, found input/init_conv/DW"):
        bsa.import_weights("madry_checkpoint", cifar(2), tmp_path)


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "C:\\out", "..\\out", "\\out"])
def test_a_zip_that_climbs_out_is_refused(name, model, tmp_path):
    file = tmp_path / "inside" / "secret.zip"
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(WeightsError, match=r"secret\.zip: refused, for its member .* lands outside"):
        bsa.import_weights("madry_checkpoint", model, file)
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "secret.zip"]


def test_a_zip_with_a_link_is_refused(model, tmp_path):
    link = zipfile.ZipInfo("models/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "secret.zip", "w") as archive:
        archive.writestr(link, "/etc")
    with pytest.raises(WeightsError, match=r"models/link.* lands outside"):
        bsa.import_weights("madry_checkpoint", model, tmp_path / "secret.zip")


def test_no_checkpoint_and_a_damaged_one(mnist, model, tmp_path):
    with pytest.raises(WeightsError, match=r"one TensorFlow checkpoint \(an \.index file\), found none"):
        bsa.import_weights("madry_checkpoint", model, tmp_path)
    (tmp_path / "model.index").write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match="expected a TensorFlow checkpoint, found"):
        bsa.import_weights("madry_checkpoint", model, tmp_path)
