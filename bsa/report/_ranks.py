"""How well a score tells flagged images from others: AUROC and Spearman's rho, with bootstrap intervals."""

from typing import Any

import numpy as np

from bsa.ops.seeds import generator

FEWEST = 5  # flagged images, and others, without which nothing is said: an interval of fewer means little
AT_ONCE = 2**20  # numbers in one array of resamples


def separation(
    score: np.ndarray,
    flag: np.ndarray,
    item: np.ndarray,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """How well a score separates flagged images, as JSON: AUROC and Spearman's rho with 95 % percentile intervals.

    The AUROC is the probability that a flagged image has the higher score, ties counted half: 0.5 is chance, 1 is
    perfect separation. Rho is Pearson's correlation of the flag with the ranks of the score, ties at their mean rank.

    Both are None with fewer than `FEWEST` flagged images or others, rho also if all scores are equal. Resamples that
    lack one of the two kinds are left out. If the kinds are perfectly separated, so is every resample: the interval is
    (1, 1), which is all that a bootstrap can show. Efron and Tibshirani (1993), section 13.3.

    Args:
        score: (n,).
        flag: (n,) bool.
        item: (n,) int, numbers what is drawn, with replacement: entries that share an image's number, at most one
            flagged and one other, are drawn together, and the AUROC does not compare them with each other
            (that would bias it).
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    score, flag = np.asarray(score, np.float64), np.asarray(flag, bool)
    found = {"images": len(flag), "flagged": int(flag.sum()), "auroc": None, "spearman": None}
    if min(flag.sum(), (~flag).sum()) < FEWEST:
        return found
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))  # of the groups of equal scores
    names, rows = np.unique(item, return_inverse=True)
    paired, higher = _own(score, flag, rows, len(names))
    rows, flag = rows[order], flag[order]

    def counted(weights):
        """The statistics where entry i counts `weights[:, rows[i]]` times, (2, resamples)."""
        each = weights[:, rows]
        flagged = np.add.reduceat(each * flag, starts, axis=1)
        square = weights**2 * paired
        return _statistics(flagged, np.add.reduceat(each, starts, axis=1) - flagged, square @ higher, square.sum(1))

    exact = counted(np.ones((1, len(names))))[:, 0]
    drawn = np.concatenate([counted(w) for w in _weights(len(names), len(flag), resamples, seed)], axis=1)
    for name, value, others in zip(("auroc", "spearman"), exact, drawn, strict=True):
        if np.isfinite(value):
            interval = np.percentile(others[np.isfinite(others)], [2.5, 97.5])
            found[name] = {"value": float(value), "interval": interval.tolist()}
    return found


def text(number: dict[str, Any] | None) -> str:
    """A statistic of `separation` with its interval, as tables and figures show it."""
    if number is None:
        return "-"
    low, high = number["interval"]
    return f"{number['value']:.3f} [{low:.3f}, {high:.3f}]"


def record(number: dict[str, Any] | None) -> dict[str, float | None]:
    """A statistic of `separation` as columns of a table for programs."""
    low, high = number["interval"] if number else (None, None)
    return {"value": number and number["value"], "low": low, "high": high}


def _weights(items, entries, resamples, seed):
    """How often each of so many items is drawn, (some, items) at a time, `resamples` in all."""
    draws = generator(seed, "bootstrap", items)
    for at in range(0, resamples, max(AT_ONCE // entries, 1)):
        some = min(max(AT_ONCE // entries, 1), resamples - at)
        chosen = draws.integers(items, size=(some, items)) + items * np.arange(some)[:, None]
        yield np.bincount(chosen.ravel(), minlength=some * items).reshape(some, items).astype(np.float64)


def _own(score, flag, rows, items):
    """Which items have a flagged and another entry, (items,) bool, and whether that is the higher one (1, 1/2 or 0)."""
    both = np.full((2, items), np.nan)
    both[flag.astype(int), rows] = score
    return np.isfinite(both).all(0), (both[1] > both[0]) + (both[1] == both[0]) / 2


def _statistics(flagged, others, higher, pairs):
    """AUROC and rho of counts (resamples, groups) in ascending order of score, (2, resamples); NaN where undefined.

    `pairs` (resamples,) of the comparisons are of an item with itself, in `higher` of which the flagged one is higher.
    """
    both = flagged + others
    some, n = flagged.sum(1), both.sum(1)
    rank = np.cumsum(both, axis=1) - (both - 1) / 2 - (n[:, None] + 1) / 2  # from the middle
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (both * rank**2).sum(1)
        rho = (flagged * rank).sum(1) / np.sqrt(spread * some * (n - some) / n)
        below = np.cumsum(others, axis=1) - others / 2
        auroc = ((flagged * below).sum(1) - higher) / (some * (n - some) - pairs)
    return np.stack([auroc, rho])
