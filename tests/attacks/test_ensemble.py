"""The ensemble: at least as strong as each member on every image, and members that work on survivors only."""

import keras
import numpy as np
import pytest
from nested import attack

import bsa
from bsa.errors import UsageError

MEMBERS = [
    {"name": "pgd", "steps": 5, "starts": ["image"]},
    {"name": "apgd", "steps": 10, "loss": "dlr"},
    {"name": "square", "queries": 40},
]
EPSILON, THRESHOLDS = 0.1, ["epsilon", 0.07]


def alone(model, member, **params):
    own = {k: v for k, v in member.items() if k != "name"}
    return attack(member["name"], model, epsilon=EPSILON, thresholds=THRESHOLDS, **own, **params)


@pytest.fixture(scope="module")
def runs(trained, attacked_images):
    """What the ensemble finds and what each member finds alone, by batches of the default size."""
    x, y, index = attacked_images
    whole = attack("ensemble", trained, epsilon=EPSILON, thresholds=THRESHOLDS, attacks=MEMBERS)
    return whole(x, y, index=index), [alone(trained, member)(x, y, index=index) for member in MEMBERS]


def test_at_least_as_strong_as_each_member_on_every_image(trained, attacked_images):
    """By batches of one nothing can hang on who shares a batch."""
    x, y, index = (part[:30] for part in attacked_images)
    params = {"epsilon": EPSILON, "thresholds": THRESHOLDS, "batch_size": 1}
    found = attack("ensemble", trained, attacks=MEMBERS[1:], **params)(x, y, index=index)
    members = [alone(trained, member, batch_size=1)(x, y, index=index) for member in MEMBERS[1:]]
    for radius in (EPSILON, 0.07):
        one, two = (member.distance <= radius + 1e-6 for member in members)
        assert 0 < (one | two).sum() < len(x)
        np.testing.assert_array_equal(found.distance <= radius + 1e-6, one | two)


def test_by_larger_batches_too(runs):
    """Batches stay large enough (`search.queue.LEAST`) that float32 sums do not hang on how many images are left."""
    found, members = runs
    for member in members:
        for radius in (EPSILON, 0.07):
            assert not ((member.distance <= radius + 1e-6) & (found.distance > radius + 1e-6)).any()


def test_a_member_gets_what_is_not_within_the_smallest_threshold(runs):
    found, (first, *_) = runs
    near = first.distance <= 0.07 + 1e-6
    assert 0 < near.sum() < len(near)
    np.testing.assert_array_equal(found.passes[near], first.passes[near])
    assert (found.passes[~near] > first.passes[~near]).all()
    np.testing.assert_array_equal(found.x[near], first.x[near])
    assert set(found.start[near]) == {"pgd/image"}
    assert set(found.start) <= {"pgd/image", "apgd/uniform", "square/stripes", ""}
    assert (found.distance <= first.distance).all()


def test_the_least_distortion_of_all_members_counts(linear):
    model, x, y, least = linear
    members = [{"name": "square", "queries": 5}, {"name": "fmn"}]
    found = attack("ensemble", model, epsilon=0.4, thresholds=[0.4, 0.01], attacks=members)(x, y)
    assert set(found.start) == {"fmn/image"}
    assert (found.distance <= 1.05 * least).all()  # of fmn; see there


@pytest.mark.parametrize("classes", [2, 10])
def test_the_default_members_work_whatever_the_number_of_classes(classes):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(classes)])
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(16, classes)).astype(np.float32)
    model.set_weights([weights, -weights.sum(0) / 2])  # a grey image is on every boundary
    x = rng.uniform(0.4, 0.6, (150, 4, 4, 1)).astype(np.float32)  # more than a batch
    y = np.asarray(model(x)).argmax(-1)
    found = attack("ensemble", model, epsilon=0.01)(x, y)
    assert 0 < found.success.sum() < len(x)
    alone = bsa.attack("corner_descent", model, epsilon=0.01)(x, y)
    assert (found.success >= alone.success).all()


def test_a_members_notes_are_kept(trained, attacked_images):
    class Own(keras.Model):
        def call(self, x):
            return trained(x)

    x, y, index = (part[:5] for part in attacked_images)
    own = Own()
    own(x)
    members = [{"name": "corner_descent", "leg": {"steps": s, "targets": 0}} for s in (1, 2)]
    found = attack("ensemble", own, epsilon=0.01, attacks=members)(x, y, index=index)
    assert len(found.notes) == 1
    assert "cannot rebuild" in found.notes[0]


def test_members_may_repeat_with_other_parameters_and_mistakes_are_pointed_at(trained, attacked_images):
    x, y, index = (part[:5] for part in attacked_images)
    twice = [{"name": "pgd", "steps": 1, "starts": ["image"]}, {"name": "pgd", "steps": 2, "starts": ["image"]}]
    found = attack("ensemble", trained, epsilon=0.001, attacks=twice)(x, y, index=index)
    assert set(found.passes) == {5}
    with pytest.raises(UsageError, match=r'/attacks/1/losss: .*did you mean "loss"'):
        attack("ensemble", trained, epsilon=0.1, attacks=[{"name": "pgd"}, {"name": "apgd", "losss": "dlr"}])
    with pytest.raises(UsageError, match=r"/attacks/0/epsilon: .*the ensemble states it once"):
        attack("ensemble", trained, epsilon=0.1, attacks=[{"name": "pgd", "epsilon": 0.2}])
