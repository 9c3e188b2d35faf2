"""Exact distances to the nearest of many points, by a library's fast search whose rounding is bounded.

scikit-learn or faiss returns a few points more than asked for, the candidates. Their distances are computed again in
float64, from the differences themselves. A bound on float32's error then shows whether a point that was left out could
be nearer; if it could, all points that the bound does not exclude are measured in float64, too. So the numbers do not
depend on the library, its threads, or other queries.
"""

import importlib
import sys

import numpy as np

ROUNDING = 2.0**-23  # twice float32's unit roundoff: room for the float64 steps before
SPARE = 11  # candidates beyond k
BLOCK = 4096  # points at a time where all of them are gone through, and in faiss's matrix products (by default 1,024)
AT_ONCE = 1000  # queries at a time where a matrix of them and a block is kept


class Neighbours:
    """Distances to `points` (N, m), float32 and finite, that weigh feature j by `weights[j]` > 0 (all 1 if None).

    The distance of a and b is (sum_j |weights_j (a_j - b_j)|^p)^(1/p), p a number from 1 to 100 or infinity. `library`
    is "faiss" or "scikit-learn"; if None, faiss where it is installed, for p = 2. It cannot change a number: a point
    is left out only where that is proven, for sums and products in float32 (or better) in any order.
    """

    def __init__(self, points, *, p, weights=None, library=None):
        self.points, self.p = np.ascontiguousarray(points), p
        self.weights = np.ones(points.shape[1]) if weights is None else weights
        self.library = library or choice(p)
        self.measured_again = 0  # queries for which candidates were not enough
        # The search sees points moved to their mean, where float32 is finest, and scaled into [-1, 1] by a power of 2.
        self.mean = points.mean(0, dtype=np.float64)
        largest = np.max(np.maximum(points.max(0) - self.mean, self.mean - points.min(0)) * self.weights)
        self.scale = 2.0 ** -np.ceil(np.log2(largest)) if largest > 0 else 1.0
        self.moved = np.empty(points.shape, np.float32)
        for at in range(0, len(points), BLOCK):
            self.moved[at : at + BLOCK] = self._move(points[at : at + BLOCK])
        self.squares = np.einsum("ij,ij->i", self.moved, self.moved)
        self.search = _faiss(self.moved) if self.library == "faiss" else _scikit_learn(self.moved, p)
        # Moved coordinates up to `reach`, and distances above 1 / `reach`, neither overflow nor underflow in a search.
        self.reach = {2: 1e15, np.inf: 1e30}.get(p, 10.0 ** min(30, 250 / p) / 2)

    def nearest(self, queries, k):
        """The distances of queries (n, m), finite float32, to the k <= N nearest points: (n, k) float64, ascending."""
        with np.errstate(over="ignore", invalid="ignore"):  # a query that overflows does not fit, and is found not to
            return self._nearest(queries, k)

    def _nearest(self, queries, k):
        moved = self._move(queries)
        fits = np.abs(moved).max(1) <= self.reach
        found, limits = np.empty((len(queries), k)), np.full(len(queries), np.inf)
        count = min(k + SPARE + k // 16, len(self.points))
        away, rows = self.search(np.where(fits[:, None], moved, 0), count)
        for i in np.flatnonzero(fits):
            found[i] = np.sort(self._distances(queries[i], self.points[rows[i]]))[:k]
        limits[fits] = self._limits(moved[fits], found[fits, -1])
        left_out = len(self.points) - count
        doubtful = np.flatnonzero(~fits | ((left_out > 0) & ~(away[:, -1] > limits)))
        for at in range(0, len(doubtful), AT_ONCE):
            part = doubtful[at : at + AT_ONCE]
            found[part] = self._among_all(queries[part], moved[part], limits[part], k)
        self.measured_again += len(doubtful)
        return found

    def _move(self, x):
        return ((x - self.mean) * (self.weights * self.scale)).astype(np.float32)

    def _distances(self, query, points):
        """The distances of a query (m,) to points (c, m) in float64, (c,); each depends on no other."""
        apart = points.astype(np.float64, order="C")  # sums are taken along rows, always in the same order
        apart -= query
        apart *= self.weights
        return _norms(apart, self.p)

    def _limits(self, moved, kth):
        """How far from each query a search can see a point whose distance is at most `kth` (n,): (n,) float64.

        Let n be a moved query's norm. Rounding both to float32 moves that distance to at most e below, the point's
        norm is at most n + e, and a sum of m rounded terms errs by gamma relative to the sum of their sizes (Higham
        2002, "Accuracy and Stability of Numerical Algorithms", section 3.1), which is at most (2 n + e)^2 where squares
        are expanded (|q|^2 + |t|^2 - 2 q t), as both libraries do for p = 2, and the distance itself elsewhere.
        """
        norm = _norms(moved.astype(np.float64), self.p)
        e = (kth * self.scale * (1 + 1e-9) + 2 * ROUNDING * norm) / (1 - ROUNDING)  # 1e-9: what float64 may err
        share = (moved.shape[1] + 8) * 2.0**-24  # 8: the operations around a sum
        gamma = share / (1 - share) if share < 1 else np.inf
        seen = np.sqrt(e**2 + gamma * (2 * norm + e) ** 2) if self.p == 2 else e * (1 + gamma)
        return seen * (1 + 1e-6) + 1 / self.reach  # 1e-6: a root, and a result rounded to float32

    def _among_all(self, queries, moved, limits, k):
        """As `nearest`, by measuring every point that the search could see within `limits` (n,)."""
        found, squares = [np.empty(0) for _ in queries], np.einsum("ij,ij->i", moved, moved)
        for at in range(0, len(self.points), BLOCK):
            block = slice(at, at + BLOCK)
            points = self.points[block]
            seen = np.ones((len(points), len(queries)), bool)
            if self.p == 2:  # what is no number after an overflow is seen
                away = squares + self.squares[block, None] - 2 * (self.moved[block] @ moved.T)
                seen = ~(away > limits**2)
            for i, query in enumerate(queries):
                more = self._distances(query, points[seen[:, i]])
                found[i] = np.sort(np.append(found[i], more))[:k]
        return np.stack(found)


def choice(p):
    """The library that is used: faiss for p = 2 if it is installed, otherwise scikit-learn.

    Not faiss on macOS, where its OpenMP beside another one (scikit-learn's) ends the process.
    """
    if p != 2 or sys.platform == "darwin":
        return "scikit-learn"
    try:
        importlib.import_module("faiss")
    except ImportError:
        return "scikit-learn"
    return "faiss"


def _faiss(points):
    """search(queries, count) -> distances and numbers (n, count), ascending, by faiss's exhaustive search."""
    import faiss

    def search(queries, count):
        before = faiss.cvar.distance_compute_blas_database_bs
        faiss.cvar.distance_compute_blas_database_bs = BLOCK
        try:
            squares, rows = faiss.knn(queries, points, count)
        finally:
            faiss.cvar.distance_compute_blas_database_bs = before
        return np.sqrt(squares.astype(np.float64)), rows

    return search


def _scikit_learn(points, p):
    """The same by scikit-learn's."""
    from sklearn.neighbors import NearestNeighbors

    metric = {"metric": "chebyshev"} if p == np.inf else {"metric": "minkowski", "p": p}
    return NearestNeighbors(algorithm="brute", **metric).fit(points).kneighbors


def _norms(rows, p):
    """The p-norms of the rows of a float64 array that may be overwritten: (n,)."""
    if p == 2:
        return np.sqrt(np.multiply(rows, rows, out=rows).sum(-1))
    np.abs(rows, out=rows)
    if p == 1:
        return rows.sum(-1)
    largest = rows.max(-1)
    if p == np.inf:
        return largest
    rows /= np.where(largest > 0, largest, 1)[:, None]  # so that powers neither overflow nor underflow
    return largest * np.power(rows, p, out=rows).sum(-1) ** (1 / p)
