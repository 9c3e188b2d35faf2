"""Are blind-spot images farther from the training images than the originals? (paper, Figure 5)"""

import functools

import numpy as np

from bsa.engine.results import Results
from bsa.report import _figure
from bsa.report._ranks import record, separation, text
from bsa.report.page import Data, Figure, Page, Table

STEM = "distance_shift"


def pages(results: Results, *, bins: int, resamples: int) -> Page:
    """A figure for each blind-spot cell and k, and a table; the data are all of their numbers."""
    title = f"{results.spec.name}: distances of blind-spot images"
    original, *others = sorted(results.spec.cells, key=lambda cell: not cell.original)
    networks = results.find(kind="measure", measure="nearest", cell=original)
    figures, rows, records = [], [], []
    for cell in others:
        moved = results.find(kind="measure", measure="nearest", cell=cell)
        ks = networks[0].record["metrics"]["k"]
        for at, k in enumerate(ks):
            pairs = zip(networks, moved, strict=True)
            panels = [_panel(*pair, at, bins, resamples, results.spec.seed) for pair in pairs]
            numbers = {"cell": cell.given, "k": k, "resamples": resamples, "panels": panels}
            parts = (cell if len(others) > 1 else None, f"k{k}" if len(ks) > 1 else None)
            figures.append(_figure_of(results.spec.name, (original, cell), numbers, _figure.stem(STEM, *parts)))
            rows += [_row(cell, k, panel) for panel in panels]
            records += [_record(cell, k, panel) for panel in panels]
    value = {"name": results.spec.name, "figures": figures}
    return Page(title, [*figures, _table(title, rows, records, resamples), Data(title, STEM, value)])


def _figure_of(name, cells, numbers, stem):
    title = f"{name}: distances of originals and of blind-spot images in {cells[1]}, k = {numbers['k']}"
    return Figure(title, stem, functools.partial(_draw, name, cells, numbers), numbers)


def _panel(original, moved, at, bins, resamples, seed):
    """One embedding network: both histograms in the same bins, and how well the distance tells one from the other."""
    one, other = original.arrays("measure.npz"), moved.arrays("measure.npz")
    before, after = one["distance"][at], other["distance"][at]
    edges = _figure.edges(np.concatenate([before, after]), bins)
    flag = np.repeat([False, True], [len(before), len(after)])
    images = np.concatenate([one["index"], other["index"]])
    said = separation(np.concatenate([before, after]), flag, images, resamples=resamples, seed=seed)
    return {
        "embedding": original.place["network"],
        "layer": original.record["metrics"]["layer"],
        "edges": edges.tolist(),
        "original": _figure.counts(before, edges),
        "blind_spot": _figure.counts(after, edges),
        "images": len(before),
        "mean": [float(before.mean()), float(after.mean())],
        "auroc": said["auroc"],
    }


def _draw(name, cells, numbers):
    panels, (original, moved) = numbers["panels"], cells
    figure, axes = _figure.grid(1, len(panels), (4.4, 3))
    for axis, panel in zip(axes[0], panels, strict=True):
        edges = panel["edges"]
        axis.stairs(panel["original"], edges, fill=True, color=_figure.BLUE, alpha=0.6, label=_called(original))
        axis.stairs(panel["blind_spot"], edges, color=_figure.VERMILLION, lw=1.6, label=f"blind spot, {moved}")
        axis.set_title(
            f"embedded by network {panel['embedding']}\nAUROC of blind spot against original {text(panel['auroc'])}",
            fontsize=8,
        )
        axis.set_xlabel(f"mean distance to the {numbers['k']} nearest training images", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("test images", fontsize=8)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8, frameon=False
    )
    _figure.title(figure, name)
    return figure


def _called(original):
    """The original cell in a legend."""
    return f"original, {original}" if original.pair else f"{original}"


def _row(cell, k, panel):
    """A line of the table: one cell, k and embedding network."""
    means = (f"{mean:.4g}" for mean in panel["mean"])
    return [f"{cell}", f"{k}", panel["embedding"], f"{panel['images']}", *means, text(panel["auroc"])]


def _record(cell, k, panel):
    """The same for programs."""
    auroc = {"auroc" if name == "value" else name: value for name, value in record(panel["auroc"]).items()}
    means = dict(zip(("mean_original", "mean_blind_spot"), panel["mean"], strict=True))
    return {"cell": f"{cell}", "k": k, "embedding": panel["embedding"], "images": panel["images"], **means, **auroc}


def _table(title, rows, records, resamples):
    columns = ["cell", "k", "embedded by", "images", "mean distance, original", "mean distance, blind spot", "AUROC"]
    notes = [
        "AUROC of telling a blind-spot image from an original by its distance to the k nearest training images: 0.5 is "
        "chance, below 0.5 blind-spot images lie nearer; with 95 % bootstrap intervals over images, each drawn with "
        f"its blind-spot version ({resamples} resamples).",
    ]
    return Table(title, columns, rows, notes, STEM, records=records)
