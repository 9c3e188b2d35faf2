"""Distances to the training images: closed forms, standardising, constant features, pieces, real networks."""

import io

import numpy as np
import pytest
import rich.console
from sklearn.preprocessing import StandardScaler

import bsa
from bsa import spec
from bsa.engine import run
from bsa.engine.display import Display
from bsa.engine.results import Results
from bsa.engine.store import Store
from bsa.errors import BsaError, UsageError
from bsa.measures import View, nearest
from bsa.networks import embedding
from bsa.spec import parameters

SUMS = 1e-12  # relative: two orders of adding up some hundred terms in float64 differ by less


def view(queries, points, folder=None, progress=None):
    """Images that are their own features; all are of class 0, and are taken for class 1 where the first is above 0."""
    return View(
        x=queries,
        y=np.zeros(len(queries), np.int32),
        logits=lambda x: np.stack([np.zeros(len(x)), x[:, 0]], 1),
        embedding=lambda x, layer: x,
        training=lambda layer, count: (points[:count], np.zeros(len(points))[:count]),
        folder=folder,
        progress=progress,
    )


def measured(queries, points, folder=None, progress=None, **params):
    params = parameters("measures", "nearest", params)
    return nearest.measure(view(queries, points, folder, progress), **params)


def made(seed, n, m=12):
    return np.random.default_rng(seed).standard_normal((n, m)).astype(np.float32)


def everything(points, queries, p=2):
    apart = queries[:, None].astype(float) - points[None].astype(float)
    return np.sort(np.linalg.norm(apart, ord=p, axis=-1), axis=1)


def test_a_closed_form():
    points = np.array([[0, 0], [3, 4], [-6, 8], [9, 12]], np.float32)
    found = measured(np.array([[0, 0], [3, 4]], np.float32), points, k=[1, 2, 4])
    np.testing.assert_allclose(found["distance"][0], [0, 0])
    np.testing.assert_allclose(found["distance"][1], [2.5, 2.5])
    np.testing.assert_allclose(found["distance"][2], [7.5, (0 + 5 + np.hypot(9, 4) + 10) / 4], rtol=SUMS)
    assert found["mean"] == found["distance"].mean(1).tolist()
    assert found["correct"].tolist() == [True, False]
    assert found["index"].tolist() == [0, 1]
    expected = {"k": [1, 2, 4], "p": 2, "layer": "embedding", "images": 2, "training_images": 4, "features": 2}
    assert expected.items() <= found.items()


@pytest.mark.parametrize("p", [1, 2, 3, "inf"])
def test_norms_and_several_k(p):
    points, queries = made(0, 300), made(1, 30)
    found, norm = measured(queries, points, p=p, k=[1, 5, 20]), np.inf if p == "inf" else p
    scaler = StandardScaler().fit(points.astype(float))
    near = everything(points, queries, norm)
    standard = everything(scaler.transform(points.astype(float)), scaler.transform(queries.astype(float)), norm)
    for row, k in enumerate([1, 5, 20]):
        np.testing.assert_allclose(found["distance"][row], near[:, :k].mean(1), rtol=SUMS)
        size = 12 ** (1 / norm)  # sqrt(m) for p = 2, m for 1, 1 for infinity
        np.testing.assert_allclose(found["normalised"][row], standard[:, :k].mean(1) / size, rtol=1e-11)
    np.testing.assert_array_equal(measured(queries, points, p=p, k=[5])["distance"][0], found["distance"][1])


def test_standardised_distances_know_no_units():
    points, queries = made(0, 200), made(1, 20)
    units = np.float32(2) ** np.arange(-30, 30, 5, dtype=np.float32)  # powers of 2, so that nothing is rounded
    first = measured(queries, points)["normalised"]
    np.testing.assert_allclose(measured(queries * units, points * units)["normalised"], first, rtol=SUMS)


