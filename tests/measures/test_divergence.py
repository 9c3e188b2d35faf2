"""The divergence measure on small embeddings: what it gives, goes on from, leaves out and refuses."""

import io

import numpy as np
import pytest
import rich.console

from bsa import spec
from bsa.engine import run
from bsa.engine.display import Display
from bsa.engine.results import Results
from bsa.engine.store import Store
from bsa.errors import BsaError, UsageError
from bsa.measures import View, _tsne, divergence
from bsa.report import render
from bsa.spec import parameters

PARAMS = parameters("measures", "divergence", {"seeds": [0, 1], "grid": 32, "bootstrap": 2})
SIZES = {0: (60, 25), 1: (50, 20)}


def view(tmp_path=None, progress=None, sizes=SIZES, change=lambda features: features):
    """Two clouds of eight features, test images a little off the training images."""
    rng = np.random.default_rng(0)
    labels = [np.repeat(list(sizes), [size[split] for size in sizes.values()]) for split in (0, 1)]
    training, test = (
        change((rng.normal(size=(len(y), 8)) + 4 * y[:, None] + 0.5 * split).astype(np.float32))
        for split, y in enumerate(labels)
    )
    x = np.arange(len(test), dtype=np.float32).reshape(-1, 1, 1, 1)
    return View(
        x=x,
        y=labels[1],
        logits=None,
        embedding=lambda x, layer: test[x[:, 0, 0, 0].astype(int)],
        training=lambda layer, count: (training[:count], labels[0][:count]),
        folder=tmp_path,
        progress=progress,
    )


@pytest.fixture(scope="module")
def found():
    return divergence.measure(view(), **PARAMS)


def test_means_are_over_the_classes_and_the_spread_over_the_seeds(found):
    assert [each["class"] for each in found["classes"]] == [0, 1]
    assert [(each["training"], each["test"]) for each in found["classes"]] == list(SIZES.values())
    np.testing.assert_allclose(found["kl"], np.mean([each["kl"] for each in found["classes"]], axis=0))
    assert found["kl"][0] != found["kl"][1]
    spread = found["spread"]
    assert (spread["least"], spread["greatest"]) == (min(found["kl"]), max(found["kl"]))
    assert spread["deviation"] == pytest.approx(np.std(found["kl"], ddof=1))
    assert all(0 < error < 10 for error in found["error"])
    assert found["notes"] == []


def test_the_points_of_each_tsne_are_kept_with_what_they_are(found):
    assert found["points"].shape == (2 * 155, 2)
    for seed in (0, 1):
        for c, (training, test) in SIZES.items():
            rows = (found["seed"] == seed) & (found["y"] == c)
            assert (rows.sum(), found["test"][rows].sum()) == (training + test, test)
            assert np.isfinite(found["points"][rows]).all()


def test_equal_inputs_give_equal_numbers(found):
    again = divergence.measure(view(), **PARAMS)
    np.testing.assert_array_equal(again["points"], found["points"])
    assert {k: v for k, v in again.items() if not isinstance(v, np.ndarray)} == {
        k: v for k, v in found.items() if not isinstance(v, np.ndarray)
    }


def test_a_killed_run_goes_on_from_its_pieces(found, tmp_path):
    seen = []

    def kill(done, total, **_):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        divergence.measure(view(tmp_path, kill), **PARAMS)
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.npz")}
    assert len(kept) == 3
    again = divergence.measure(view(tmp_path, lambda done, total, **_: seen.append((done, total))), **PARAMS)
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert seen == [(4, 4)]
    assert again["kl"] == found["kl"]
    np.testing.assert_array_equal(again["points"], found["points"])


def test_a_class_of_two_images_is_left_out_and_said(found):
    some = divergence.measure(view(sizes=SIZES | {7: (40, 2)}), **PARAMS | {"seeds": [0]})
    left = some["classes"][2]
    assert (left["class"], left["training"], left["test"], left["kl"]) == (7, 40, 2, None)
    assert some["notes"] == ["class 7 is left out: 40 training and 2 test images have no density"]
    assert not (some["y"] == 7).any()
    assert some["kl"][0] == np.mean([each["kl"][0] for each in some["classes"][:2]])


def test_no_class_with_a_density_is_an_error():
    with pytest.raises(
        BsaError, match="at least 4 training and test images of a class, with features that vary, found no"
    ):
        divergence.measure(view(sizes={0: (60, 3), 1: (3, 60)}), **PARAMS)


