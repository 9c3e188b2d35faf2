"""Exact neighbours: against every distance in float64, where float32 goes wrong, and whoever searches."""

import importlib.util

import numpy as np
import pytest

from bsa.measures._neighbours import SPARE, Neighbours, choice

HAS_FAISS = importlib.util.find_spec("faiss") is not None and choice(2) == "faiss"
FAISS = pytest.param("faiss", marks=pytest.mark.skipif(not HAS_FAISS, reason="faiss is not installed, or not used"))
LIBRARIES = ["scikit-learn", FAISS]
SUMS = 1e-12  # relative: two orders of adding up to 100 terms in float64, and a power, differ by less


def made(seed, n, m=20, spread=1.0, offset=0.0):
    """Points (n, m) float32 from a normal distribution."""
    return (offset + spread * np.random.default_rng(seed).standard_normal((n, m))).astype(np.float32)


def everything(points, queries, p, weights=1.0):
    """All distances (n, N), ascending, from the differences in float64."""
    apart = np.abs(queries[:, None].astype(float) - points[None].astype(float)) * weights
    largest = np.maximum(apart.max(-1), 1e-300)
    found = largest * np.linalg.norm(apart / largest[..., None], ord=p, axis=-1)
    return np.sort(found, axis=1)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("p", [1, 1.5, 2, 3, np.inf])
def test_they_are_those_of_all_distances(p, library):
    if library == "faiss" and p != 2:
        pytest.skip("faiss is used for p = 2 alone")
    points, queries = made(0, 500), made(1, 60)
    weights = np.random.default_rng(2).uniform(0.1, 10, 20)
    for w in (None, weights):
        near = Neighbours(points, p=p, weights=w, library=library).nearest(queries, 9)
        np.testing.assert_allclose(near, everything(points, queries, p, 1 if w is None else w)[:, :9], rtol=SUMS)


@pytest.mark.parametrize("library", LIBRARIES)
def test_duplicates_are_at_distance_0_and_ties_count_each(library):
    points = np.concatenate([made(0, 300), np.repeat(made(1, 1), 3 * SPARE, 0), np.repeat(made(2, 1), 5, 0)])
    queries = np.concatenate([points[[300, -1, 7]], made(3, 20)])
    neighbours = Neighbours(points, p=2, library=library)
    near = neighbours.nearest(queries, 8)
    assert (near[0] == 0).all()
    assert (near[1, :5] == 0).all()
    assert near[1, 5] > 0
    assert near[2, 0] == 0
    assert neighbours.measured_again  # for the first query at least there are more duplicates than candidates
    np.testing.assert_allclose(near, everything(points, queries, 2)[:, :8], rtol=SUMS)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_large_common_offset_and_a_small_spread(library):
    points, queries = (made(seed, n, 100, 1e-2, 1e4) for seed, n in ((0, 2000), (1, 50)))
    exact = everything(points, queries, 2)[:, :5]
    expanded = (queries**2).sum(1)[:, None] + (points**2).sum(1) - 2 * queries @ points.T
    plain = np.sqrt(np.maximum(np.sort(expanded, axis=1)[:, :5], 0))
    assert np.abs(plain / exact - 1).mean() > 0.9  # a search in float32 would say 0
    neighbours = Neighbours(points, p=2, library=library)
    np.testing.assert_allclose(neighbours.nearest(queries, 5), exact, rtol=SUMS)
    assert neighbours.measured_again < 5  # the mean is taken off


@pytest.mark.parametrize("library", LIBRARIES)
def test_clusters_far_apart_are_measured_again(library):
    ends = [made(seed, 200, 30, 1e-2, offset) for seed, offset in ((0, -1e4), (1, 1e4))]
    points, queries = np.concatenate(ends), np.concatenate([end[:10] + np.float32(4e-3) for end in ends])
    neighbours = Neighbours(points, p=2, library=library)
    np.testing.assert_allclose(neighbours.nearest(queries, 5), everything(points, queries, 2)[:, :5], rtol=SUMS)
    assert neighbours.measured_again == 20  # float32 cannot tell points of a cluster apart


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("size", [1e-36, 1e-30, 1e-10, 1e10, 1e18, 1e30, 1e36])
def test_neither_overflow_nor_underflow(size, library):
    points, queries = made(0, 300) * np.float32(size), made(1, 30) * np.float32(size)
    queries[3] *= np.float32(100)  # an outlier, beyond float32 in the largest case but for this
    queries[4] = 0
    neighbours = Neighbours(points, p=2, library=library)
    np.testing.assert_allclose(neighbours.nearest(queries, 4), everything(points, queries, 2)[:, :4], rtol=SUMS)
    assert neighbours.measured_again < 3  # sizes do not matter to the search