def test_constant_features_give_0_count_in_m_and_are_reported():
    points, queries = made(0, 200), made(1, 20)
    wobble = np.float32(1) + np.float32(2**-23) * np.random.default_rng(2).integers(0, 5, (220, 1)).astype(np.float32)
    dead = np.concatenate([np.full((220, 1), 0.1), np.zeros((220, 1)), wobble, np.full((220, 1), -7e8)], 1)
    dead = dead.astype(np.float32)
    wider, more = np.concatenate([points, dead[:200]], 1), np.concatenate([queries, dead[200:]], 1)
    found, plain = measured(more, wider), measured(queries, points)
    np.testing.assert_allclose(found["normalised"], plain["normalised"] * np.sqrt(12 / 16), rtol=SUMS)
    assert (found["features"], found["constant"], found["constant_in_training_only"]) == (16, 4, 0)
    assert plain["constant"] == 0
    more[3, 13] = 1e-3  # zero for all training images, and not for this image
    moved = measured(more, wider)
    np.testing.assert_array_equal(moved["normalised"], found["normalised"])
    assert (moved["constant"], moved["constant_in_training_only"]) == (4, 1)
    assert moved["distance"][0, 3] > found["distance"][0, 3]
    np.testing.assert_array_equal(np.delete(moved["distance"][0], 3), np.delete(found["distance"][0], 3))


def test_a_small_spread_on_a_large_offset_is_not_constant():
    points, queries = (np.float32(1e4) + np.float32(1e-2) * made(seed, n) for seed, n in ((0, 500), (1, 20)))
    constant, deviation = nearest.spread(points)
    assert not constant.any()
    np.testing.assert_allclose(deviation, points.astype(float).std(0), rtol=SUMS)
    found = measured(queries, points)
    np.testing.assert_allclose(found["distance"][0], everything(points, queries)[:, :5].mean(1), rtol=SUMS)