def test_several_processes_give_what_one_gives():
    rng = np.random.default_rng(5)
    tasks = [(rng.normal(size=(60, 5)), {"components": 2, "perplexity": 10, "seed": i}) for i in range(3)]
    for a, b in zip(_tsne.several(tasks, 180), _tsne.several(iter(tasks), _tsne.FEW + 1), strict=True):
        np.testing.assert_array_equal(a, b)


def test_features_that_are_no_numbers_are_an_error():
    with pytest.raises(BsaError, match="expected finite features"):
        divergence.measure(view(change=lambda features: features * np.nan), **PARAMS)


def test_constant_features_change_nothing(found):
    def padded(features):
        return np.concatenate([features, np.full((len(features), 3), 2, np.float32)], axis=1)

    some = divergence.measure(view(change=padded), **PARAMS | {"seeds": [0]})
    assert some["kl"][0] == found["kl"][0]


def test_features_of_any_size_give_the_same_map():
    """float32 squares of 1e24 and of 1e-24 are infinite and zero."""
    features, settings = np.random.default_rng(6).normal(size=(60, 5)), {"components": 2, "perplexity": 10, "seed": 0}
    large, small = (_tsne.embed(features * 2.0**exponent, **settings) for exponent in (80, -80))
    np.testing.assert_array_equal(large, small)
    usual = _tsne.embed(features / 2.0 ** np.frexp(np.abs(features).max())[1], **settings)
    np.testing.assert_array_equal(large, usual)


def test_a_class_of_equal_features_is_left_out_and_said():
    some = divergence.measure(view(change=flat), **PARAMS | {"seeds": [0]})
    assert some["classes"][0]["kl"] is None
    assert some["notes"] == ["class 0 is left out: 60 training and 25 test images all have the same features"]
    with pytest.raises(BsaError, match="with features that vary, found no class"):
        divergence.measure(view(change=np.ones_like), **PARAMS)


def flat(features):
    """The features with all images of the first class, the nearer cloud, at one point."""
    return np.where(features.mean(1, keepdims=True) < 2.5, np.float32(3), features)


def test_what_one_class_is_too_high_makes_up_for_no_class_too_low(found):
    """The difference from the estimate by neighbours is a bias, not noise."""
    for seed in range(2):
        parts = {k: np.array([c[k][seed] for c in found["classes"]]) for k in ("kl", "neighbours", "deviation", "grid")}
        apart = np.abs(parts["kl"] - parts["neighbours"])
        scatter = 1.96 * np.sqrt(np.square(parts["deviation"]).sum()) / 2
        assert found["error"][seed] == pytest.approx(apart.mean() + scatter + parts["grid"].mean())


def test_a_grid_that_memory_does_not_hold_is_an_error():
    with pytest.raises(UsageError, match="at most 256 in 3 dimensions, found 257"):
        divergence.measure(view(), **PARAMS | {"components": 3, "grid": 257})


def test_the_first_images_alone(found):
    some = divergence.measure(view(), **PARAMS | {"seeds": [0], "images": 30, "training_images": 70})
    assert [(each["training"], each["test"]) for each in some["classes"]] == [(60, 25), (10, 5)]


def test_from_spec_to_table(tmp_path):
    short = {"seeds": [0, 1], "grid": 32, "bootstrap": 2, "images": 120, "training_images": 250}
    given = {"name": "tiny", "data": {"name": "digits"}, "model": {"name": "wong_small"},
             "train": {"name": "natural", "steps": 5, "batch_size": 32},
             "measures": [{"name": "divergence", **short}, {"name": "nearest", "images": 120}],
             "report": [{"name": "distance_table"}]}  # fmt: skip
    resolved, artefacts = spec.resolve(given), Store(tmp_path / "store")
    run.run(resolved, artefacts, seen=Display(rich.console.Console(file=io.StringIO())))
    results = Results(resolved, artefacts, run.describe(resolved))
    (found,) = results.find(kind="measure", measure="divergence")
    figures, points = found.record["metrics"], found.arrays("measure.npz")["points"]
    assert len(figures["classes"]) == 10
    assert points.shape == (2 * (120 + 250), 2)
    assert not (found.folder / "work").exists()
    (table,) = render(results, tmp_path / "out")
    assert table.rows[0][1].startswith(f"{np.mean(figures['kl']):.3f} [{min(figures['kl']):.3f}, ")
    assert not any("attacked" in note for note in table.notes)
