"""`bsa.judge` on a linear network, whose least distortions are known, and on what an attack of ours gave."""

import numpy as np
import pytest

import bsa
from bsa.criteria import wilson
from bsa.networks import logits


@pytest.fixture
def moved(linear):
    """The linear network, its images and labels, and each image moved to `share` times its least distortion."""
    model, x, y, least = linear
    weights = model.get_weights()[0]

    def at(share):
        scores, away = logits(model, x), []
        for row, own in enumerate(y):
            gaps = [np.inf if j == own else (scores[row, own] - scores[row, j]) / abs(weights[:, own] - weights[:, j])
                    .sum() for j in range(3)]  # fmt: skip
            away.append(np.sign(weights[:, int(np.argmin(gaps))] - weights[:, own]).reshape(x.shape[1:]))
        return (x + share * least[:, None, None, None] * np.stack(away)).astype(np.float32)

    return model, x, y, least, at


def test_success_is_what_is_beyond_the_boundary_and_within_the_threshold(moved):
    model, x, y, least, at = moved
    middle = float(np.median(least)) * 1.01
    found = bsa.judge(model, x, at(1.01), y, 0.5, thresholds=["epsilon", middle])
    np.testing.assert_allclose(found.attacked.distance, 1.01 * least, atol=1e-6)  # float32 pixels
    assert found.attacked.success.all()
    accuracy, whole, half = found.rates
    assert [rate.threshold for rate in found.rates] == [None, 0.5, middle]
    assert (accuracy.count, accuracy.images, whole.count, half.count) == (12, 12, 12, 6)
    assert half.interval == tuple(100 * end for end in wilson(6, 12))
    none = bsa.judge(model, x, at(0.99), y, 0.5)
    assert none.rates[1].percent == 0
    assert "12 of 12 adversarial images are classified correctly" in none.attacked.notes


def test_what_does_not_count_is_told(moved):
    model, x, y, least, at = moved
    labels, given = y.copy(), at(1.01)
    labels[0] = (y[0] + 1) % 3  # misclassified as it is
    given[1, 0, 0, 0] = np.nan
    given[2, 0, 0, 0] = 1.01
    given[3] = x[3]  # unchanged
    given[4] = at(0.9)[4]  # not yet of another class
    radius = float(np.delete(1.01 * least, range(5)).max()) - 1e-4  # so one is too far
    found = bsa.judge(model, x, given, labels, radius)
    assert found.attacked.success.sum() == 6
    assert (found.rates[0].count, found.rates[1].count, found.rates[1].images) == (11, 6, 11)
    notes = " | ".join(found.attacked.notes)
    assert "2 of 12 adversarial images have pixels that are outside [0, 1] or no numbers" in notes
    assert "1 of 12 adversarial images are misclassified, and farther from theirs" in notes
    assert "2 of 12 adversarial images are classified correctly, 1 of them unchanged" in notes
    assert "1 of 12 original images are misclassified before any attack" in notes
    np.testing.assert_array_equal(found.attacked.x[:5], x[:5])  # nothing of what was refused


def test_an_attack_of_ours_is_judged_as_it_judged_itself(trained, attacked_images):
    x, y, index = (part[:20] for part in attacked_images)
    own = bsa.attack("pgd", trained, epsilon=0.1, steps=5)(x, y, index=index)
    assert 0 < own.success.sum() < 20
    found = bsa.judge(trained, x, own.x, y[:, None], 0.1)
    for field in ("x", "success", "distance", "correct"):
        np.testing.assert_array_equal(getattr(found.attacked, field), getattr(own, field))


def test_bytes_and_rounding_beyond_the_edges(linear):
    model, x, y, _ = linear
    bytes_ = np.round(255 * x).astype(np.uint8)
    found = bsa.judge(model, bytes_, 255 - bytes_, y, 1)
    np.testing.assert_allclose(found.attacked.x[found.attacked.success], (1 - bytes_ / 255)[found.attacked.success])
    edge = np.where(np.arange(16).reshape(4, 4, 1) % 2, -5e-7, 1 + 5e-7) * np.ones_like(x)  # float32 of another library
    assert not any("outside" in note for note in bsa.judge(model, x, edge, y, 1).attacked.notes)


def test_it_is_shown(moved):
    model, x, y, _, at = moved
    found = bsa.judge(model, x, at(1.01), y, "128/255")
    assert "success at 0.502  100.00 [75.8-100.0]" in " ".join(str(found).split(" ")).replace("   ", "  ")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["count"].tolist() == [12, 12]
    assert frame["threshold"].iloc[1] == 128 / 255


@pytest.mark.parametrize(
    ("change", "epsilon", "message"),
    [
        (lambda a: a[:5], 0.1, "expected 12 adversarial images, one for each of x, found 5"),
        (lambda a: np.moveaxis(a, -1, 1), 0.1, r"adversarial images: .* found shape \(12, 1, 4, 4\): numpy.moveaxis"),
        (lambda a: 255 * a, 0.1, r"adversarial images: .* divide 8-bit pixels by 255"),
        (lambda a: [*a[:11], None], 0.1, "adversarial images: "),
        (
            lambda a: a,
            8,
            r'expected an epsilon above 0 and at most 1, in \[0, 1\] pixels, or a fraction such as "8/255"',
        ),
        (lambda a: a, "8", "expected an epsilon above 0"),
    ],
)
def test_what_cannot_be_judged(linear, change, epsilon, message):
    model, x, y, _ = linear
    with pytest.raises(ValueError, match=message):
        bsa.judge(model, x, change(x), y, epsilon)