def test_nothing_but_constant_features():
    seen = []
    points = np.full((9, 3), 0.3, np.float32)
    found = measured(points[:4] + 1, points, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(found["normalised"], np.zeros((1, 4)))
    np.testing.assert_allclose(found["distance"], np.sqrt(3 * np.float64(np.float32(1.3) - np.float32(0.3)) ** 2))
    assert seen == [(0, 8), (4, 8), (8, 8)]


def test_first_images_and_fewer_than_asked_for():
    points, queries = made(0, 60), made(1, 10)
    found = measured(queries, points, images=4, training_images=50)
    np.testing.assert_allclose(found["distance"][0], everything(points[:50], queries[:4])[:, :5].mean(1), rtol=SUMS)
    assert (found["images"], found["training_images"]) == (4, 50)
    assert measured(queries, points, training_images=70)["training_images"] == 60
    assert measured(queries, points)["images"] == 10


def test_too_few_training_images_and_features_that_are_no_numbers():
    points, queries = made(0, 60), made(1, 10)
    with pytest.raises(UsageError, match=r"k = 61 training images, found 60 training and 10 test images"):
        measured(queries, points, k=[5, 61])
    assert measured(queries, points, k=[60])["distance"].shape == (1, 10)
    for value in (np.nan, np.inf):
        wrong = points.copy()
        wrong[[7, 9], 2] = value
        with pytest.raises(BsaError, match=r'in 2 of 60 training images in layer "embedding".* image 7'):
            measured(queries, wrong)
        with pytest.raises(BsaError, match=r"in 2 of 60 test images.* image 7"):
            measured(wrong, points)


@pytest.mark.parametrize("params", [{"k": []}, {"k": [0]}, {"k": 5}, {"p": 0.5}, {"p": "max"}, {"p": 200}, {"l": 1}])
def test_parameters_are_checked(params):
    with pytest.raises(UsageError, match=r'measures "nearest": /[klp]'):
        parameters("measures", "nearest", params)


def test_a_killed_run_goes_on_from_its_pieces(tmp_path, monkeypatch):
    points, queries = made(0, 200), made(1, 45)
    whole = measured(queries, points, k=[1, 5])
    monkeypatch.setattr(nearest, "PIECE", 10)

    class Killed(Exception):
        pass

    def kill(done, total):
        if done == 65:  # the second of five pieces of the standardised distances
            raise Killed

    with pytest.raises(Killed):
        measured(queries, points, tmp_path, kill, k=[1, 5])
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert len(kept) == 7
    found = measured(queries, points, tmp_path, k=[1, 5])
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert len(list(tmp_path.iterdir())) == 10
    damaged = tmp_path / "distance_0001.npz"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert measured(queries, points, tmp_path, k=[1, 5])["mean"] == whole["mean"]
    for name in ("distance", "normalised"):
        np.testing.assert_array_equal(found[name], whole[name])
    assert found["mean"] == whole["mean"]


def test_a_real_network_on_real_digits(trained, digits):
    training = bsa.load("digits", split="train")
    found = bsa.measure("nearest", trained, digits.x, digits.y, training=training, images=100, k=[5, 10])
    points, queries = embedding(trained, training.x), embedding(trained, digits.x[:100])
    near = everything(points, queries)
    for row, k in enumerate([5, 10]):
        np.testing.assert_allclose(found["distance"][row], near[:, :k].mean(1), rtol=SUMS)
    dead = (points == points[0]).all(0)
    assert found["constant"] == dead.sum()
    standard = StandardScaler().fit(points[:, ~dead].astype(float))
    near = everything(*(standard.transform(x[:, ~dead].astype(float)) for x in (points, queries)))
    np.testing.assert_allclose(found["normalised"][0], near[:, :5].mean(1) / np.sqrt(100), rtol=1e-11)
    again = bsa.measure("nearest", trained, digits.x, digits.y, training=training, images=100, k=[5, 10])
    np.testing.assert_array_equal(again["distance"], found["distance"])


def test_the_released_network_on_mnist(data_dir, weights_dir):
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    bsa.import_weights("wong_kolter", model, weights_dir / "wong_kolter_mnist.pth")
    train, test = (bsa.load("mnist", split=split, data_dir=data_dir) for split in ("train", "test"))
    given = {"training": train._replace(x=train.x[:1000], y=train.y[:1000]), "images": 100}
    found = bsa.measure("nearest", model, test.x[:100], test.y[:100], **given)
    near = everything(embedding(model, train.x[:1000]), embedding(model, test.x[:100]))
    np.testing.assert_allclose(found["distance"][0], near[:, :5].mean(1), rtol=SUMS)
    assert found["correct"].mean() > 0.95
    shifted = np.clip(bsa.blind_spot(test.x[:100], scale=0.7, shift=0.15), 0, 1)
    away = bsa.measure("nearest", model, shifted, test.y[:100], **given)
    assert away["mean_normalised"][0] > 1.5 * found["mean_normalised"][0]  # the paper's point (Figure 5)


def test_from_spec_to_record(tmp_path):
    train = {"name": "natural", "steps": 5, "batch_size": 32, "learning_rate": 1e-3}
    given = {"name": "tiny", "data": {"name": "digits"}, "model": {"name": "wong_small"}, "train": train,
             "measures": [{"name": "nearest", "k": [1, 5], "images": 50}], "report": [],
             "blind_spot": {"cells": [[1, 0], [0.7, 0.15]]}}  # fmt: skip
    resolved, artefacts = spec.resolve(given), Store(tmp_path)
    run.run(resolved, artefacts, seen=Display(rich.console.Console(file=io.StringIO())))
    first, last = Results(resolved, artefacts, run.describe(resolved)).find(kind="measure")
    figures, arrays = first.record["metrics"], first.arrays("measure.npz")
    assert (figures["images"], figures["training_images"], figures["features"]) == (50, 1297, 100)
    assert {name: array.shape for name, array in arrays.items()} == {
        "index": (50,), "y": (50,), "correct": (50,), "distance": (2, 50), "normalised": (2, 50)}  # fmt: skip
    assert figures["mean"] == arrays["distance"].mean(1).tolist()
    assert last.record["metrics"]["mean_normalised"][0] > 0
    assert not (first.folder / "work").exists()
