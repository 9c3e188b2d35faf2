"""The training loop: bit-equal resume, schedules, and a stop where the loss is no longer a number."""

import keras
import numpy as np
import pytest

import bsa
from bsa.errors import StoreError, TrainingError
from bsa.train import _checkpoint, _loop

ADVERSARIAL = {"steps": 30, "batch_size": 32, "epsilon": 0.1, "epsilon_warmup": 10, "attack_steps": 2}


@pytest.fixture(scope="module")
def data():
    return bsa.load("digits", split="train")


def train(data, folder=None, progress=None, name="adversarial", **params):
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    given = (ADVERSARIAL if name == "adversarial" else {"steps": 30}) | params
    return model, bsa.fit(name, model, data, seed=5, folder=folder, progress=progress, **given)


def equal(a, b):
    return all((x == y).all() for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


class Killed(Exception):
    pass


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_resumed_training_is_bit_equal(data, tmp_path, monkeypatch, precision):
    whole, history = train(data, precision=precision)
    monkeypatch.setattr(_checkpoint, "SECONDS_BETWEEN", 0.0)

    def kill(done, total, **_):
        if done == 17:
            raise Killed

    with pytest.raises(Killed):
        train(data, tmp_path, kill, precision=precision)
    seen = []
    resumed, again = train(data, tmp_path, lambda done, total, **_: seen.append(done), precision=precision)
    assert 1 < seen[0] <= 18  # it went on and did not begin anew
    assert seen[-1] == 30
    assert equal(whole, resumed)
    for key in history:
        np.testing.assert_array_equal(history[key], again[key])


def test_a_damaged_checkpoint_is_dropped_and_trained_again(data, tmp_path, capsys):
    _, whole = train(data, tmp_path, name="natural", steps=2)
    file = tmp_path / _checkpoint.FILE
    file.write_bytes(file.read_bytes()[:-1])
    seen = []
    _, again = train(data, tmp_path, lambda done, total, **_: seen.append(done), name="natural", steps=2)
    assert seen == [1, 2]
    np.testing.assert_array_equal(again["loss"], whole["loss"])
    assert "checkpoint.npz is damaged: removed, its work is done again" in capsys.readouterr().err


def test_a_full_disk_is_one_sentence_and_training_goes_on_once_there_is_room(data, tmp_path):
    resource = pytest.importorskip("resource", reason="Windows limits no file's size")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # no file can grow, as on a full disk
    try:
        with pytest.raises(StoreError, match=r"cannot write .*tensorboard.*the same command goes on"):
            train(data, tmp_path, name="natural", steps=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    train(data, tmp_path, name="natural", steps=1)
    assert (tmp_path / _checkpoint.FILE).is_file()


def test_the_seed_decides_and_nothing_else(data):
    first, _ = train(data)
    keras.utils.set_random_seed(99)
    assert equal(first, train(data)[0])
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    bsa.fit("adversarial", model, data, seed=6, **ADVERSARIAL)
    assert not equal(first, model)


def test_training_teaches_and_the_warmup_grows(data, tmp_path):
    _, history = train(data, tmp_path, name="natural", steps=100, batch_size=64)
    assert history["loss"][:5].mean() > 2 > 0.6 > history["loss"][-5:].mean()
    _, history = train(data)
    np.testing.assert_allclose(history["epsilon"][:12], [*np.arange(1, 11) * 0.01, 0.1, 0.1], rtol=1e-5)
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_adversarial_examples_stay_in_the_ball_and_raise_the_loss(data):
    """The inner maximisation, seen through a model that keeps the images it was given."""
    import tensorflow as tf

    from bsa.train import adversarial

    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    x, y = tf.constant(data.x[:50]), tf.constant(data.y[:50])
    seen = []

    def spy(z, training):
        seen.append(z)
        return model(z, training=training)

    objective = adversarial.make(epsilon=0.1, attack_steps=5, random_start=True)
    loss, metrics = objective(spy, x, y, tf.constant([1, 2]), tf.constant(0))
    assert len(seen) == 6
    for z in seen:
        assert float(tf.reduce_max(tf.abs(z - x))) <= 0.1 + 1e-6
        assert float(tf.reduce_min(z)) >= 0
        assert float(tf.reduce_max(z)) <= 1
    plain = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x))
    assert float(tf.reduce_mean(loss)) > float(tf.reduce_mean(plain))
    assert metrics["adversarial_accuracy"].shape == loss.shape == (50,)


def test_a_loss_that_is_no_number_stops_with_advice(data):
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step \d+ of 60.*learning_rate"):
        train(data, name="natural", steps=60, learning_rate=1e38)


def test_too_few_images_for_a_batch_is_an_error(data):
    with pytest.raises(TrainingError, match="one batch of 2000 training images, found 1297"):
        train(data, name="natural", batch_size=2000)


def test_a_checkpoint_of_another_training_is_not_resumed(data, tmp_path):
    train(data, tmp_path)
    with pytest.raises(TrainingError, match="of a training with other parameters"):
        train(data, tmp_path, epsilon=0.2)
    with pytest.raises(TrainingError, match="of a training with other parameters"):
        train(data, tmp_path, steps=20)
    with pytest.raises(TrainingError, match="of a training with other parameters"):
        train(data._replace(y=data.y[::-1].copy()), tmp_path)


def test_a_network_without_numbers_is_not_returned(data):
    with pytest.raises(TrainingError, match="the logits are no longer numbers after the last of 1 steps"):
        train(data, name="natural", steps=1, learning_rate=1e38)


def test_the_learning_rate_of_a_step():
    pairs = [[0, 0.1], [10, 0.01], [20, 0.001]]
    assert [_loop.rate_at(pairs, s) for s in (0, 9, 10, 19, 20, 99)] == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    assert _loop.rate_at(0.5, 7) == 0.5
