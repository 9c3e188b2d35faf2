"""Exact nearest neighbours: how long they take beside a plain matrix product, and how exact the libraries are.

MNIST's test images among its training images, in the embedding of Madry's network. All in one process and in turns,
each between two matrix products of the same size; every ratio is taken with those two.
"""

import os
import time
from pathlib import Path

import click
import numpy as np

from benchmarks import _network
from benchmarks._turns import publish
from benchmarks.attacks import machine

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
CHECKED = 50  # images whose distances to all training images are taken in float64
ROWS = 1000  # of the product at a time, so that it need not be kept
NOTES = """\
Median of the rounds, with the smallest and the largest in brackets; preparation is included. Product: NumPy's, float32,
of the test by the training features, 1,000 rows at a time. Error: of D, the mean distance to the k nearest, relative to
bsa's; bsa's own to all distances of the first images, from the differences in float64. bsa searches with either
library, measures the candidates again in float64 and proves that nothing nearer was left out.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--weights", type=click.Path(exists=True, path_type=Path), required=True, help="madry_mnist's weights.")
@click.option("--images", default=10000, help="Test images.")
@click.option("--training", default=60000, help="Training images.")
@click.option("--k", default=5)
@click.option("--rounds", default=3)
@click.option("--data-dir", envvar="BSA_DATA_DIR", help="A folder of prepared TFDS data sets (BSA_DATA_DIR).")
@click.option("--out", type=click.Path(path_type=Path), help="Also write nearest.md and nearest.json there.")
def main(weights, images, training, k, rounds, data_dir, out):
    """Print times, ratios and errors as a Markdown table and as JSON."""
    queries, points = _features(weights, images, training, data_dir)
    entries = _entries(points, queries, k)
    seconds, products, found = {name: [] for name in entries}, [], {}
    for number in range(rounds):
        products.append(_clock(_product, points, queries)[0])
        for name, entry in entries.items():
            spent, found[name] = _clock(entry)
            products.append(_clock(_product, points, queries)[0])
            seconds[name].append((spent, (products[-1] + products[-2]) / 2))
        click.echo(f"{number + 1} of {rounds} rounds", err=True)
    report = {"images": images, "training_images": training, "features": points.shape[1], "k": k, "rounds": rounds}
    report |= {"product": _spread(products), "machine": machine(), "rows": []}
    for name, times in seconds.items():
        spent, product = np.array(times).T
        row = {"entry": name, "seconds": _spread(spent), "over_product": _spread(spent / product)}
        report["rows"].append(row | {"error": _error(name, found, points, queries, k)})
    report["equal"] = len({found[name].tobytes() for name in found if name.startswith("bsa")}) == 1
    publish("nearest", table(report) + "\n\n" + NOTES, report, out)


def _features(weights, images, training, data_dir):
    """The embedding of the first test and training images, (n, 1024) and (N, 1024) float32."""
    import tempfile

    import bsa
    from bsa.networks import embedding

    with tempfile.TemporaryDirectory() as folder:
        model = _network.load("madry_mnist", weights, Path(folder))
    sizes = {"test": images, "train": training}
    return [embedding(model, bsa.load("mnist", split=s, data_dir=data_dir).x[:n]) for s, n in sizes.items()]


def _entries(points, queries, k):
    """Functions of no arguments, by name, that give D (n,): each library as it comes, and bsa with each."""
    from sklearn.neighbors import NearestNeighbors

    from bsa.measures._neighbours import Neighbours
    from bsa.measures.nearest import PIECE

    def ours(library):
        neighbours = Neighbours(points, p=2, library=library)
        pieces = [neighbours.nearest(queries[at : at + PIECE], k) for at in range(0, len(queries), PIECE)]
        return np.concatenate(pieces).mean(1)

    def scikit_learn():
        return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points).kneighbors(queries)[0].mean(1)

    entries = {"bsa with scikit-learn": lambda: ours("scikit-learn"), "scikit-learn": scikit_learn}
    try:
        import faiss
    except ImportError:
        click.echo("faiss is not installed: without it", err=True)
        return entries

    def index():
        flat = faiss.IndexFlatL2(points.shape[1])
        flat.add(points)
        return np.sqrt(flat.search(queries, k)[0].astype(np.float64)).mean(1)

    return {"bsa with faiss": lambda: ours("faiss"), "faiss": index} | entries


def _product(points, queries):
    kept = np.empty((ROWS, len(points)), np.float32)
    for at in range(0, len(queries), ROWS):
        part = queries[at : at + ROWS]
        np.matmul(part, points.T, out=kept[: len(part)])


def _clock(work, *given):
    began = time.perf_counter()
    found = work(*given)
    return time.perf_counter() - began, found


def _error(name, found, points, queries, k):
    """The largest relative error of D: bsa's against all distances, the libraries' against bsa's."""
    given, exact = found[name], found["bsa with scikit-learn"]
    if name.startswith("bsa"):
        given, exact = given[:CHECKED], np.array([_all_distances(q, points, k) for q in queries[:CHECKED]])
    return float(np.max(np.abs(given - exact) / exact))


def _all_distances(query, points, k):
    squares = [
        np.square(points[at : at + ROWS].astype(np.float64) - query).sum(1) for at in range(0, len(points), ROWS)
    ]
    return np.sqrt(np.sort(np.concatenate(squares))[:k]).mean()


def _spread(values):
    return {"median": float(np.median(values)), "least": float(np.min(values)), "most": float(np.max(values))}


def table(report):
    """The Markdown table and a line on the product."""
    lines = ["| | seconds | times the product | largest relative error |", "|---|---:|---:|---:|"]
    for row in report["rows"]:
        lines.append(f"| {row['entry']} | {_shown(row['seconds'], 1)} | {_shown(row['over_product'], 2)} | "
                     f"{row['error']:.1e} |")  # fmt: skip
    size = f"{report['images']:,} images among {report['training_images']:,}, {report['features']:,} features"
    said = f"{size}, k = {report['k']}; the product takes {_shown(report['product'], 1)} s."
    equal = "equal bit for bit" if report["equal"] else "NOT equal"
    return "\n".join([*lines, "", f"{said} What bsa gives with each library is {equal}."])


def _shown(spread, digits):
    median, least, most = (f"{spread[key]:.{digits}f}" for key in ("median", "least", "most"))
    return f"{median} [{least}-{most}]"


if __name__ == "__main__":
    main()
