"""Success at the largest threshold against passes an image, one line or point an attack."""

import numpy as np

from benchmarks._work import SLACK

# Okabe and Ito's colours, told apart by the colour-blind; markers say the same once more
STYLE = {
    "bsa": ("#D55E00", "o"), "foolbox": ("#0072B2", "s"), "art": ("#CC79A7", "D"), "art_keras": ("#CC79A7", "P"),
    "advlib": ("#009E73", "^"), "torchattacks": ("#000000", "v"),
}  # fmt: skip
# Drawn by the passes of each image, with this width; other attacks by the mean of each budget
CURVES = {"corner_descent": 2.5, "carlini_wagner_linf": 1.2}


def draw(rows, title, path):
    """SVG and PNG at `path`; yields the two paths."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "bsa"
    from matplotlib import pyplot

    limit = rows[0]["thresholds"][0]
    figure, axis = pyplot.subplots(figsize=(9.5, 6.5), layout="constrained")
    labels = []
    for name in dict.fromkeys(_name(row) for row in rows):
        group = [row for row in rows if _name(row) == name]
        labels.append(_plot(axis, sorted(group, key=lambda row: row["first_passes"].mean()), name, limit))
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("passes an image (one forward and one backward), logarithmic")
    axis.set_ylabel(f"success at {limit:g}, %")
    axis.set_title(title, fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    _label(axis, labels)
    for suffix in (".svg", ".png"):
        still = {"Date": None} if suffix == ".svg" else None  # equal results give equal files
        figure.savefig(f"{path}{suffix}", dpi=130, bbox_inches="tight", metadata=still)
        yield f"{path}{suffix}"
    pyplot.close(figure)


def _name(row):
    """One line or point in the figure: an entry of ours, or all budgets of a peer's attack."""
    name = row["name"] if row["library"] == "bsa" else row["attack"]
    return f"{row['library']} {name}".replace("_", " ")


def _plot(axis, group, name, limit):
    """One attack: a point for each budget, or by each image's own passes where CURVES says so. Returns its label."""
    colour, marker = STYLE[group[0]["library"]]
    points = [(row["first_passes"].mean(), 100 * np.mean(row["distance"] <= limit + SLACK)) for row in group]
    if group[0]["name"] in CURVES:
        width = CURVES[group[0]["name"]]
        axis.step(*curve(group[0], limit), where="post", color=colour, linewidth=width, zorder=2)
        points = [tuple(values[-1] for values in curve(group[0], limit))]
    axis.plot(*zip(*points, strict=True), color=colour, marker=marker, markersize=6, linewidth=1, alpha=0.85, zorder=3)
    return (*points[-1], name, colour)


def curve(row, limit):
    """Success in percent as a function of the passes that every image may take: passes rising, percent."""
    passes, fell = row["first_passes"], row["distance"] <= limit + SLACK
    order = np.argsort(passes, kind="stable")
    return np.maximum(passes[order], 1), 100 * np.cumsum(fell[order]) / len(fell)


def _label(axis, labels):
    """Names in a column at the right, in the order of the ends of their lines, each tied to its end."""
    low, high = axis.get_ylim()
    labels = sorted(labels, key=lambda label: (label[1], label[0]))
    heights = spread([(y - low) / (high - low) for _, y, *_ in labels], 1 / 30)
    for (x, y, name, colour), height in zip(labels, heights, strict=True):
        axis.annotate(
            name, (x, y), xytext=(1.03, height), textcoords=axis.transAxes, va="center", fontsize=8, color=colour,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.5, "relpos": (0, 0.5)},
        )  # fmt: skip


def spread(heights, gap):
    """Rising `heights`, moved as little as may be (in squares) until neighbours are `gap` apart."""
    blocks = []  # (sum, count) of what is left when i * gap is taken off: neighbours in wrong order share their mean
    for i, height in enumerate(heights):
        blocks.append((height - i * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            blocks[-1] = (blocks[-1][0] + last[0], blocks[-1][1] + last[1])
    flat = [total / count for total, count in blocks for _ in range(count)]
    return [value + i * gap for i, value in enumerate(flat)]
