"""The attack against a closed form: on a linear network the least L-inf distortion is known."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from nested import attack

from bsa.networks import logits
from bsa.search import starts as named
from bsa.search import taus
from bsa.search.queue import LEAST

# A batch that does not shrink: on some processors the last bits hang on its size.
SAME_SIZE = {"batch_size": LEAST}


def test_least_distortion_of_a_linear_network(linear):
    model, x, y, expected = linear
    found = attack("carlini_wagner_linf", model, epsilon=0.3, mode="least_distortion")(x, y)
    assert found.success.all()
    assert (found.distance >= expected * (1 - 1e-4)).all()  # never below the truth, float32 aside
    np.testing.assert_allclose(found.distance, expected, rtol=0.02)


def test_its_adam_is_adam():
    slopes = np.random.default_rng(0).normal(size=(6, 3, 2, 2, 1)).astype(np.float32)
    still = tf.zeros([3, 2, 2, 1])
    state = {"w": still, "mean": still, "square": still, "step": tf.zeros([3], tf.int32)}
    expected = keras.Variable(np.zeros(still.shape, np.float32))
    adam = keras.optimizers.Adam(0.01, beta_2=0.98, epsilon=1e-8)
    for slope in slopes:
        state = taus._adam(state, slope, tf.zeros([3], bool), tf.fill([3], 0.01), 0.98)
        adam.apply([slope], [expected])
    np.testing.assert_allclose(state["w"], expected, rtol=1e-5)  # float32; Keras adds epsilon before it corrects


def test_success_mode_stops_at_the_smallest_threshold(linear):
    model, x, y, least = linear
    radius = float(np.median(least))
    found = attack("carlini_wagner_linf", model, epsilon=0.4, thresholds=["epsilon", radius])(x, y)
    fell = least < 0.95 * radius
    stood = least > radius + 1e-5
    assert fell.sum() >= 3
    assert (found.distance[fell] <= radius + 1e-6).all()
    assert (found.distance[stood] > radius).all()


def test_starts_come_in_order_and_only_for_what_is_left(trained, attacked_images):
    x, y, index = attacked_images
    params = {"epsilon": 0.1, "steps": 50}
    grey = attack("carlini_wagner_linf", trained, starts=["grey"], **params)(x, y, index=index)
    both = attack("carlini_wagner_linf", trained, starts=["grey", "noise"], **params)(x, y, index=index)
    assert set(both.start) <= {"", "grey", "noise"}
    np.testing.assert_array_equal(both.success | grey.success, both.success)
    np.testing.assert_array_equal(both.passes[grey.success], grey.passes[grey.success])
    assert (both.passes[~grey.success] > grey.passes[~grey.success]).all()


def test_a_margin_far_from_0_ends_a_tau_without_larger_constants(trained, attacked_images):
    x, y, index = attacked_images
    params = {"epsilon": 0.05, "starts": ["grey"], "steps": 20, "constant": 0.01, "constant_max": 1} | SAME_SIZE
    params["project_last"] = 0  # so few steps end far outside the ball, where no projected margin is near 0
    all_of_them, near, none = (
        attack("carlini_wagner_linf", trained, near=near, **params)(x, y, index=index) for near in (None, 0.5, 1e-9)
    )
    spent = params["steps"] + 1
    left = ~near.success & (near.passes == spent)
    assert 0 < left.sum() < (~near.success).sum()
    assert (all_of_them.passes[left] > spent).all()
    assert (none.passes <= near.passes).all()
    for field in ("x", "success", "passes"):  # the others are attacked as if there were no limit
        went_on = ~left & ((near.passes == all_of_them.passes) | near.success)
        np.testing.assert_array_equal(getattr(near, field)[went_on], getattr(all_of_them, field)[went_on])


def test_at_a_glance_only_what_is_far_is_left_alone(trained, attacked_images):
    x, y, index = attacked_images
    params = {"epsilon": 0.06, "starts": ["grey"], "steps": 60, "constant": 0.1, "constant_max": 1} | SAME_SIZE
    all_of_them, glanced, none = (
        attack("carlini_wagner_linf", trained, **more, **params)(x, y, index=index)
        for more in ({}, {"glance": 20, "far": 0.5}, {"glance": 20, "far": 1e-9})
    )
    left = ~glanced.success & (glanced.passes == 21)
    assert 0 < left.sum() < (~glanced.success).sum()
    for field in ("x", "success", "passes"):  # the others are attacked as if there were no glance
        np.testing.assert_array_equal(getattr(glanced, field)[~left], getattr(all_of_them, field)[~left])
    assert (none.passes <= glanced.passes).all()
    assert (none.passes[left] == 21).all()


def test_the_least_distortion_gives_up_on_none(linear):
    model, x, y, _ = linear
    params = {"epsilon": 0.4, "mode": "least_distortion", "steps": 10, "starts": ["grey"]}
    early = attack("carlini_wagner_linf", model, **params, glance=1, far=1e-9, near=1e-9)(x[:20], y[:20])
    assert early.success.any()
    np.testing.assert_array_equal(early.x, attack("carlini_wagner_linf", model, **params)(x[:20], y[:20]).x)


def test_a_glance_longer_than_a_constant_is_refused(trained):
    with pytest.raises(ValueError, match="glance of at most the 4 steps of a constant, found 5"):
        attack("carlini_wagner_linf", trained, epsilon=0.1, steps=4, glance=5)


def test_a_start_that_follows_begins_at_the_largest_threshold_left(linear):
    model, x, y, least = linear
    radius = float(np.median(least))
    params = {"epsilon": 0.4, "steps": 50}
    grey, both = (
        attack("carlini_wagner_linf", model, thresholds=[0.4, radius], starts=starts, **params)(x, y)
        for starts in (["grey"], ["grey", "noise"])
    )
    left = np.flatnonzero(grey.success & (grey.distance > radius + 1e-6))
    assert len(left) >= 3
    noise = attack("carlini_wagner_linf", model, thresholds=[radius], starts=["noise"], **params)
    alone = noise(x[left], y[left], index=left)
    np.testing.assert_array_equal(both.passes[left], grey.passes[left] + alone.passes)


def test_what_is_barely_within_the_smallest_threshold_is_found_there(linear):
    model, x, y, least = linear
    params = {"epsilon": 0.4, "learning_rate_decay": 0.1, "starts": ["grey"]}
    run = attack("carlini_wagner_linf", model, **params)
    found = 0
    for i in np.flatnonzero(2 * least < 0.4)[:8]:
        radius = float(1.01 * least[i])
        distance = run(x[i : i + 1], y[i : i + 1], index=[i], thresholds=[2 * radius, radius]).distance[0]
        found += distance <= radius + 1e-6
    assert found >= 6  # 7, and none where tau falls to 0.97 of the threshold, which is out of reach


def test_the_last_steps_of_a_constant_look_at_the_edge_of_the_ball(linear):
    model, x, y, least = linear
    rows = np.flatnonzero(least < 0.4)[:8]
    found = {}
    for share in (0, 0.1):
        run = attack("carlini_wagner_linf", model, epsilon=0.4, starts=["grey"], project_last=share)
        balls = ((slice(i, i + 1), [float(1.0005 * least[i])]) for i in rows)
        found[share] = sum(run(x[i], y[i], index=[i.start], thresholds=radii).success[0] for i, radii in balls)
    assert found[0.1] >= found[0] + 5  # 7 and 0 of 8: Adam's own points end a little outside


def test_the_corner_is_that_of_the_ball_of_the_first_tau(trained, attacked_images):
    x, y, index = attacked_images
    params = {"epsilon": 0.3, "thresholds": [0.2], "steps": 1, "learning_rate": 1e-9, "project_last": 0}
    grey, corner = (
        attack("carlini_wagner_linf", trained, starts=[start], **params)(x, y, index=index)
        for start in ("grey", "corner")
    )
    expected = named.project(np.full_like(x, 0.5), x, 0.2)
    falls = logits(trained, expected).argmax(-1) != y
    assert 0 < falls.sum() < len(x)
    np.testing.assert_array_equal(corner.success, falls)
    np.testing.assert_allclose(corner.x[falls], expected[falls], atol=1e-5)  # through tanh and back in float32
    assert not grey.success.any()  # a grey image is farther away


def test_again_goes_on_from_the_closest_point_of_what_is_just_outside(linear):
    model, x, y, least = linear
    radius = float(np.median(least))
    params = {"epsilon": 0.4, "thresholds": ["epsilon", radius], "starts": ["grey"], "steps": 10, "project_last": 0}
    params |= {"constant": 0.1, "constant_max": 1}  # too few steps: grey leaves images that could fall
    plain = attack("carlini_wagner_linf", model, **params)(x, y)
    both = attack("carlini_wagner_linf", model, within=0.2, **params)(x, y)
    near = (plain.distance > radius + 1e-6) & (plain.distance <= 1.2 * radius)
    assert 0 < near.sum() < (plain.distance > radius + 1e-6).sum()
    np.testing.assert_array_equal(both.passes > plain.passes, near)
    np.testing.assert_array_equal(both.start == "closest", both.distance < plain.distance)
    fell = both.distance <= radius + 1e-6
    assert (fell & near).sum() >= 2
    assert (least[fell] <= radius + 1e-6).all()


def test_again_lowers_least_distortions(linear):
    model, x, y, least = linear
    params = {"epsilon": 0.4, "mode": "least_distortion", "starts": ["grey"], "steps": 20}
    plain = attack("carlini_wagner_linf", model, **params)(x, y)
    both = attack("carlini_wagner_linf", model, within=0.2, **params)(x, y)
    closer = both.distance < plain.distance
    assert closer.sum() >= 3
    np.testing.assert_array_equal(both.distance[~closer], plain.distance[~closer])
    np.testing.assert_array_equal(both.start == "closest", closer)
    assert (both.distance >= least * (1 - 1e-4)).all()  # never below the truth, float32 aside


def test_again_finds_what_a_lower_precision_lost(linear):
    plain, x, y, least = linear
    layers = [keras.layers.Flatten(), keras.layers.Dense(3), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((4, 4, 1)), *layers])
    high = np.full(3, 64, np.float32)  # 8 bits there are steps of 0.5: margins are told apart no more
    model.set_weights([plain.get_weights()[0], high, np.eye(3, dtype=np.float32), -high])
    params = {"epsilon": 0.4, "mode": "least_distortion", "starts": ["grey"], "steps": 50}
    params |= {"precision": "mixed_bfloat16"}
    low, again = (
        attack("carlini_wagner_linf", model, within=share, **params)(x, y).distance / least for share in (None, 0.2)
    )
    assert low.min() > 1.3  # margins of less than a step count for nothing, and the images have 0.8 to 1.8
    assert again.max() < 1.05  # tau is bisected to 1 %; the same attack in float32 alone comes within 3 %
