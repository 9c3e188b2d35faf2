"""The divergence measure on small embeddings: what it gives, goes on from, leaves out and refuses."""

import numpy as np
import pytest

from bsa.errors import BsaError
from bsa.measures import View, _tsne, divergence
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
        training=lambda layer: (training, labels[0]),
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
    with pytest.raises(BsaError, match="at least 4 training and test images of a class, found no class"):
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
    assert some["kl"][0] == pytest.approx(found["kl"][0], abs=0.3)  # another rounding of distances is another t-SNE


def test_the_first_images_alone(found):
    some = divergence.measure(view(), **PARAMS | {"seeds": [0], "images": 30, "training_images": 70})
    assert [(each["training"], each["test"]) for each in some["classes"]] == [(60, 25), (10, 5)]
