"""Keys: a stage is redone when something that it depends on changes, and only then."""

import copy

import pytest

from bsa import catalog, spec
from bsa.engine import plan
from bsa.errors import UsageError

DATA = {"fingerprint": "f", "input_shape": [28, 28, 1], "num_classes": 10}
BASE = {
    "name": "base",
    "data": {"name": "digits"},
    "networks": {
        "robust": {"model": {"name": "wong_small"}, "train": {"name": "adversarial", "steps": 10, "epsilon": 0.1}},
        "natural": {"model": {"name": "wong_small"}, "train": {"name": "natural", "steps": 10}},
    },
    "blind_spot": {"cells": [[1, 0], [0.9, 0.05]]},
    "attack": {"name": "pgd", "network": "robust", "epsilon": 0.1, "thresholds": ["epsilon", "scale*epsilon"]},
    "measures": [{"name": "accuracy", "network": ["robust", "natural"]}],
}


def stages(change=lambda s: None, data=DATA):
    value = copy.deepcopy(BASE)
    change(value)
    return plan.stages(spec.resolve(value), data)


def keys(kind, found):
    return [s.key for s in found if s.kind == kind]


def test_the_stages_of_a_spec():
    found = stages()
    assert [s.kind for s in found] == ["network"] * 2 + ["measure"] * 4 + ["attack"] * 2 + ["control", "sanity"]
    at = {s.key: i for i, s in enumerate(found)}
    assert all(at[need] < at[s.key] for s in found for need in s.needs)
    assert [s.component["params"]["thresholds"] for s in found if s.kind == "attack"] == [[0.1], [0.1, 0.09]]


def rename(s):
    s["networks"] = {"madry": s["networks"]["robust"], "natural": s["networks"]["natural"]}
    s["attack"]["network"], s["measures"][0]["network"] = "madry", ["madry", "natural"]


@pytest.mark.parametrize(
    "change",
    [
        rename,
        lambda s: s.update(
            name="other", description="words", reported={"source": "T", "network": "robust", "rows": []}
        ),
        lambda s: s["attack"].update(label="ours"),
        lambda s: s.update(report=[{"name": "success_table"}]),
        lambda s: s.update(sanity={"images": 64}),  # the default, written out
        lambda s: s["networks"]["robust"]["train"].update(batch_size=128),  # the default, written out
    ],
)
def test_names_and_defaults_enter_no_key(change):
    assert {s.key for s in stages(change)} == {s.key for s in stages()}


def test_the_attacks_epsilon_redoes_the_attack_alone():
    old, new = stages(), stages(lambda s: s["attack"].update(epsilon=0.2))
    assert keys("network", old) == keys("network", new)
    assert keys("measure", old) == keys("measure", new)
    assert not set(keys("attack", old)) & set(keys("attack", new))
    assert not set(keys("sanity", old)) & set(keys("sanity", new))


def test_the_trainings_epsilon_redoes_all_below_that_network():
    old, new = stages(), stages(lambda s: s["networks"]["robust"]["train"].update(epsilon=0.2))
    shared = {s.key for s in old} & {s.key for s in new}
    natural = keys("network", old)[1]
    assert shared == {s.key for s in old if natural in (s.key, *s.needs)}


def test_each_attack_on_each_network_is_checked_in_all_its_cells_at_once():
    def two(s):
        other = {"name": "carlini_wagner_linf", "network": ["robust", "natural"], "epsilon": 0.1}
        s["attack"] = [s["attack"], other]

    found = {s.key: s for s in stages(two)}
    checked = [s for s in found.values() if s.kind == "sanity"]
    assert [s.title for s in checked] == [
        "sanity of pgd, network robust",
        "sanity of carlini_wagner_linf, network robust",
        "sanity of carlini_wagner_linf, network natural",
    ]
    for stage in checked:
        assert [found[need].kind for need in stage.needs] == ["network", "attack", "attack"]
    assert checked[0].params["thresholds"] == [[0.1], [0.1, 0.09]]
    assert not keys("sanity", stages(lambda s: s.update(sanity=False)))


def test_the_checks_parameters_redo_the_checks_alone():
    old, new = stages(), stages(lambda s: s.update(sanity={"images": 32}))
    assert {s.kind for s in old if s.key not in {n.key for n in new}} == {"sanity"}


def certified(s):
    s["certify"] = {"name": "outer_polytope", "network": ["robust", "natural"], "epsilon": 0.1}


