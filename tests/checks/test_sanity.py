"""Planted faults are caught by the check that is meant for them, and a sound evaluation passes all."""

import inspect
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import bsa
from bsa import catalog
from bsa.checks import STRONGEST, asks, sanity
from bsa.checks._attack import Tries
from bsa.checks._check import ASKS
from bsa.checks._network import outputs


def checks(model, images, name="pgd", count=24, reference=False, **params):
    """The checks by name; of several cells there is only one here. The reference attack takes seconds: where asked."""
    x, y, _ = images
    with pytest.MonkeyPatch.context() as patch:
        if not reference:
            patch.setattr(Tries, "reference", lambda self, gain: ())
        return named(name, model, x, y, count, **params)


def named(name, model, x, y, count, **params):
    found = bsa.sanity(name, model, x, y, checks={"images": count, "queries": 100}, **{"epsilon": 0.1, **params})
    assert len({c.check for c in found}) == len(found)
    return {c.check: c for c in found}


@pytest.fixture
def only(monkeypatch):
    """A function: from now on an attack is tried again in these ways alone. Each builds it anew, which takes long."""
    every = [name for name, function in vars(Tries).items() if inspect.isgeneratorfunction(function)]

    def keep(*ways):
        monkeypatch.undo()
        for way in set(every) - set(ways):
            monkeypatch.setattr(Tries, way, lambda *_: ())

    return keep


def failed(found):
    return {name for name, check in found.items() if check.passed is False}


def wrapped(trained, change, before=True):
    """The trained network with `change`, a function of Keras tensors, before or after it."""
    image = keras.Input((28, 28, 1))
    return keras.Model(image, trained(change(image)) if before else change(trained(image)))


class Training(keras.Model):
    """Calls its network as in training, whatever it is told; `layer` stands before the network."""

    def __init__(self, trained, layer):
        super().__init__()
        self.layer, self.inner = layer, trained

    def call(self, x, training=False):
        return self.inner(self.layer(x, training=True))


