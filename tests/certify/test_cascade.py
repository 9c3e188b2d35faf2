"""Cascades: who answers what, and what a second network adds to the first, in a run on real digits."""

import numpy as np
import pytest

import bsa
from bsa import spec
from bsa.certify import decide
from bsa.engine import plan, run
from bsa.engine.results import Results
from bsa.engine.store import Store
from bsa.errors import BsaError
from bsa.networks import logits

TRAIN = {"name": "outer_polytope", "steps": 60, "epsilon": 0.05, "epsilon_warmup": 40, "learning_rate": 0.003}
CERTIFY = {"name": "outer_polytope", "epsilon": 0.05, "slopes": "parallel", "images": 60}
SPEC = {
    "name": "cascade",
    "data": {"name": "digits"},
    "networks": {
        "second": {"model": {"name": "wong_small"}, "train": TRAIN | {"steps": 50}, "after": ["first"]},
        "first": {"model": {"name": "wong_small"}, "train": TRAIN},
    },
    "certify": [
        CERTIFY | {"network": ["first", "second"], "tolerance": None},
        CERTIFY | {"network": "second", "after": ["first"], "label": "cascade"},
    ],
    "report": [],
}


def describe(value=SPEC):
    return run.describe(spec.resolve(value))


def test_each_image_is_answered_by_the_first_network_that_certifies_its_answer(same_model, batch):
    wide, narrow = (bsa.certificate("outer_polytope", same_model, epsilon=e) for e in (0.05, 0.02))

    def scores(x):
        return logits(same_model, x)

    x, _ = batch(same_model, 40)
    guess = scores(x).argmax(-1)
    strict, loose = (c(x, guess).certified for c in (wide, narrow))
    assert 0 < strict.sum() < loose.sum() < len(x)  # otherwise this test would see nothing
    found = decide([(scores, wide), (scores, narrow)], x)
    np.testing.assert_array_equal(found.answer, guess)
    np.testing.assert_array_equal(found.network, np.where(strict, 0, 1))
    np.testing.assert_array_equal(found.certified, loose)  # what is certified at the wider radius is at the narrower
    assert "the deciding network alone" in found.notes[0]
    first = decide([(scores, wide), (scores, narrow)], x[strict])  # nothing is left for the second
    assert first.certified.all()
    assert not first.network.any()


@pytest.fixture(scope="module")
def results(tmp_path_factory, quiet):
    store, resolved = Store(tmp_path_factory.mktemp("cascade")), spec.resolve(SPEC)
    run.run(resolved, store, seen=quiet)
    return Results(resolved, store, run.describe(resolved))


def test_a_cascade_certifies_what_its_first_network_does_and_what_the_second_adds(results):
    (first,) = (r.arrays("certify.npz") for r in results.find(kind="certify", network="first"))
    (second,) = (
        r.arrays("certify.npz") for r in results.find(kind="certify", network="second", label="outer_polytope")
    )
    (found,) = (r.arrays("certify.npz") for r in results.find(kind="certify", label="cascade"))
    by_first = found["network"] == 0
    assert 0 < by_first.sum() < len(by_first)
    assert (found["certified"] >= first["certified"]).all()
    np.testing.assert_array_equal(found["certified"][by_first & found["correct"]], True)
    np.testing.assert_array_equal(found["certified"][~by_first], second["certified"][~by_first])
    np.testing.assert_array_equal(found["correct"][~by_first], second["correct"][~by_first])
    np.testing.assert_array_equal(found["radius"], np.where(found["certified"], 0.05, 0))


def test_the_second_network_is_trained_on_what_the_first_does_not_certify():
    stages = {s.title: s for s in plan.stages(spec.resolve(SPEC), describe())}
    first, second = (stages[f"network {name}: wong_small, outer_polytope training"] for name in ("first", "second"))
    assert second.needs == (first.key,)
    assert list(stages.values()).index(first) < list(stages.values()).index(second)
    alone = {k: v for k, v in SPEC["networks"]["second"].items() if k != "after"}
    other = SPEC | {"networks": SPEC["networks"] | {"second": alone}}
    assert second.key not in {s.key for s in plan.stages(spec.resolve(other), describe())}


def test_a_cascade_that_leaves_no_batch_says_so(results, tmp_path, quiet):
    networks = SPEC["networks"] | {"second": SPEC["networks"]["second"] | {"train": TRAIN | {"batch_size": 1297}}}
    other = spec.resolve(SPEC | {"networks": networks})
    store = Store(tmp_path)
    (network,) = results.find(kind="network", network="first")
    (tmp_path / network.folder.name).symlink_to(network.folder)
    with pytest.raises(BsaError, match="at least one batch of 1297 training images"):
        run.run(other, store, seen=quiet)


@pytest.mark.parametrize(
    ("networks", "pointer", "words"),
    [
        ({"second": {"after": ["frist"]}}, "/networks/second/after/0", 'did you mean "first"?'),
        ({"first": {"after": ["second"]}}, "/networks/first/after", "behind itself"),
        ({"second": {"train": {"name": "natural", "steps": 5}}}, "/networks/second/train", "outer_polytope"),
    ],
)
def test_a_cascade_that_cannot_be_is_refused(networks, pointer, words):
    changed = {name: block | networks.get(name, {}) for name, block in SPEC["networks"].items()}
    with pytest.raises(spec.SpecError) as caught:
        spec.resolve(SPEC | {"networks": changed})
    assert any(p.pointer == pointer and words in str(p) for p in caught.value.problems), caught.value


def test_a_cascade_ends_in_one_network():
    for network in (["first", "second"], "first"):
        with pytest.raises(spec.SpecError, match="the one network that ends the cascade"):
            spec.resolve(SPEC | {"certify": CERTIFY | {"network": network, "after": ["first"]}})
