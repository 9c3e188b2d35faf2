"""What attacks offer to the checks of an evaluation: the same attack, otherwise."""

import pytest
from nested import nested

import bsa
from bsa import catalog
from bsa.spec import parameters


def variants(name, **params):
    given = parameters("attacks", name, {"epsilon": 0.1, **nested(name, **params)})
    given = {k: v for k, v in given.items() if k != "thresholds"}
    return given, catalog.find("attacks", name).variants(given)


@pytest.mark.parametrize("name", catalog.names("attacks"))
def test_every_variant_is_made_of_the_attacks_own_parameters(name):
    given, found = variants(name)
    for key in ("success", "longer", "patient", "plain"):
        assert found[key] is None or found[key].keys() == given.keys(), key
    assert found["from"](["white"]).keys() == given.keys()
    assert found["longer"] != given
    assert found["black_box"] is (name == "square" or name == "ensemble")  # which has square among its members


def test_twice_the_effort_is_in_every_field_that_takes_passes():
    _, found = variants("corner_descent", steps=5, later_steps=7, times=1, squares=30, glance=2, near=0.5)
    longer = found["longer"]
    assert (longer["leg"]["steps"], longer["leg"]["later_steps"], longer["resume"]["squares"]) == (10, 14, 60)
    patient = found["patient"]["give_up"]
    assert (patient["glance"], patient["near"]) == (None, None)
    assert found["early"][:2] == ("give_up.glance", "give_up.near")
    assert found["shares"] == ("give_up.far",)
    assert found["plain"]["gradient"]["sharpness"] == 0
    assert variants("corner_descent", sharpness=0)[1]["plain"] is None


def test_the_least_distortion_is_sought_without_giving_up():
    _, found = variants("carlini_wagner_linf", mode="least_distortion", glance=10, near=0.5, within=0.5)
    success = found["success"]
    assert (success["mode"], success["give_up"]["glance"], success["give_up"]["near"]) == ("success", None, None)
    assert found["patient"] is None
    assert found["starts"] == ("grey", "noise", "closest")
    assert found["follows"] == ("grey", "noise")
    assert found["from"](["white"])["resume"]["within"] is None


def test_an_ensembles_are_its_members():
    members = [
        {"name": "pgd", "loss": "margin"},
        {"name": "square"},
        {"name": "corner_descent", "give_up": {"glance": 3}},
    ]
    given, found = variants("ensemble", attacks=members)
    own = [member["name"] for member in found["longer"]["attacks"]]
    assert own == ["pgd", "square", "corner_descent"]
    for place, field in enumerate(("steps", "queries")):
        assert found["longer"]["attacks"][place][field] == 2 * given["attacks"][place][field]
    assert found["longer"]["attacks"][2]["leg"]["steps"] == 2 * given["attacks"][2]["leg"]["steps"]
    assert found["effort"] == "steps"
    assert found["follows"] == ("uniform", "grey")
    assert found["starts"] == ("uniform", "grey", "stripes")
    assert found["patient"]["attacks"][:2] == given["attacks"][:2]
    assert found["patient"]["attacks"][2]["give_up"]["glance"] is None
    assert found["saturates"] is False
    assert variants("ensemble", attacks=[{"name": "pgd"}])[1]["saturates"] is True


def test_an_attack_is_named_and_takes_thresholds_at_the_call(trained, attacked_images):
    x, y, index = attacked_images
    run = bsa.attack("pgd", trained, epsilon=0.1, steps=5)
    assert repr(run).startswith('Attack("pgd", epsilon=0.1, steps=5, loss=')
    assert "thresholds=['epsilon']" in repr(run)
    smaller = run(x, y, index=index, thresholds=[0.05])
    assert (smaller.distance[smaller.success] <= 0.05 + 1e-6).all()
    assert run(x, y, index=index).success.sum() > smaller.success.sum()
