"""Attack success against the distance to the training images, in a network's embedding (paper, Figures 1-3, 6-9, 11).

Lower axes: how many test images there are at each distance. Upper axes: the success rate among those attacked in each
bin.
"""

import functools

import numpy as np

from bsa.criteria import SLACK, wilson
from bsa.engine.results import Results
from bsa.report import _figure
from bsa.report._ranks import FEWEST, record, separation, text
from bsa.report.page import Data, Figure, Page, Table

STEM = "distance_histogram"


def pages(results: Results, *, bins: int, thin: int, resamples: int) -> Page:
    """For each attack a figure for each k, and a table; the data are all of their numbers.

    Bins of fewer than `thin` images are drawn hollow, with their counts.
    """
    title = f"{results.spec.name}: distance against success"
    parts = []
    for attack in results.find(kind="attack"):
        ks = _embedded(results, attack)[0][1]
        figures = [_figure_of(results, attack, at, bins, thin, resamples) for at in range(len(ks))]
        numbers, stem = [figure.data for figure in figures], _figure.stem(STEM, *_where(results, attack))
        table = _table(results, attack.place["cell"], numbers, stem)
        parts += [*figures, table]
    value = {"name": results.spec.name, "figures": [part for part in parts if isinstance(part, Figure)]}
    return Page(title, [*parts, Data(title, STEM, value)])


def _embedded(results, attack):
    """The measured distances in the attack's cell: for each embedding network its result and the list of k."""
    found = results.find(kind="measure", measure="nearest", cell=attack.place["cell"])
    return [(result, result.record["metrics"]["k"]) for result in found]


def _where(results, attack):
    """What tells the files of an attack from others'."""
    several = len(results.spec.cells) > 1
    return attack.place["network"], attack.place["label"], attack.place["cell"] if several else None


def _figure_of(results, attack, at, bins, thin, resamples):
    """The figure of one attack and the `at`-th k."""
    numbers = _numbers(results, attack, at, bins, resamples)
    several = f"k{numbers['k']}" if len(_embedded(results, attack)[0][1]) > 1 else None
    stem = _figure.stem(STEM, *_where(results, attack), several)
    title = _title(results, attack)
    draw = functools.partial(_draw, title, numbers, thin)
    title = f"{title}, k = {numbers['k']}"
    return Figure(title, stem, draw, numbers)


def _title(results, attack):
    label, network, cell, thresholds = (attack.place[key] for key in ("label", "network", "cell", "thresholds"))
    return f"{results.spec.name}: {label} on network {network}, cell {cell}, success within {thresholds[0]:g}"


def _numbers(results, attack, at, bins, resamples):
    """All numbers of a figure, as they stand in the data."""
    place, embedded = attack.place, _embedded(results, attack)
    arrays, threshold, seed = attack.arrays("attack.npz"), place["thresholds"][0], results.spec.seed
    broken = arrays["distance"] <= threshold + SLACK
    return {
        "network": place["network"],
        "attack": place["label"],
        "cell": place["cell"].given,
        "threshold": threshold,
        "k": embedded[0][1][at],
        "resamples": resamples,
        "panels": [_panel(result, at, arrays, broken, bins, (resamples, seed)) for result, _ in embedded],
    }


def _panel(result, at, attacked, broken, bins, draws):
    """One embedding network: its histogram, the rate in each bin, and what the distance says of success."""
    measured = result.arrays("measure.npz")
    distance, resamples, seed = measured["distance"][at], *draws
    index, rows, columns = np.intersect1d(attacked["index"], measured["index"], return_indices=True)
    away, broken, y = distance[columns], broken[rows], attacked["y"][rows]
    edges = _figure.edges(distance, bins)
    tried, hit = _figure.counts(away, edges), _figure.counts(away[broken], edges)

    def said(chosen):
        return separation(away[chosen], broken[chosen], index[chosen], resamples=resamples, seed=seed)

    return {
        "embedding": result.place["network"],
        "without_distance": len(attacked["index"]) - len(index),
        "layer": result.record["metrics"]["layer"],
        "edges": edges.tolist(),
        "images": _figure.counts(distance, edges),
        "attacked": tried,
        "broken": hit,
        "rate": [100 * h / n if n else None for h, n in zip(hit, tried, strict=True)],
        "interval": [[100 * e for e in wilson(h, n)] for h, n in zip(hit, tried, strict=True)],
        "all": said(np.ones(len(y), bool)),
        "classes": {str(c): said(y == c) for c in np.unique(y)},
    }


