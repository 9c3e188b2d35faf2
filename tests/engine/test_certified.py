"""Certificates in a run, on real digits: stages, table, and the invariant that stops a run where a certificate lies."""

import json
import shutil

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import bsa
from bsa import catalog, evaluation, spec
from bsa.cli import commands
from bsa.engine import run
from bsa.engine.results import Results
from bsa.engine.seen import Seen
from bsa.engine.stages import Desk, certify
from bsa.engine.store import Store
from bsa.report import render

SPEC = {
    "name": "certified",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "adversarial", "steps": 60, "epsilon": 0.05, "epsilon_warmup": 40, "attack_steps": 2,
              "learning_rate": 0.003},
    "blind_spot": {"cells": [[1, 0], [0.9, 0.05]]},
    "attack": {
        "name": "corner_descent", "epsilon": 0.1, "effort": "quick", "images": 40,
        "leg": {"steps": 5, "rules": ["sign"], "targets": 0}, "resume": {"times": 0},
    },
    "certify": {"name": "outer_polytope", "epsilon": 0.05, "slopes": "parallel", "images": 50,
                "thresholds": ["epsilon", "scale*epsilon"]},
    "invariant": {"challenge": 20},
    "sanity": False,
    "control": False,
    "reported": {"source": "Table 0", "rows": [{"cell": [1, 0], "accuracy": 90}]},
}  # fmt: skip


