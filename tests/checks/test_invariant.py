"""A certificate beside an attack: what is compared, what violates, what is saved, where to attack again."""

import json

import numpy as np
import pytest

from bsa.checks import invariant
from bsa.errors import InvariantError


def proven(radius, index, correct=None):
    """What a certificate stage saves of images with these radii."""
    n = len(radius)
    return {
        "index": np.array(index),
        "y": np.arange(n) % 3,
        "radius": np.array(radius, float),
        "correct": np.ones(n, bool) if correct is None else np.array(correct),
        "bounds": np.arange(3 * n, dtype=np.float32).reshape(n, 3),
    }


def attacked(distance, index, y):
    """What an attack stage saves of images broken at these distances."""
    x = np.full((len(index), 2, 2, 1), 0.5, np.float32)
    finite = np.where(np.isfinite(distance), distance, 0).astype(np.float32)
    adversarial = x + finite[:, None, None, None]
    return {"index": np.array(index), "y": np.array(y), "distance": np.array(distance, float), "x": x,
            "adversarial": adversarial}  # fmt: skip


PROVEN = proven([0.1, 0.2, 0.0, 0.3], [0, 1, 2, 5])


def test_images_are_matched_by_number_and_the_closest_call_is_told():
    # image 9 has no certificate and image 2 no attack; image 5 is not broken
    found = attacked([np.inf, 0.25, 0.01, 0.15], [5, 1, 9, 0], [0, 1, 0, 0])
    compared = invariant.compare(PROVEN, found)
    assert (compared.images, compared.broken) == (3, 2)
    assert compared.gap == pytest.approx(0.05)
    assert len(compared.witnesses["index"]) == 0


def test_float32_has_its_room_and_no_more():
    for short, violations in [(0.9e-6, 0), (1.1e-6, 1)]:
        found = attacked([0.2 - short], [1], [1])
        assert len(invariant.compare(PROVEN, found).witnesses["index"]) == violations


def test_an_image_without_a_radius_may_be_broken_anywhere():
    assert len(invariant.compare(PROVEN, attacked([0.0], [2], [2])).witnesses["index"]) == 0


def test_one_image_with_two_labels_is_an_error():
    with pytest.raises(ValueError, match="the same labels"):
        invariant.compare(PROVEN, attacked([0.25], [1], [2]))


def test_a_violation_names_the_image_and_saves_both_witnesses(tmp_path):
    found = attacked([np.inf, 0.15, 0.05], [5, 1, 0], [0, 1, 0])
    compared = invariant.compare(PROVEN, found)

    def predict(x):
        return x.reshape(len(x), -1)[:, :3]

    folder = tmp_path / "part" / "witnesses"
    with pytest.raises(InvariantError) as caught:
        invariant.hold(compared, predict, folder, "A against B")
    for words in ("A against B", "found 2", "image 0 (class 0)", "at 0.05", "up to 0.1", str(folder)):
        assert words in str(caught.value)
    with np.load(folder / "witnesses.npz", allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["index"], [0, 1])
        np.testing.assert_array_equal(saved["radius"], [0.1, 0.2])
        np.testing.assert_array_equal(saved["distance"], [0.05, 0.15])
        np.testing.assert_array_equal(saved["bounds"], PROVEN["bounds"][:2])
        np.testing.assert_array_equal(saved["adversarial"], found["adversarial"][[2, 1]])
        np.testing.assert_array_equal(saved["x"], found["x"][[2, 1]])
        np.testing.assert_array_equal(saved["logits"], predict(saved["adversarial"]))
    assert json.loads((folder / "witnesses.json").read_text())["distance"] == [0.05, 0.15]
    whole = invariant.compare(PROVEN, attacked([0.25], [1], [1]))
    assert invariant.hold(whole, predict, folder, "A against B") is whole
    assert not folder.exists()  # what an earlier version violated is no witness any more


def test_the_challenge_is_at_half_the_median_of_the_correct_and_on_what_is_certified_there():
    certificate = proven([0.1, 0.2, 0.0, 0.3, 0.04], [0, 1, 2, 5, 6], [True, True, False, True, True])
    found = attacked([np.inf] * 4, [6, 5, 1, 0], [1, 0, 1, 0])
    radius, rows = invariant.challenge(certificate, found, 10)
    assert radius == pytest.approx(0.075)  # half of 0.15, the median of 0.04, 0.1, 0.2 and 0.3
    assert found["index"][rows].tolist() == [0, 1, 5]
    assert found["index"][invariant.challenge(certificate, found, 2)[1]].tolist() == [0, 1]
    assert not len(invariant.challenge(certificate, found, 0)[1])
    for nothing in (proven([0.0, 0.0], [0, 1]), proven([0.1, 0.1], [0, 1], [False, False])):
        radius, rows = invariant.challenge(nothing, found, 10)
        assert radius == 0
        assert not len(rows)
