"""The public table for each of our attacks, on a really trained network, and what is expected of ours alone."""

import keras
import numpy as np
import pytest

import bsa
from bsa import catalog
from bsa.search import journal
from bsa.testing import ATTACK, Attacking

MEMBERS = [{"name": "pgd", "steps": 10}, {"name": "square", "queries": 50}]
PARAMS = {  # cheaper than the defaults where that is enough, or with a part that these leave out
    "apgd": {"steps": 20},
    "carlini_wagner_linf": {"leg": {"steps": 30, "constant_max": 1}},
    "corner_descent": {
        "effort": "quick",
        "leg": {"steps": 10, "rules": ["sign"]},
        "resume": {"squares": 30},
        "give_up": {"near": None, "close": None},
    },
    "ensemble": {"attacks": MEMBERS},
    "fmn": {"steps": 50},
    "spatial": {
        "chain": ["scale_shift"],
        "ranges": {"scale": [0.9, 1], "shift": 0},
        "moves": {"points": 3, "worst": 2},
        "leg": {"steps": 10, "starts": ["grey"]},
    },
    "square": {"queries": 250},
}


@pytest.fixture(scope="module", params=catalog.names("attacks"))
def attacking(request):
    return Attacking(request.param, **PARAMS.get(request.param, {}))


@pytest.mark.parametrize("check", ATTACK, ids=[check.__name__ for check in ATTACK])
def test_the_table(attacking, check):
    check(attacking)