def test_a_certificate_meets_every_attack_on_its_network_and_cell():
    found = {s.key: s for s in stages(certified)}
    assert [s.kind for s in found.values()] == (
        ["network"] * 2
        + ["measure"] * 4
        + ["certify"] * 4
        + ["attack"] * 2
        + ["control"]
        + ["invariant"] * 2
        + ["sanity"]
    )
    for stage in [s for s in found.values() if s.kind == "invariant"]:
        network, certificate, attack = (found[need] for need in stage.needs)
        assert [s.kind for s in (network, certificate, attack)] == ["network", "certify", "attack"]
        assert certificate.needs == attack.needs == (network.key,)
        assert certificate.params["gain"] == attack.params["gain"]
    assert {s.key for s in stages()} < set(found)  # a certificate redoes nothing


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (lambda s: s["certify"].update(thresholds=["epsilon", "scale*epsilon"], label="ours"), set()),
        (lambda s: s.update(invariant={"challenge": 100}), set()),  # the default, written out
        (lambda s: s.update(invariant={"challenge": 7}), {"invariant"}),
        (lambda s: s["certify"].update(epsilon=0.2), {"certify", "invariant"}),
        (lambda s: s["certify"].update(images=7), {"certify", "invariant"}),
        (lambda s: s["attack"].update(steps=7), {"attack", "control", "invariant", "sanity"}),
    ],
)
def test_what_is_redone_with_a_certificate(change, kinds):
    def both(s):
        certified(s)
        change(s)

    new = {s.key for s in stages(both)}
    assert {s.kind for s in stages(certified) if s.key not in new} == kinds


def test_seed_and_data_redo_everything_and_a_cell_redoes_itself():
    old = {s.key for s in stages()}
    assert not old & {s.key for s in stages(lambda s: s.update(seed=1))}
    assert not old & {s.key for s in stages(data=DATA | {"fingerprint": "g"})}
    assert len(old - {s.key for s in stages(lambda s: s["blind_spot"].update(cells=[[1, 0], [0.9, 0]]))}) == 5


def test_the_same_shift_stated_in_another_range_is_the_same_stage():
    old = stages()
    new = stages(lambda s: s.update(blind_spot={"pixel_range": [0, 1], "cells": [[1, 0], [0.9, 0.1]]}))
    assert {s.key for s in old} == {s.key for s in new}


def test_short_form_is_one_network_called_main():
    short = {k: v for k, v in BASE.items() if k not in ("networks", "measures")} | BASE["networks"]["robust"]
    found = plan.stages(spec.resolve(short | {"attack": {"name": "pgd", "epsilon": 0.1}}), DATA)
    assert found[0].key == keys("network", stages())[0]


def imported(change=lambda w: None, data=DATA):
    """The network stages of BASE with a released network in place of "robust"."""

    def swap(s):
        s["networks"]["robust"]["weights"] = {"name": "wong_kolter", "file": "mnist.pth", "sha256": "0" * 64}
        del s["networks"]["robust"]["train"]
        change(s["networks"]["robust"]["weights"])

    return [s for s in stages(swap, data) if s.kind == "network"]


def test_a_released_network_is_keyed_by_its_content_and_not_by_its_place():
    stage, natural = imported()
    assert stage.title == "network robust: wong_small, wong_kolter weights"
    assert stage.origin == {"file": "mnist.pth"}
    assert natural.origin is None
    moved = imported(lambda w: w.update(file="/elsewhere/net.pth", url="https://example.org/mnist.pth"))
    assert moved[0].key == stage.key
    assert moved[0].origin == {"file": "/elsewhere/net.pth", "url": "https://example.org/mnist.pth"}
    # nor by other images of that shape, which say nothing of its weights
    assert imported(data=DATA | {"fingerprint": "g"})[0].key == stage.key
    others = [imported(lambda w: w.update(index=1)), imported(lambda w: w.update(sha256="1" * 64)),
              imported(data=DATA | {"num_classes": 43})]  # fmt: skip
    assert len({stage.key, *(found[0].key for found in others)}) == 4


def test_weights_without_their_hash_are_not_planned():
    with pytest.raises(UsageError, match="network robust: expected weights with their sha256"):
        imported(lambda w: w.pop("sha256"))


def test_an_ensembles_key_holds_the_versions_of_its_members(monkeypatch):
    def ensemble(s):
        s["attack"] = {"name": "ensemble", "network": "robust", "epsilon": 0.1, "attacks": [{"name": "pgd"}]}

    old = keys("attack", stages(ensemble))
    part = catalog.fragment("attacks", "pgd")
    monkeypatch.setitem(part, "version", part["version"] + 1)
    assert not set(old) & set(keys("attack", stages(ensemble)))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("quickstart", "b2b4e23361f631566877f104d199391e251d9646c6ce4ecfd3efd48d9e0fa9d2"),
        ("mnist_table2", "2930f797644fecd98d75f9948af878d9a81c86c80017e74a97585d60dbfd3ff6"),
        ("mnist_table4_trained", "76f2cdc27a11ba409468b9612f9d47655321f4b6c46b505ad5ed9f141a2441fc"),
    ],
)
def test_a_new_optional_field_of_training_moves_no_key(name, key):
    """Networks trained before weight decay, augmentation and strategies were known are found again."""
    found = plan.stages(spec.load(name), DATA)
    assert [s.key for s in found if s.kind == "network"] == [key]