def _draw(title, numbers, thin):
    panels = numbers["panels"]
    figure, axes = _figure.grid(2, len(panels), (4.4, 2.3), sharex="col", sharey="row")
    for (above, below), panel in zip(axes.T, panels, strict=True):
        _rates(above, panel, thin)
        left, width = panel["edges"][:-1], np.diff(panel["edges"])
        below.bar(left, panel["images"], width, align="edge", color=_figure.VERMILLION, edgecolor="white", lw=0.3)
        _count(below, panel, panel["images"], panel["images"], thin)
        below.set_xlabel(f"mean distance to the {numbers['k']} nearest training images", fontsize=8)
    axes[0, 0].set_ylabel("attack success (%)", fontsize=8)
    axes[1, 0].set_ylabel("test images", fontsize=8)
    for axis in axes.flat:
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    _figure.title(
        figure,
        title,
        f"95 % intervals; counts are those of bins with fewer than {thin} images (above: attacked ones, hollow bars)",
    )
    return figure


def _rates(axis, panel, thin):
    """The success rate in each bin with its interval; hollow where it is of few images."""
    drawn = np.flatnonzero(panel["attacked"])
    at, width = _middle(panel)[drawn], panel["edges"][1] - panel["edges"][0]
    rate, interval = (np.array([panel[key][i] for i in drawn]) for key in ("rate", "interval"))
    face = [_figure.BLUE if panel["attacked"][i] >= thin else "white" for i in drawn]
    axis.bar(at, rate, 0.9 * width, color=face, edgecolor=_figure.BLUE, lw=0.7)
    reach = np.abs(interval.reshape(-1, 2).T - rate)
    axis.errorbar(at, rate, reach, fmt="o", ms=1.5, color="black", lw=0.6, capsize=1)
    _count(axis, panel, panel["attacked"], [high for _, high in panel["interval"]], thin)
    axis.set_ylim(0, 112)  # room for a count above an interval that reaches 100
    axis.set_yticks(range(0, 101, 20))
    said = f"Spearman {text(panel['all']['spearman'])}, AUROC {text(panel['all']['auroc'])}"
    axis.set_title(f"embedded by network {panel['embedding']}\n{said}", fontsize=8)


def _middle(panel):
    return (np.array(panel["edges"][1:]) + panel["edges"][:-1]) / 2


def _count(axis, panel, numbers, tops, thin):
    """The numbers of thin bins, above what is drawn there."""
    for at, number, top in zip(_middle(panel), numbers, tops, strict=True):
        if 0 < number < thin:
            axis.annotate(
                f"{number}", (at, top), (0, 1.5), textcoords="offset points", ha="center", va="bottom", fontsize=5
            )


def _table(results, cell, figures, stem):
    """A line for each k over all images, and one for each class at the first k."""
    first, panels = figures[0], figures[0]["panels"]
    names = [panel["embedding"] for panel in panels]
    heads = [f"{statistic}, {name}" for name in names for statistic in ("Spearman", "AUROC")]
    rows = [_row(f"all, k = {f['k']}", [panel["all"] for panel in f["panels"]]) for f in figures]
    for c in panels[0]["classes"]:
        rows.append(_row(f"class {results.named(int(c))}, k = {first['k']}", [p["classes"][c] for p in panels]))
    title = (
        f"{results.spec.name}: distance against the success of {first['attack']} on network {first['network']}, "
        f"cell {cell}"
    )
    notes = [
        f"Success within {first['threshold']:g}, against the mean distance to the k nearest training images, embedded "
        f"by the network in the head, with 95 % bootstrap intervals over images ({first['resamples']} resamples). "
        "AUROC: the probability that a broken image lies farther away than an unbroken one.",
        f"A dash: fewer than {FEWEST} broken or unbroken images. distance_histogram.json has the classes at every k.",
    ]
    if left := max(panel["without_distance"] for panel in panels):
        notes.append(f"{left} attacked images are left out: their distance was not measured.")
    records = [each for figure in figures for panel in figure["panels"] for each in _records(results, figure, panel)]
    return Table(title, ["group", "attacked", "broken", *heads], rows, notes, stem, records=records)


def _records(results, figure, panel):
    """A row for each statistic of all images and of each class, for programs."""
    groups = {"all": panel["all"]} | {results.named(int(c)): said for c, said in panel["classes"].items()}
    for group, said in groups.items():
        for statistic in ("spearman", "auroc"):
            where = {
                "group": group,
                "k": figure["k"],
                "embedding": panel["embedding"],
                "threshold": figure["threshold"],
            }
            counts = {"attacked": said["images"], "broken": said["flagged"]}
            yield where | counts | {"statistic": statistic} | record(said[statistic])


def _row(head, said):
    first = said[0]
    numbers = [text(found[statistic]) for found in said for statistic in ("spearman", "auroc")]
    return [head, f"{first['images']}", f"{first['flagged']}", *numbers]