class Plain(keras.Model):
    """Its network, within a subclassed model."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


class Noisy(keras.Model):
    """Adds noise to its images at every call."""

    def __init__(self, trained):
        super().__init__()
        self.inner, self.source = trained, keras.random.SeedGenerator(0)

    def call(self, x):
        return self.inner(x + keras.random.normal((1, 28, 28, 1), stddev=0.1, seed=self.source))


@pytest.mark.parametrize(
    ("name", "count", "params"),
    [
        ("pgd", 32, {}),
        ("corner_descent", 32, {"effort": "quick"}),
        pytest.param("carlini_wagner_linf", 30, {"leg": {"steps": 60, "constant_max": 1}}, marks=pytest.mark.slow),
    ],
)
def test_a_sound_evaluation_passes_all(name, count, params, trained, attacked_images):
    found = checks(trained, attacked_images, name, count, reference=name != "carlini_wagner_linf", **params)
    assert not failed(found), [c.message for c in found.values() if c.passed is False]
    assert {"logits", "inference mode", "deterministic", "batch independence"} <= found.keys()
    assert found["radius 1 breaks all"].found == 1
    assert found["converged"].passed
    curve = list(found["more room never hurts"].found.values())
    assert curve == sorted(curve)
    assert found["distances"].passed
    assert next(iter(found)) == "accuracy"
    if "reference attack" in found:
        assert found["reference attack"].passed is (None if name == "corner_descent" else True)  # with itself
    assert set(found["zero gradients"].found) >= {"image", "grey"}
    assert all(asks(check) for check in found), "a check without a question"
    unasked = {*ASKS.values()} - {*map(asks, found)}
    assert unasked <= {ASKS[check] for check in ("attack", STRONGEST, "reference attack")}, "a question without a check"


def test_the_docs_have_a_paragraph_for_each_check():
    """The checks that there are in a run, the test above knows."""
    page = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
    paragraphs = re.findall(r"^### (.*)\n\n\*(.*)\*\n\n(.*)", page, re.MULTILINE)
    assert {name: question for name, question, _ in paragraphs} == ASKS
    assert [name for name, *_ in paragraphs] == [*ASKS]
    assert all(said for *_, said in paragraphs)


def test_a_softmax_at_the_end(only, trained, attacked_images):
    only()
    found = checks(wrapped(trained, keras.layers.Softmax(), before=False), attacked_images)
    assert "logits" in failed(found)
    assert "remove the softmax" in found["logits"].message


def test_sigmoids_log_probabilities_and_values_that_are_none(trained, attacked_images):
    x = attacked_images[0][:8]
    ends = {"sigmoid": False, "log_softmax": True, "linear": True}
    for end, sound in ends.items():
        model = wrapped(trained, keras.layers.Activation(end), before=False)
        assert next(outputs(model, x)).passed is sound, end
    broken = wrapped(trained, lambda z: keras.ops.log(keras.ops.minimum(z, 0)), before=False)
    (check,) = outputs(broken, x)  # nothing else can be judged
    assert not check.passed
    assert "not finite" in check.message


def test_a_quantised_input_has_no_gradient(trained, attacked_images):
    model = wrapped(trained, lambda x: keras.ops.round(x * 15) / 15)
    found = checks(model, attacked_images)
    assert "zero gradients" in failed(found)
    assert found["zero gradients"].found["grey"] == {"images": 1, "pixels": 1}
    assert found["attack"].passed is None  # it was not run in vain


@pytest.fixture(scope="module")
def dead(trained):
    """A first layer max(x - 0.1, 0): off on the background, and on 0.1 further towards grey."""
    first = keras.layers.Conv2D(1, 1, activation="relu")
    model = wrapped(trained, lambda x: keras.layers.Rescaling(1, 0.1)(first(x)))
    first.set_weights([np.ones((1, 1, 1, 1), np.float32), np.array([-0.1], np.float32)])
    return model


def test_an_ensemble_is_judged_by_its_members(only, trained, attacked_images, dead, digits):
    x = np.clip(bsa.blind_spot(digits.x, np.float32(0.9), np.float32(0)), 0, 1)
    members = [{"name": "pgd", "steps": 5, "starts": ["image"]}]
    only("black_box")
    found = checks(dead, (x, digits.y, None), "ensemble", attacks=members)
    assert "dead gradients" in failed(found)
    assert "black-box never wins" in found
    quantised = wrapped(trained, lambda x: keras.ops.round(x * 15) / 15)
    members.append({"name": "square", "queries": 100})
    only("curve", "starts", "black_box")
    found = checks(quantised, attacked_images, "ensemble", count=8, attacks=members)
    assert "zero gradients" in failed(found)
    gains = sum(found["gain of starts"].found.values())  # of the starts of its members
    assert gains == pytest.approx(found["more room never hurts"].found["0.1"])
    assert "other starts" in found
    assert found["radius 1 breaks all"].found > 0  # square needs no gradient, so that it was run
    assert found["black-box never wins"].message == "not judged: the attack is black-box itself"


def test_the_start_that_follows_the_others_is_counted(only, trained, attacked_images):
    settings = {
        "leg": {"starts": ["grey"], "steps": 40, "constant_max": 0.1},
        "resume": {"within": 3.0},
        "epsilon": 0.15,
    }
    only("curve", "starts")
    found = checks(trained, attacked_images, "carlini_wagner_linf", **settings)
    gains = found["gain of starts"].found
    assert set(gains) == {"grey", "closest"}
    assert gains["closest"] > 0
    assert sum(gains.values()) == pytest.approx(found["more room never hurts"].found["0.15"])
    assert set(found["other starts"].found) == {"white", "uniform", "image"}


def test_one_output_is_said_to_be_one():
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    (check,) = outputs(model, np.full((3, 4, 4, 1), 0.5, np.float32))
    assert not check.passed
    assert "give it two" in check.message


def test_dead_units_on_constant_patches(only, dead, digits):
    x = np.clip(bsa.blind_spot(digits.x, np.float32(0.9), np.float32(0)), 0, 1)
    images = x, digits.y, None
    only("starts")
    found = checks(dead, images, starts=["image"])
    assert failed(found) >= {"dead gradients", "other starts"}
    share = found["dead gradients"].found
    assert share["image"] > min(share["grey"], share["white"]) + 0.25
    assert "add the start" in found["dead gradients"].message
    only()
    assert "dead gradients" not in failed(checks(dead, images, starts=["image", "grey", "white"]))
    opened = {"effort": "quick", "leg": {"starts": ["image"], "steps": 5}}
    assert checks(dead, images, "corner_descent", 8, **opened)["dead gradients"].passed is None
    closed = Plain(dead)  # Keras cannot rebuild it, so that nothing revives its gradients
    closed(x[:1])
    assert "dead gradients" in failed(checks(closed, images, "corner_descent", 8, **opened))


def test_noise(only, trained, attacked_images):
    model = Noisy(trained)
    model(attacked_images[0][:1])
    only()
    found = checks(model, attacked_images)
    assert "deterministic" in failed(found)
    assert found["batch independence"].passed is None
    assert found["inference mode"].passed  # no layer of it acts as in training


def test_batch_statistics_in_inference(only, trained, attacked_images):
    x = attacked_images[0]
    layer = keras.layers.BatchNormalization()
    model = Training(trained, layer)
    model(x[:1])
    layer.set_weights([np.array([v], np.float32) for v in (x.std(), x.mean(), x.mean(), x.var())])
    before = layer.get_weights()
    found = {check.check: check for check in outputs(model, x)}
    assert failed(found) == {"inference mode", "batch independence"}
    assert "changes its weights" in found["inference mode"].message
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)  # looking at a network leaves it as it was
    only()
    assert failed(checks(model, attacked_images)) >= {"inference mode", "batch independence"}


def test_dropout_in_inference(trained, attacked_images):
    model = Training(trained, keras.layers.Dropout(0.3, name="drop"))
    model(attacked_images[0][:1])
    found = {check.check: check for check in outputs(model, attacked_images[0])}
    assert failed(found) == {"inference mode", "deterministic"}
    assert "drop may work as in training" in found["inference mode"].message
    sound = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Dropout(0.3), trained])
    assert all(check.passed for check in outputs(sound, attacked_images[0]))


def test_an_epsilon_on_the_wrong_scale(only, trained, attacked_images):
    only()
    found = checks(trained, attacked_images, epsilon=0.1 / 255, steps=5)
    assert "epsilon's scale" in failed(found)
    assert "below one grey level" in found["epsilon's scale"].message


def test_saturated_cross_entropy(only, trained, attacked_images):
    model = wrapped(trained, keras.layers.Rescaling(1e4), before=False)
    only()
    assert "saturation" in failed(checks(model, attacked_images))


def test_an_attack_that_is_too_short_or_too_slow(only, trained, attacked_images):
    only("effort")
    short = checks(trained, attacked_images, steps=2, step_size=0.025, starts=["image"])
    assert "converged" in failed(short)
    assert "raise steps" in short["converged"].message
    only("curve", "black_box", "reference")
    slow = checks(trained, attacked_images, reference=True, epsilon=0.2, steps=3, step_size=1e-4, starts=["image"])
    assert failed(slow) >= {"radius 1 breaks all", "black-box never wins", "reference attack"}


def test_a_weakened_reference_is_compared_with_the_reference(only, trained, attacked_images):
    only("reference")
    own = checks(trained, attacked_images, "corner_descent", reference=True, effort="quick")
    assert "this is corner_descent" in own["reference attack"].message
    stated = {"effort": "quick", "leg": {"rules": ["sign"]}}  # what the effort leaves to be measured
    found = checks(trained, attacked_images, "corner_descent", reference=True, **stated)
    assert "finds little more" in found["reference attack"].message


AT_ONCE = {"glance": 1, "far": 1e-3, "near": None, "close": None}


def test_an_attack_that_gives_up_too_early(only, trained, attacked_images):
    only("patience")
    short = {"effort": "quick", "leg": {"steps": 10, "rules": ["sign"]}, "resume": {"times": 0}}
    at_once = checks(trained, attacked_images, "corner_descent", count=40, give_up=AT_ONCE, **short)
    assert "giving up" in failed(at_once)
    assert "raise give_up.glance or give_up.far, or set give_up.glance to null" in at_once["giving up"].message
    patient = checks(
        trained, attacked_images, "corner_descent", count=40, give_up=AT_ONCE | {"glance": None, "near": 0.9}, **short
    )
    assert patient["giving up"].passed
    member = {"name": "corner_descent", "give_up": AT_ONCE, **short}
    assert "giving up" in failed(checks(trained, attacked_images, "ensemble", count=40, attacks=[member]))
    only("patience", "curve")
    least = {
        "give_up": AT_ONCE,
        "mode": "least_distortion",
        "effort": "quick",
        "leg": {"steps": 5},
    }  # in which it gives up none
    found = checks(trained, attacked_images, "corner_descent", count=8, **least)
    assert "gives up no image early" in found["giving up"].message
    assert found["radius 1 breaks all"].found > 0.5


def test_few_images_cannot_pass_an_attack(trained, attacked_images):
    """One that finds nothing, of three images: nothing speaks against it, and nothing for it."""
    found = checks(trained, attacked_images, count=3, steps=1, step_size=1e-6, starts=["image"])
    for name in ("radius 1 breaks all", "more room never hurts", "converged", "black-box never wins"):
        assert found[name].passed is not True, name
    assert "not judged, too few images: 3 of at least 30" in found["converged"].message


def test_what_was_saved_is_recomputed(trained, attacked_images):
    x, y, index = attacked_images
    found = bsa.attack("pgd", trained, epsilon=0.1)(x, y, index=index)
    sample = sanity.Sample(None, x, y, index, [0.1], found.x, found.distance)
    broken = np.isfinite(found.distance)
    (check,) = sanity.recomputed(trained, sample)
    assert check.passed
    assert check.found["adversarial"] == broken.sum() > 0
    moved = sample._replace(distance=found.distance * np.float32(0.9))
    elsewhere = sample._replace(adversarial=np.where(broken[:, None, None, None], x, found.x), distance=broken * 0.0)
    for wrong in (moved, elsewhere):
        (check,) = sanity.recomputed(trained, wrong)
        assert not check.passed


def test_an_attack_without_variants_is_judged_by_what_needs_none(only, trained, attacked_images, monkeypatch):
    """As one of a plug-in may be: the rest says that it was not judged, and what is missing."""
    only("curve", "effort", "patience", "starts", "surrogate")
    monkeypatch.delattr(catalog.find("attacks", "pgd"), "variants")
    found = checks(trained, attacked_images, steps=10)
    assert found["radius 1 breaks all"].found == 1
    for name in ("converged", "giving up", "other starts", "gain of the surrogate", "dead gradients"):
        assert found[name].passed is None
        assert found[name].message.startswith("not judged: the attack offers no"), name
