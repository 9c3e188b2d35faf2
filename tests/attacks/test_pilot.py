"""What is measured on a network before the attack: by the numbers of its images alone; and the attack is that."""

import numpy as np
import pytest

import bsa
from bsa import catalog
from bsa.attacks import _pilot
from bsa.execution import DEFAULT, Execution
from bsa.networks import logits
from bsa.search import variants
from bsa.spec import parameters

SHORT = {"leg": {"steps": 4, "later_steps": 4, "targets": 1, "rules": "measured"}, "resume": {"times": 0}}


def params(**more):
    found = parameters("attacks", "corner_descent", {"epsilon": 0.1, **SHORT, **more})
    return {key: value for key, value in found.items() if key != "thresholds"}


@pytest.fixture(scope="module")
def measure(trained):
    return variants.pilot(catalog.find("attacks", "corner_descent"), trained, params(), DEFAULT)


@pytest.fixture(scope="module")
def known(measure, attacked_images):
    x, y, index = attacked_images
    return measure(x, y, thresholds=[0.1], index=index)


def test_it_is_of_the_lowest_numbers_that_are_classified_correctly(trained, digits):
    x, y = digits.x[:80], digits.y[:80].copy()
    y[:5] = (y[:5] + 1) % 10
    right = np.flatnonzero(logits(trained, x).argmax(-1) == y)
    np.testing.assert_array_equal(_pilot.first(trained, x, y, np.arange(80), 30), right[: _pilot.IMAGES])
    np.testing.assert_array_equal(_pilot.first(trained, x, y, -np.arange(80), 30), right[::-1][: _pilot.IMAGES])


def test_it_hangs_on_no_other_images_nor_their_order(measure, known, attacked_images):
    x, y, index = attacked_images
    back = np.argsort(index)[:50][::-1]
    again = measure(x[back], y[back], thresholds=[0.2, 0.1], index=index[back])  # of the smallest
    assert again[:2] == known[:2]
    np.testing.assert_array_equal(again.passes[::-1], known.passes[np.argsort(index)[:50]])


def test_nothing_is_left_to_be_measured(known):
    found, told, _ = known
    assert not _pilot.asked(found)
    assert told["images"] == _pilot.IMAGES
    assert sorted(found["leg"]["rules"]) == ["adam", "sign"]
    assert found["leg"]["rules"] == told["rules"]
    assert found["leg"]["starts"][0] == "grey"
    assert _pilot.CLOSE <= found["give_up"]["close"][0] < 1
    assert found["leg"]["steps"] == SHORT["leg"]["steps"]


def test_the_attack_is_that_of_what_was_measured(trained, known, attacked_images):
    x, y, index = attacked_images
    attack = bsa.attack("corner_descent", trained, epsilon=0.1, **SHORT)
    found = attack(x, y, index=index)
    given = {key: known.params[key] for key in ("leg", "resume", "give_up")}
    stated = bsa.attack("corner_descent", trained, epsilon=0.1, **given)(x, y, index=index)
    np.testing.assert_array_equal(found.x, stated.x)
    np.testing.assert_array_equal(found.passes, stated.passes + known.passes)
    assert known.passes.sum() == known.told["spent"]
    assert attack.measured == known.told


def test_what_an_expert_states_is_not_measured():
    given = {"leg": {"rules": ["sign"], "starts": ["image"]}, "give_up": {"close": None}}
    assert not _pilot.asked(params(**given, resume={"squares": 0}))
    some = _pilot.settled(
        params(leg={"rules": ["sign"]}, resume={"times": 2}), ["adam", "sign"], ["grey", "white"], 0.25, 70
    )
    assert some["leg"]["rules"] == ["sign"]
    assert some["leg"]["starts"] == ["grey", "white"]
    assert some["resume"]["squares"] == 70
    assert some["give_up"] == {"glance": None, "far": 0.3, "near": None, "close": [0.25, 0.125]}


def test_the_limit_is_twice_what_was_seen_and_never_below_the_least():
    pilot = _pilot.Pilot(params(resume={"times": 1}), None, None)
    pilot.lead, pilot.fell = "sign", {"image": 1, "white": 0, "black": 3}
    found = bsa.search.ledger.Attacked(*(np.zeros(2) for _ in range(6)), ())
    for left, expected in (([], [0.1]), ([0.2], [0.4]), ([0.04], [0.1]), ([0.04, 0.9], None)):
        pilot.paid, pilot.close = bool(left), max(left, default=0.0)
        settled, told = pilot.told(found)
        assert settled["give_up"]["close"] == expected
        assert settled["resume"]["squares"] == told["squares"] == (_pilot.PAYING if left else _pilot.SPARSE)
        assert told["rules"] == ["sign", "adam"]
        assert told["starts"] == ["grey", "black", "image"]


def test_without_correct_images_what_is_assumed_stands(measure, attacked_images):
    x, y, index = attacked_images
    found, told, _ = measure(x[:3], (y[:3] + 1) % 10, thresholds=[0.1], index=index[:3])
    assert told["images"] == 0
    assert found["give_up"]["close"] == [_pilot.CLOSE]


def test_nothing_is_spent_on_squares_of_no_return(trained, attacked_images):
    x, y, index = attacked_images
    given = {"leg": {"rules": ["sign"], "starts": ["image"]}, "give_up": {"close": None}, "resume": {"times": 0}}
    found = variants.pilot(catalog.find("attacks", "corner_descent"), trained, params(**given), DEFAULT)
    assert found(x, y, thresholds=[0.1], index=index).passes.sum() == 0


def test_members_of_an_ensemble_have_their_own(trained, attacked_images):
    x, y, index = (part[:12] for part in attacked_images)
    own = params(leg=SHORT["leg"] | {"starts": ["grey"]}, give_up={"close": None})  # its rules are left
    members = [{"name": "pgd", "steps": 2}, {"name": "corner_descent", **{k: own[k] for k in own if k != "epsilon"}}]
    ensemble = catalog.find("attacks", "ensemble")
    given = parameters("attacks", "ensemble", {"epsilon": 0.1, "attacks": members})
    given = {key: value for key, value in given.items() if key != "thresholds"}
    found, told, _ = variants.pilot(ensemble, trained, given, Execution(16))(x, y, thresholds=[0.1], index=index)
    assert told["1/corner_descent"]["images"] == 12
    assert told["1/corner_descent"]["spent"] <= 12 * 2 * SHORT["leg"]["steps"]  # for the rules alone
    assert not _pilot.asked(found["attacks"][1])
    assert found["attacks"][0] == given["attacks"][0]
    assert parameters("attacks", "ensemble", found)["attacks"] == found["attacks"]  # a spec takes them as they are


def test_the_leading_rule_alone_is_told_by_a_race(trained, attacked_images):
    x, y, index = attacked_images
    given = params(effort="quick", leg={"steps": 4, "later_steps": 4}, resume={})
    found, told, _ = variants.pilot(catalog.find("attacks", "corner_descent"), trained, given, DEFAULT)(
        x, y, thresholds=[0.1], index=index
    )
    assert found["leg"]["rules"] == told["rules"]
    assert len(told["rules"]) == 1
    assert told["spent"] <= _pilot.IMAGES * 2 * 4
    assert found["give_up"]["close"] == given["give_up"]["close"]


def test_no_images_are_attacked_without_a_pilot(trained, attacked_images):
    x, y, _ = attacked_images
    assert len(bsa.attack("corner_descent", trained, epsilon=0.1)(x[:0], y[:0]).x) == 0