def test_what_ships_with_bsa_finds_more_in_more_room(attacking):
    shares = [each.success.mean() for each in (attacking.narrow, attacking.found, attacking.wide)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.9


class Memory(dict):
    """A journal that keeps in memory what it is given, by name, and is killed at its `last` word."""

    def __init__(self, kept=(), last=None):
        super().__init__(kept)
        self.last, self.shares = last, []

    def piece(self, name, digest):
        found, arrays = self.get(name, (None, None))
        return arrays if found is not None and np.array_equal(found, digest) else None

    def keep(self, name, digest, arrays):
        self[name] = digest, arrays

    def tell(self, done, total):
        self.shares.append(round(done / total, 9))  # it never falls, but for float64's last bits
        if len(self.shares) == self.last:
            raise KeyboardInterrupt


def test_a_killed_attack_goes_on_within_its_searches(attacking, attacked_images, monkeypatch):
    small = attacking.small
    x, y, index = (a[:40] for a in attacked_images)
    for turn in ("FIRST", "MOST"):
        monkeypatch.setattr(journal, turn, 7)
    monkeypatch.setattr(journal, "UNSAVED", -1.0)  # save at every turn
    whole = small(x, y, seed=2, index=index)
    undisturbed = Memory()
    found = small(x, y, seed=2, index=index, journal=undisturbed)
    shares = undisturbed.shares
    assert len(shares) > 5
    assert shares == sorted(shares)
    assert 0 <= min(shares) < max(shares) <= 1
    for a, b in zip(whole, found, strict=True):
        np.testing.assert_array_equal(a, b)
    for last in (1, len(shares) // 2):
        killed = Memory(last=last)
        with pytest.raises(KeyboardInterrupt):
            small(x, y, seed=2, index=index, journal=killed)
        later = Memory(killed)
        found = small(x, y, seed=2, index=index, journal=later)
        assert len(later.shares) == len(shares) - last
        for a, b in zip(whole, found, strict=True):
            np.testing.assert_array_equal(a, b)
    fresh = small(1 - x, y, seed=2, index=index)
    found = small(1 - x, y, seed=2, index=index, journal=later)  # what is kept is of other images
    for a, b in zip(fresh, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_finished_search_is_not_done_again(trained, attacked_images, monkeypatch):
    x, y, index = (a[:40] for a in attacked_images)
    monkeypatch.setattr(journal, "WORTH", 0.0)
    for turn in ("FIRST", "MOST"):
        monkeypatch.setattr(journal, turn, 7)
    run = bsa.attack("pgd", trained, starts=["image", "grey", "white"], epsilon=0.02)
    killed = Memory(last=14)  # a search of 41 passes is looked at six times: the third is at work
    with pytest.raises(KeyboardInterrupt):
        run(x, y, index=index, journal=killed)
    assert list(killed) == ["0.02/image/0/steps", "0.02/grey/0/steps"]
    later = Memory(killed)
    run(x, y, index=index, journal=later)
    assert len(later.shares) == 6


def test_what_another_attack_or_network_kept_is_not_taken_up(trained, attacked_images, monkeypatch):
    x, y, index = (a[:40] for a in attacked_images)
    monkeypatch.setattr(journal, "WORTH", 0.0)
    other = keras.models.clone_model(trained)
    other.set_weights([1.5 * w for w in trained.get_weights()])
    kept = Memory()
    bsa.attack("pgd", trained, steps=2, epsilon=0.02)(x, y, seed=np.int64(0), index=index, journal=kept)
    for model, steps in ((trained, 40), (other, 2)):
        run = bsa.attack("pgd", model, steps=steps, epsilon=0.02)
        expected = run(x, y, index=index)
        found = run(x, y, index=index, journal=Memory(kept))
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["pgd", "corner_descent"])  # that of all can be attacked, the table says
def test_a_subclassed_model_is_attacked_as_its_layers_are(name, trained, attacked_images):
    class Own(keras.Model):
        def call(self, x):
            return trained(x)

    x, y, _ = attacked_images
    own = Own()
    own(x[:1])
    # Keras cannot rebuild the model, so that no ReLU is opened
    params = PARAMS.get(name, {}) | ({"gradient": {"sharpness": 0}} if name == "corner_descent" else {})
    ours, theirs = (bsa.attack(name, model, epsilon=0.1, **params) for model in (own, trained))
    np.testing.assert_array_equal(ours(x[:9], y[:9]).success, theirs(x[:9], y[:9]).success)


def test_what_is_no_classifier_is_refused_in_a_sentence():
    image = keras.Input((4, 4, 1))
    one, two, single = (keras.layers.Dense(units)(keras.layers.Flatten()(image)) for units in (3, 3, 1))

    class Own(keras.Model):
        def call(self, x):
            return {"logits": x}

    own = Own()
    x, y = np.full((3, 4, 4, 1), 0.5, np.float32), np.zeros(3, int)
    own(x)
    with pytest.raises(ValueError, match="at least 2 classes"):
        bsa.attack("pgd", keras.Model(image, single), epsilon=0.1)(x, y)
    for several, found in (([one, two], "a list of 2"), ({"logits": keras.ops.relu(one)}, "a dict of 1")):
        with pytest.raises(ValueError, match=f"expected a model with one output, the logits, found {found}"):
            bsa.attack("pgd", keras.Model(image, several), epsilon=0.1)
    for model, found in ((keras.Model(image, image), r"shape \(1, 4, 4, 1\)"), (own, "dict")):
        with pytest.raises(ValueError, match=rf"logits of shape \(n, classes\), found {found}"):
            bsa.attack("pgd", model, epsilon=0.1)(x, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x * 255, y), r"pixels in \[0, 1\]"),
        (lambda x, y: (x[..., 0], y), "shape"),
        (lambda x, y: (x[:, :14], y), "shape"),
        (lambda x, y: (x, y.astype(float)), "integer labels"),
        (lambda x, y: (x, y + 10), "labels from 0 to 9"),
        (lambda x, y: (x, y[:-1]), "integer labels y of shape"),
    ],
)
def test_wrong_inputs_say_what_was_expected(attacking, attacked_images, change, message):
    x, y, _ = attacked_images
    with pytest.raises(ValueError, match=message):
        attacking.run(*change(x, y))
