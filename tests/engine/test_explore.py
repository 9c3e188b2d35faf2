"""The search for blind spots as a stage: the same after kills, measured on other images than it searched on."""

import dataclasses
import json
import sys

import numpy as np
import pytest

from bsa import spec
from bsa.criteria import linf
from bsa.engine import plan, run, stages
from bsa.engine.stages import explore
from bsa.engine.store import Store
from bsa.errors import UsageError
from bsa.networks import logits
from bsa.spec import chained
from bsa.testing import trained
from bsa.transforms import move

pytest.importorskip("optuna", reason='Optuna is not installed: pip install "bsa[explore]"')

EPSILON = 0.06
PGD = {"name": "pgd", "steps": 5, "starts": ["grey"]}
VALUE = {
    "name": "explored",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "natural", "steps": 1},
    "explore": {
        "chain": ["scale_shift"],
        "ranges": {"scale": [0.3, 1], "shift": [-0.3, 0.3]},
        "epsilon": EPSILON,
        "keep_accuracy": 4,
        "probes": 10,
        "images": 40,
        "unseen": 60,
        "attack": PGD,
        "standard": PGD | {"steps": 20},
    },
}
DATA = {"fingerprint": "f", "input_shape": [28, 28, 1], "num_classes": 10}
DESK = stages.Desk()  # one for all: what takes long is TensorFlow's tracing


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    trained().save(folder / "network.keras")
    return folder


def staged(**changes):
    value = spec.resolve(VALUE | {"explore": VALUE["explore"] | changes})
    return next(stage for stage in plan.stages(value, DATA) if stage.kind == "explore")


def computed(stage, network, part, last=None):
    """What the stage writes; killed at its `last` word, if any."""
    (part / "work").mkdir(parents=True, exist_ok=True)
    told = []

    def progress(done, total, **_):
        told.append((done, total))
        if last is not None and len(told) == last:
            raise Killed

    record = stages.compute(stage, [network], part, dataclasses.replace(DESK, progress=progress))
    return record, json.loads((part / "explore.json").read_text()), told


@pytest.fixture(scope="module")
def whole(network, tmp_path_factory):
    part = tmp_path_factory.mktemp("whole")
    return (*computed(staged(), network, part), part)


def test_what_was_found_is_confirmed_on_images_that_were_not_seen(whole):
    record, found, _, part = whole
    assert record["probes"] == len(found["probes"]) == 10
    assert record["attacked"] == sum(probe["success"] is not None for probe in found["probes"])
    data, params = spec.resolve(VALUE), staged().component["params"]
    x, y = DESK.dataset({"name": "digits"}, "test")[:2]
    seen, unseen = explore.shares(len(x), params, data.seed)
    assert not set(seen) & set(unseen)
    transform = chained(["scale_shift"])
    for name in ("original", "most", "mildest"):
        point = {"scale": 1, "shift": 0} if name == "original" else found[name]["point"]
        measured = found[name] if name == "original" else found[name]["unseen"]
        moved, _ = move(transform, x[unseen], point, 0, unseen)
        right = logits(trained(), np.asarray(moved)).argmax(-1) == y[unseen]
        assert (measured["correct"], measured["images"]) == (right.sum(), len(unseen))
        with np.load(part / f"{name}.npz") as saved:
            assert list(saved["index"]) == list(unseen[right][: len(saved["index"])])
            np.testing.assert_array_equal(saved["x"], np.asarray(moved)[right][: measured["attacked"]])
            broken = np.isfinite(saved["distance"])
            np.testing.assert_array_equal(linf(saved["adversarial"], saved["x"])[broken], saved["distance"][broken])
            fell = logits(trained(), saved["adversarial"]).argmax(-1) != saved["y"]
            assert (fell & (saved["distance"] <= EPSILON + 1e-6)).sum() == measured["broken"][0]["count"]
            away = linf(saved["x"], saved["original"])
            assert measured["largest"] == away.max()
        if measured["control"]:
            assert measured["control"]["radius"] == pytest.approx(EPSILON + away.max())
            assert measured["control"]["count"] <= measured["control"]["images"] <= measured["attacked"]


def test_probes_keep_accuracy_or_are_not_attacked(whole):
    _, found, _, _ = whole
    least = found["accuracy"] - 0.04
    for probe in found["probes"]:
        assert (probe["success"] is None) == (probe["accuracy"] < least - 1e-9)
    kept = [probe for probe in found["probes"] if probe["success"] is not None]
    assert found["most"]["success"] == max(probe["success"] for probe in kept)
    assert 0 < len(kept) < 10  # both kinds are there


def test_killed_twice_it_finds_the_same(whole, network, tmp_path):
    _, found, told, _ = whole
    stage = staged()
    for last in (3, 4):
        with pytest.raises(Killed):
            computed(stage, network, tmp_path, last)
    record, again, later = computed(stage, network, tmp_path)
    assert again == found
    assert record == whole[0]
    assert len(told) == len(later)
    kept = sorted(file.name for file in (tmp_path / "work").glob("probe_*"))
    assert len(kept) == 10
    assert not list((tmp_path / "work").glob("attacks_*"))


def test_points_that_are_asked_for_at_once_are_told_in_order(network, tmp_path):
    _, found, _ = computed(staged(at_once=3, sampler="random", probes=5), network, tmp_path)
    _, one, _ = computed(staged(sampler="random", probes=5), network, tmp_path / "one")
    assert [p["point"] for p in found["probes"][:4]] == [p["point"] for p in one["probes"][:4]]
    # four by chance; who shares a chunk with whom may move an image on the edge
    for a, b in zip(found["probes"][:4], one["probes"][:4], strict=True):
        assert a["accuracy"] == b["accuracy"]
        assert (a["success"] is None) == (b["success"] is None)
        assert abs((a["success"] or 0) - (b["success"] or 0)) <= 1 / 40


def test_a_package_that_is_missing_is_told_before_the_network_is_trained(tmp_path, monkeypatch, quiet):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="expected optuna for the sampler"):
        run.run(spec.resolve(VALUE), Store(tmp_path), seen=quiet)
    assert not list(tmp_path.iterdir())


def test_the_stricter_threshold_shrinks_with_the_contrast(network, tmp_path):
    half = {"scale": 0.5, "shift": [-0.1, 0.1]}
    stage = staged(thresholds=["scale*epsilon"], ranges=half, probes=1, sampler="random", keep_accuracy=100)
    _, found, _ = computed(stage, network, tmp_path)
    assert found["original"]["broken"][0]["threshold"] == pytest.approx(EPSILON)
    assert found["most"]["unseen"]["broken"][0]["threshold"] == pytest.approx(EPSILON / 2)


def test_keys_hang_on_what_is_computed_and_on_no_label():
    key = staged().key
    assert staged(label="another").key == key
    assert staged(probes=11).key != key
    assert staged(attack=PGD | {"steps": 6}).key != key
    named = spec.resolve(VALUE | {"explore": {"space": "natural", "epsilon": EPSILON}})
    stated = named["explore"]
    assert "space" not in stated
    assert named["explore"] == spec.resolve(VALUE | {"explore": stated})["explore"]
