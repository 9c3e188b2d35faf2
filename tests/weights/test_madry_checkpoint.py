"""Checkpoints written by TensorFlow 1's graph and Saver, read back; zips that are not what they should be."""

import zipfile

import numpy as np
import pytest
import tensorflow as tf

import bsa
from bsa.errors import WeightsError
from bsa.weights import madry_checkpoint

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


def cifar_graph(x, width):
    """The network of the CIFAR-10 challenge as a TensorFlow 1 graph with its names, at inference: its logits."""

    def convolve(scope, x, filters, strides=1):
        size = [3, 3, x.shape[3], filters]
        kernel = v1.get_variable(f"{scope}/DW", size, initializer=v1.random_normal_initializer(stddev=0.3, seed=1))
        return tf.nn.conv2d(x, kernel, strides, padding="SAME")

    def activate(scope, x):
        start = {"beta": (-1, 1), "gamma": (0.5, 1.5), "moving_mean": (-1, 1), "moving_variance": (0.5, 1.5)}
        beta, gamma, mean, variance = (
            v1.get_variable(f"{scope}/BatchNorm/{part}", [x.shape[3]], initializer=v1.random_uniform_initializer(*ends))
            for part, ends in start.items()
        )
        return tf.nn.leaky_relu(tf.nn.batch_normalization(x, mean, variance, beta, gamma, 0.001), 0.1)

    x = convolve("input/init_conv", tf.image.per_image_standardization(x), 16)
    for group, filters in ((1, 16 * width), (2, 32 * width), (3, 64 * width)):
        for unit in range(5):
            scope, strides = f"unit_{group}_{unit}", 2 if group > 1 and unit == 0 else 1
            shared = (group, unit) == (1, 0)
            inner = activate(f"{scope}/{'shared' if shared else 'residual_only'}_activation", x)
            shortcut = inner if shared else x
            inner = convolve(f"{scope}/sub1/conv1", inner, filters, strides)
            inner = convolve(f"{scope}/sub2/conv2", activate(f"{scope}/sub2", inner), filters)
            missing = (filters - shortcut.shape[3]) // 2
            if missing:
                shortcut = tf.nn.avg_pool2d(shortcut, strides, strides, "VALID")
            x = inner + tf.pad(shortcut, [[0, 0], [0, 0], [0, 0], [missing, missing]])
    x = tf.reduce_mean(activate("unit_last", x), [1, 2])
    kernel = v1.get_variable("logit/DW", [64 * width, 10], initializer=v1.random_normal_initializer(seed=2))
    return x @ kernel + v1.get_variable("logit/biases", [10], initializer=v1.random_normal_initializer(seed=3))


@pytest.fixture
def narrow():
    return bsa.build("madry_cifar", input_shape=(32, 32, 3), num_classes=10, width=2)


def saved_cifar(folder, images, without=()):
    """A checkpoint in `folder`, with its step counter and momentum, but for the variables `without`; its logits."""
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(1)
        x = v1.placeholder(tf.float32, [None, 32, 32, 3])
        logits = cifar_graph(x, width=2)
        for weight in v1.trainable_variables():
            v1.get_variable(f"{weight.op.name}/Momentum", weight.shape)
        v1.train.get_or_create_global_step()
        session.run(v1.global_variables_initializer())
        kept = [v for v in v1.global_variables() if v.op.name not in without]
        v1.train.Saver(kept).save(session, str(folder / "checkpoint"), global_step=70000)
        return session.run(logits, {x: 255 * images})


def test_cifar10s_logits_are_those_of_the_graph(narrow, tmp_path):
    images = np.random.default_rng(0).random((8, 32, 32, 3)).astype(np.float32)
    expected = saved_cifar(tmp_path, images)
    bsa.import_weights("madry_checkpoint", narrow, tmp_path)
    # the same float32 operations, added up in another order; the largest logit says what is small
    np.testing.assert_allclose(narrow(images, training=False), expected, atol=1e-4 * np.abs(expected).max())


def test_missing_names_are_named(narrow, tmp_path):
    saved_cifar(tmp_path, np.zeros((1, 32, 32, 3), np.float32), without=["unit_2_3/sub2/conv2/DW"])
    with pytest.raises(WeightsError, match=r"expected variables unit_2_3/sub2/conv2/DW, found global_step"):
        bsa.import_weights("madry_checkpoint", narrow, tmp_path)


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "C:\\out", "..\\out", "\\out"])
def test_a_zip_that_climbs_out_is_refused(name, model, tmp_path):
    file = tmp_path / "inside" / "secret.zip"
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(WeightsError, match=r"secret\.zip: refused: its member .* would be outside"):
        bsa.import_weights("madry_checkpoint", model, file)
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "secret.zip"]