class Quiet(Seen):
    """What a run tells: `ran` are the titles of what was computed; `progress` hears of certificates."""

    def __init__(self, progress=lambda done, total, **_: None):
        self.ran, self.progress = [], progress

    def began(self, stage):
        self.ran.append(stage.title)
        return self.progress if stage.kind == "certify" else lambda done, total, **_: None


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The store after one whole run."""
    store = Store(tmp_path_factory.mktemp("certified"))
    run.run(spec.resolve(SPEC), store, seen=Quiet())
    return store


def results(store, change=None):
    resolved = spec.resolve(SPEC | (change or {}))
    return Results(resolved, store, run.describe(resolved))


def copy_of(store, folder):
    """A store with the network and the attacks of another, and no certificates."""
    (folder / "store").mkdir()
    for result in results(store).all:
        if result.place["kind"] in ("network", "attack"):
            shutil.copytree(result.folder, folder / "store" / result.folder.name)
    return folder / "store"


def test_a_certificate_is_over_the_first_images_whatever_their_class(store):
    found = results(store)
    (network,) = found.find(kind="network")
    model = keras.saving.load_model(network.folder / "network.keras")
    test = catalog.find("data", "digits").load(split="test")
    for result in found.find(kind="certify"):
        saved, metrics = result.arrays("certify.npz"), result.record["metrics"]
        np.testing.assert_array_equal(saved["index"], np.arange(50))
        np.testing.assert_array_equal(saved["y"], test.y[:50])
        x = bsa.blind_spot(test.x[:50], *result.place["cell"].given)
        guess = model(x.astype(np.float32)).numpy().argmax(-1)
        np.testing.assert_array_equal(saved["correct"], guess == saved["y"])
        assert not (saved["certified"] & ~saved["correct"]).any()
        assert (saved["radius"][~saved["correct"]] == 0).all()
        assert metrics["error"] == pytest.approx(100 * np.mean(~saved["correct"]))
        assert metrics["certified_error"] == pytest.approx(100 * np.mean(~saved["certified"]))
        assert metrics["median_radius"] == np.median(saved["radius"][saved["correct"]])
        assert 0 < metrics["certified_error"] < 100  # otherwise these tests would see nothing


def test_nothing_is_broken_within_its_certified_radius(store):
    found = results(store)
    assert len(found.find(kind="invariant")) == 2
    for result in found.find(kind="invariant"):
        place, metrics = result.place, result.record["metrics"]
        assert (place["certificate"], place["label"]) == ("outer_polytope", "corner_descent")
        (attack,) = found.find(kind="attack", cell=place["cell"])
        (certificate,) = found.find(kind="certify", cell=place["cell"])
        attacked, proven = attack.arrays("attack.npz"), certificate.arrays("certify.npz")
        both = [i for i in attacked["index"] if i < 50]
        distance = np.array([attacked["distance"][list(attacked["index"]).index(i)] for i in both])
        assert metrics["images"] == len(both) >= 39
        assert metrics["broken"] == np.isfinite(distance).sum() > 0
        assert (distance >= proven["radius"][both] - 1e-6).all()  # float32 pixels
        assert metrics["gap"] == (distance - proven["radius"][both]).min()
        assert metrics["challenge"]["radius"] == np.median(proven["radius"][proven["correct"]]) / 2
        assert metrics["challenge"]["images"] == 20


def test_the_table_has_certified_errors_and_radii(store, tmp_path):
    found = results(store)
    (table,) = [t for t in render(found, tmp_path) if hasattr(t, "columns")]
    assert table.columns[-2:] == ["certified error", "median certified radius"]
    plain, shifted = json.loads((tmp_path / "success_table.json").read_text())["networks"]["main"]
    assert [rate["threshold"] for rate in plain["certificates"]["outer_polytope"]["certified_error"]] == [0.05]
    at = {r["threshold"]: r["percent"] for r in shifted["certificates"]["outer_polytope"]["certified_error"]}
    saved = found.find(kind="certify")[1].arrays("certify.npz")
    assert at[0.05] == pytest.approx(100 * np.mean(~saved["certified"]))
    assert at[0.045] == pytest.approx(100 * np.mean(saved["radius"] < 0.045))
    assert at[0.045] <= at[0.05]
    assert shifted["certificates"]["outer_polytope"]["error"]["percent"] == pytest.approx(
        100 * np.mean(~saved["correct"])
    )
    assert shifted["certificates"]["outer_polytope"]["invariant"]["corner_descent"]["images"] >= 39
    assert [row[3] for row in table.rows] == ["0.1", "0.05", "0.1", "0.05", "0.045"]
    assert any("none within its image's certified radius" in note for note in table.notes)


def test_thresholds_are_read_off_the_radii_and_redo_nothing(store):
    certify = SPEC["certify"] | {"thresholds": [0.02], "label": "ours", "comment": "the same stage"}
    seen = Quiet()
    run.run(spec.resolve(SPEC | {"certify": certify}), store, seen=seen)
    assert seen.ran == []


def test_a_killed_certificate_goes_on_from_its_chunks(store, tmp_path, monkeypatch):
    monkeypatch.setattr(certify, "CERTIFIED_AT_ONCE", 20)

    def kill(done, total, **_):
        if done == 40:
            raise KeyboardInterrupt

    resolved, other, told = spec.resolve(SPEC), Store(copy_of(store, tmp_path)), []
    with pytest.raises(KeyboardInterrupt):
        run.run(resolved, other, seen=Quiet(kill))
    (part,) = other.root.glob("*.part")
    assert len(list(part.glob("work/chunk_*"))) == 2
    run.run(resolved, other, seen=Quiet(lambda done, total, **_: told.append(done)))
    assert told[:2] == [40, 50]
    for a, b in zip(results(store).find(kind="certify"), results(other).find(kind="certify"), strict=True):
        x, y = a.arrays("certify.npz"), b.arrays("certify.npz")
        np.testing.assert_array_equal(x["index"], y["index"])
        np.testing.assert_allclose(x["bounds"], y["bounds"], rtol=1e-4, atol=1e-4)  # float32 sums in other batches


@pytest.fixture
def lying(monkeypatch):
    """Plant a mistake in the certificate: `lying(radius)` makes it claim that radius for every correct image."""
    module = catalog.find("certify", "outer_polytope")
    honest = module.make

    def plant(radius):
        def make(model, **params):
            certificate = honest(model, **params)

            def claim(x, y):
                found = certificate(x, y)
                return found._replace(radius=np.where(model(x).numpy().argmax(-1) == y, radius, 0.0))

            return claim

        monkeypatch.setattr(module, "make", make)

    return plant


def violated(store, folder, **change):
    """Run the spec at the command line, see it stop, and return the folder of witnesses that its message names."""
    (folder / "certified.json").write_text(json.dumps(SPEC | change))
    done = CliRunner().invoke(commands.main, ["run", str(folder / "certified.json"), "--store", str(store)])
    assert done.exit_code == 1, done.output
    assert "expected no image to be broken within its certified radius" in done.output
    (named,) = folder.glob("store/*.part/witnesses")
    assert str(named) in done.output
    return named


def test_a_certificate_that_lies_stops_the_run_and_both_witnesses_are_saved(store, lying, tmp_path):
    lying(0.2)  # the table's attack at 0.1 shows otherwise
    folder = violated(copy_of(store, tmp_path), tmp_path)
    (network,) = results(store).find(kind="network")
    model = keras.saving.load_model(network.folder / "network.keras")
    with np.load(folder / "witnesses.npz", allow_pickle=False) as saved:
        assert len(saved["index"]) > 0
        assert (model(saved["x"]).numpy().argmax(-1) == saved["y"]).all()
        assert (model(saved["adversarial"]).numpy().argmax(-1) != saved["y"]).all()
        away = np.abs(saved["adversarial"].astype(float) - saved["x"]).max((1, 2, 3))
        np.testing.assert_array_equal(away, saved["distance"])
        assert (away < saved["radius"]).all()
        assert saved["bounds"].shape == (len(away), 10)


def test_a_lie_that_the_tables_attack_cannot_see_is_caught_at_half_the_median_radius(store, lying, tmp_path):
    lying(0.0999)  # the attack at 0.1 stays on the ball's surface, just beyond
    other = copy_of(store, tmp_path)
    run.run(spec.resolve(SPEC | {"invariant": {"challenge": 0}}), Store(other), seen=Quiet())
    folder = violated(other, tmp_path, invariant={"challenge": 40})
    assert max(json.loads((folder / "witnesses.json").read_text())["distance"]) <= 0.0999 / 2 + 1e-6  # float32 pixels


def test_an_optional_certificate_is_left_out_with_the_reason_where_it_would_take_hours(store, tmp_path, monkeypatch):
    monkeypatch.setattr(certify, "MOST_UNITS", 10)
    change = {"certify": SPEC["certify"] | {"optional": True}}
    own = Store(copy_of(store, tmp_path))
    run.run(spec.resolve(SPEC | change), own, seen=Quiet())
    found = results(own, change)
    (said,) = found.left_out()
    assert "expected at most 10 hidden units" in said
    assert found.find(kind="certify") == found.find(kind="invariant") == []
    limits = {text: evaluation.limit(text, found.spec, over=True) for text in ("certified_error>99", "success>100")}
    beyond = [evaluation.passed([each], found) for each in limits.values()]
    assert beyond == [[f"--fail-over certified_error>99: not known, as {said}"], []]
    shown = list(render(found, tmp_path / "out"))
    assert said in shown[0].notes
    assert "median certified radius" not in shown[0].columns


def test_an_optional_certificate_is_left_out_with_the_layer_that_it_does_not_know(tmp_path):
    layers = [keras.layers.MaxPooling2D(name="pooled"), keras.layers.Flatten(), keras.layers.Dense(10)]
    desk, model = Desk(), keras.Sequential([keras.Input((28, 28, 1)), *layers])
    desk.kept.get("network", tmp_path, lambda: model)
    asked = spec.parameters("certify", "outer_polytope", {"epsilon": 0.1})
    assert "pooled" in certify._unfit("outer_polytope", asked | {"images": 1}, [tmp_path], desk)
    assert certify._unfit("outer_polytope", asked, [], desk) is None


def test_without_a_tolerance_no_radius_is_told(store, tmp_path):
    change = {"certify": SPEC["certify"] | {"tolerance": None, "images": 5}}
    own = Store(copy_of(store, tmp_path))
    run.run(spec.resolve(SPEC | change), own, seen=Quiet())
    table, *_ = render(results(own, change), tmp_path / "out")
    at = [*table.columns].index("median certified radius")
    assert {row[at] for row in table.rows} == {"-", ""}


def test_what_is_optional_is_no_part_of_the_keys_of_what_is_not():
    alike = [spec.resolve(SPEC | {"certify": SPEC["certify"] | given}) for given in ({}, {"optional": False})]
    keys = [[stage.key for stage in run.planned(each)] for each in alike]
    assert keys[0] == keys[1]
