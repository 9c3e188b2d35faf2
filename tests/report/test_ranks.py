"""Statements on ranks: closed forms, other libraries' numbers, and intervals that hold what they should."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from bsa.report import _ranks
from bsa.report._ranks import separation, text

SETTINGS = {"resamples": 1000, "seed": 0}


def separated(score, flag, item=None, **settings):
    return separation(score, flag, np.arange(len(flag)) if item is None else item, **(SETTINGS | settings))


def drawn(n, decimals, seed=0):
    """Scores that tell something of flags; few decimals make ties."""
    draws = np.random.default_rng(seed)
    score = draws.gamma(4, size=n).round(decimals)
    return score, draws.random(n) < score / 12


@pytest.mark.parametrize("decimals", [0, 1, 12])
def test_the_numbers_are_those_of_other_libraries(decimals):
    score, flag = drawn(300, decimals)
    found = separated(score, flag)
    # float64 sums of 300 terms in another order
    assert found["auroc"]["value"] == pytest.approx(roc_auc_score(flag, score), rel=1e-12)
    assert found["spearman"]["value"] == pytest.approx(stats.spearmanr(score, flag).statistic, rel=1e-12)


@pytest.mark.parametrize("decimals", [0, 12])
def test_every_resample_is_counted_as_if_it_were_written_out(decimals):
    score, flag = drawn(40, decimals)
    order = np.argsort(score, kind="stable")
    (weights,) = _ranks._weights(40, 40, 50, 3)
    assert (weights.sum(1) == 40).all()
    distinct, group = np.unique(score, return_inverse=True)
    counts = [np.stack([np.bincount(group, w * f, len(distinct)) for w in weights]) for f in (flag, ~flag)]
    auroc, rho = _ranks._statistics(*counts, 0, 0)
    for row, each in enumerate(weights.astype(int)):
        index = np.repeat(order, each[order])
        assert auroc[row] == pytest.approx(roc_auc_score(flag[index], score[index]), rel=1e-12)
        assert rho[row] == pytest.approx(stats.spearmanr(score[index], flag[index]).statistic, rel=1e-12)


def test_closed_forms():
    score, flag = np.arange(20.0), np.arange(20) >= 12
    found = separated(score, flag)
    assert found["auroc"] == {"value": 1, "interval": [1, 1]}  # perfect separation, in every resample
    # rho of a flag and n distinct scores is (2 AUROC - 1) sqrt(3 p (1 - p) n^2 / (n^2 - 1))
    assert found["spearman"]["value"] == pytest.approx(np.sqrt(3 * 0.4 * 0.6 * 400 / 399))
    assert separated(-score, flag)["auroc"]["value"] == 0
    mixed = separated(score, np.arange(20) % 2 == 1)
    assert mixed["auroc"]["value"] == 0.55  # each odd number is above so many even ones: (1 + ... + 10) / 100
    assert mixed["spearman"]["value"] == pytest.approx(0.1 * np.sqrt(0.75 * 400 / 399))


def test_equal_scores_say_nothing():
    found = separated(np.full(20, 3.5), np.arange(20) < 10)
    assert found["auroc"] == {"value": 0.5, "interval": [0.5, 0.5]}
    assert found["spearman"] is None


@pytest.mark.parametrize("flagged", [0, 4, 16, 20])
def test_too_few_of_a_kind_say_nothing(flagged):
    flag = np.arange(20) < flagged
    assert separated(np.arange(20.0), flag) == {"images": 20, "flagged": flagged, "auroc": None, "spearman": None}
    assert text(None) == "-"


def test_no_images_say_nothing():
    assert separated(np.zeros(0), np.zeros(0, bool))["auroc"] is None


def test_equal_inputs_give_equal_intervals_and_another_seed_others():
    score, flag = drawn(200, 2)
    once = separated(score, flag)
    assert separated(score, flag) == once
    assert separated(score, flag, seed=1)["auroc"]["interval"] != once["auroc"]["interval"]
    low, high = once["auroc"]["interval"]
    assert low < once["auroc"]["value"] < high
    shuffled = np.random.default_rng(5).permutation(200)
    # entries in another order: the same items are drawn
    assert separated(score[shuffled], flag[shuffled], shuffled) == once


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    # Flags that ignore the score: the true AUROC is 1/2 and rho 0. 200 trials of 95 % leave 10 out on average, with a
    # standard deviation of 3; 60 images of which a quarter is flagged make percentile intervals a little short.
    missed = np.zeros(2, int)
    for trial in range(200):
        draws = np.random.default_rng(trial)
        found = separated(draws.random(60), np.arange(60) < 15, seed=trial)
        for i, (name, truth) in enumerate((("auroc", 0.5), ("spearman", 0))):
            low, high = found[name]["interval"]
            missed[i] += not low <= truth <= high
    assert (missed >= 2).all()
    assert (missed <= 24).all()


def test_pairs_are_drawn_together_and_not_compared():
    # Each image's second entry is its first, a little higher: drawn by pairs the AUROC is known far better than drawn
    # by entries. What is left out are the 400 comparisons of an image with itself.
    first = np.random.default_rng(0).normal(size=400)
    score, flag = np.concatenate([first, first + 0.1]), np.repeat([False, True], 400)
    paired = separated(score, flag, np.tile(np.arange(400), 2))["auroc"]
    apart = separated(score, flag, np.arange(800))["auroc"]
    assert paired["value"] == pytest.approx((apart["value"] * 400**2 - 400) / (400**2 - 400), rel=1e-12)
    assert np.diff(paired["interval"]) < np.diff(apart["interval"]) / 3


def test_pairs_that_tell_nothing_have_an_auroc_of_a_half():
    score = np.random.default_rng(0).normal(size=50)
    twice, flag = np.concatenate([score, score]), np.repeat([False, True], 50)
    found = separated(twice, flag, np.tile(np.arange(50), 2))["auroc"]
    assert found["value"] == 0.5
    np.testing.assert_allclose(found["interval"], 0.5, atol=1e-12)  # in every resample


def test_an_interval_of_pairs_covers_the_truth():
    # 100 images moved by 0.1 of the spread: 200 trials of 95 % leave 10 out on average, with a standard deviation of 3.
    # Comparing images with themselves, 39 would be left out.
    truth, item = stats.norm.cdf(0.1 / np.sqrt(2)), np.tile(np.arange(100), 2)
    missed = 0
    for trial in range(200):
        first = np.random.default_rng(trial).normal(size=100)
        low, high = separated(np.concatenate([first, first + 0.1]), np.repeat([False, True], 100), item, seed=trial)[
            "auroc"
        ]["interval"]
        missed += not low <= truth <= high
    assert missed <= 24