def test_a_zip_with_a_link_is_refused(model, tmp_path):
    link = zipfile.ZipInfo("models/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "secret.zip", "w") as archive:
        archive.writestr(link, "/etc")
    with pytest.raises(WeightsError, match=r"models/link.* would be outside"):
        bsa.import_weights("madry_checkpoint", model, tmp_path / "secret.zip")


def test_a_zip_that_fills_the_disk_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setattr(madry_checkpoint, "MOST", 10**6)
    with zipfile.ZipFile(tmp_path / "secret.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.index", bytes(2 * 10**6))
    with pytest.raises(WeightsError, match="refused: it unpacks to 2000000 bytes"):
        bsa.import_weights("madry_checkpoint", model, tmp_path / "secret.zip")


def test_no_checkpoint_and_a_damaged_one(mnist, model, tmp_path):
    with pytest.raises(WeightsError, match=r"one TensorFlow checkpoint \(an \.index file\), found none"):
        bsa.import_weights("madry_checkpoint", model, tmp_path)
    (tmp_path / "model.index").write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match="expected a TensorFlow checkpoint, found"):
        bsa.import_weights("madry_checkpoint", model, tmp_path)


def saved(folder, dtype=tf.float32, names=(None, None), **more):
    """A checkpoint of a dense layer of 4 inputs and 3 outputs, kernel 2 and bias 3 throughout."""
    with tf.Graph().as_default(), v1.Session() as session:
        for name, shape, value in zip(names, ([4, 3], [3]), (2, 3), strict=True):
            v1.Variable(tf.fill(shape, tf.cast(value, dtype)), name=name)
        session.run(v1.global_variables_initializer())
        v1.train.Saver(**more).save(session, str(folder / "model.ckpt"), global_step=7, write_meta_graph=False)
    return folder


@pytest.fixture
def dense():
    import keras

    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="logits")], name="dense")


def import_(model, place):
    bsa.import_weights("madry_checkpoint", model, place)
    return [float(array.flat[0]) for array in model.get_weights()]


@pytest.mark.parametrize("dtype", [tf.float64, tf.float16, tf.bfloat16], ids=lambda dtype: dtype.name)
def test_other_floats_are_read_as_float32(dtype, dense, tmp_path):
    assert import_(dense, saved(tmp_path, dtype)) == [2, 3]


def test_the_first_format_and_the_names_of_the_network_are_read(dense, tmp_path):
    (tmp_path / "v1").mkdir()
    assert import_(dense, saved(tmp_path / "v1", write_version=v1.train.SaverDef.V1)) == [2, 3]
    named = saved(tmp_path, names=("logits/kernel", "logits/bias")) / "model.ckpt-7"
    assert import_(dense, named) == [2, 3]
    other = saved(tmp_path / "v1", names=("fc/w", "fc/b"))
    with pytest.raises(WeightsError, match=r"or logits/kernel, logits/bias, found fc/b, fc/w"):
        import_(dense, other / "model.ckpt-7")


def test_each_file_of_a_checkpoint_stands_for_it_and_macs_metadata_do_not(dense, tmp_path):
    saved(tmp_path)
    for suffix in ("index", "data-00000-of-00001"):
        assert import_(dense, tmp_path / f"model.ckpt-7.{suffix}") == [2, 3]
    (tmp_path / "._model.ckpt-7.index").write_bytes(b"\0\x05\x16\x07\0\x02\0\0")
    (tmp_path / "checkpoint").unlink()
    assert import_(dense, tmp_path) == [2, 3]


@pytest.mark.parametrize(
    ("suffix", "content", "message"),
    [
        ("data-00000-of-00001", b"", "found an empty file"),
        ("data-00000-of-00001", bytes(9), "found one whose data end early, a truncated download"),
        ("data-00000-of-00001", b"version https://git-lfs.github.com/spec/v1\n", "found a Git LFS pointer"),
        ("data-00000-of-00001", bytes(60), "found another file or a damaged one"),
        ("data-00000-of-00001", None, "found another file or a damaged one"),
        ("index", b"<html>404</html>", "found an HTML page"),
        ("index", bytes(60), "found another file or a damaged one"),
    ],
)
def test_damaged_parts_are_told_in_one_line(suffix, content, message, dense, tmp_path):
    part = saved(tmp_path) / f"model.ckpt-7.{suffix}"
    part.unlink() if content is None else part.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        import_(dense, tmp_path)
    assert "\n" not in str(caught.value)