@pytest.mark.parametrize("p", [1, 2, 40, 100, np.inf])
def test_queries_out_of_reach_and_powers_beyond_a_double(p):
    points, queries = made(0, 300) * np.float32(1e-12), made(1, 30) * np.float32(1e-12)
    points[0] = 1  # so that differences of the others to the 40th power are below any double
    queries[0], queries[1] = 1e20, 3e38
    neighbours = Neighbours(points, p=p)
    np.testing.assert_allclose(neighbours.nearest(queries, 4), everything(points, queries, p)[:, :4], rtol=SUMS)
    assert neighbours.measured_again >= (0 if p == 1 else 1)


@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
def test_numbers_do_not_depend_on_who_searches_what_is_beside_or_k(p):
    points, queries = np.concatenate([made(0, 900, 70), made(0, 100, 70)]), made(1, 41, 70)
    neighbours = Neighbours(points, p=p, library="scikit-learn")
    whole = neighbours.nearest(queries, 10)
    for size in (1, 2, 7, 40):
        parts = [neighbours.nearest(queries[at : at + size], 10) for at in range(0, len(queries), size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(neighbours.nearest(queries, 3), whole[:, :3])
    np.testing.assert_array_equal(Neighbours(points, p=p).nearest(queries[::-1], 10)[::-1], whole)
    everyone = np.full(len(queries), np.inf)  # no point is excluded
    again = neighbours._among_all(queries, neighbours._move(queries), everyone, 10)
    np.testing.assert_array_equal(again, whole)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("p", "small", "offset"),
    [(2, 1e-3, 0), (2, 1e-3, 1e3), (2, 1e-22, 0), (1, 1e-3, 1e3), (3, 1e-3, 10), (40, 1e-8, 0), (np.inf, 1e-3, 1e3)],
)
def test_a_search_sees_no_point_farther_than_the_bound_says(p, small, offset, library):
    if library == "faiss" and p != 2:
        pytest.skip("faiss is used for p = 2 alone")
    points = np.concatenate([made(0, 400, 300, small, offset), made(1, 400, 300, 1.0, -offset)])
    queries = np.concatenate([points[:20], made(2, 20, 300, small, offset)])
    weights = np.random.default_rng(3).uniform(0.5, 2, 300)
    neighbours = Neighbours(points, p=p, weights=weights, library=library)
    moved = neighbours._move(queries)
    away, rows = neighbours.search(moved, len(points))
    for rank in range(len(points)):
        pairs = zip(queries, points[rows[:, rank]], strict=True)
        exact = np.array([neighbours._distances(q, point[None])[0] for q, point in pairs])
        assert (away[:, rank] <= neighbours._limits(moved, exact)).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_few_points_equal_points_and_one_feature(library):
    few = Neighbours(made(0, 3), p=2, library=library)
    np.testing.assert_allclose(few.nearest(made(1, 5), 3), everything(made(0, 3), made(1, 5), 2), rtol=SUMS)
    equal = Neighbours(np.ones((50, 4), np.float32), p=2, library=library)
    np.testing.assert_array_equal(
        equal.nearest(np.array([[1, 1, 1, 1], [1, 1, 3, 1]], np.float32), 2), [[0, 0], [2, 2]]
    )
    line = Neighbours(np.arange(100, dtype=np.float32)[:, None], p=2, library=library)
    np.testing.assert_array_equal(line.nearest(np.array([[10.25]], np.float32), 3), [[0.25, 0.75, 1.25]])


def test_which_library():
    assert choice(1) == choice(np.inf) == "scikit-learn"
    assert choice(2) in ("faiss", "scikit-learn")
