"""The figure of a search: probes over two parameters, and accuracy lost against success."""

import numpy as np

from bsa.errors import UsageError, suggest
from bsa.exploration import Probe, front, size
from bsa.report import _figure
from bsa.report._rates import exact
from bsa.transforms import Range

COLOURS = "cividis"  # looks the same to the colour-blind, and grows in lightness
WINNERS = {"most": ("*", 150, "breaks most"), "mildest": ("D", 70, "mildest that breaks half")}


def axes(value, over):
    """The names of the two parameters of the map; the one there is, where only one can move."""
    free = [name for name, each in value["space"].items() if each["low"] < each["high"]]
    if over:
        wrong = next((name for name in over if name not in free), None)
        if wrong:
            hint = suggest(wrong, free)
            raise UsageError(f'report map: expected "over" of {", ".join(free)}, found {wrong}{hint and f": {hint}"}')
        return list(over)
    if not value["most"]:
        return free[:2]
    space = {name: Range(**each) for name, each in value["space"].items()}
    still = {name: each.neutral for name, each in space.items()}
    apart = {name: size(space, still | {name: value["most"]["point"][name]}) for name in free}
    chosen = sorted(free, key=lambda name: -apart[name])[:2]
    return [name for name in free if name in chosen]


def written(point, space):
    """A point as people read it; what is neutral is left out."""
    moved = [f"{name} {value:g}" for name, value in point.items() if value != space[name]["neutral"]]
    return ", ".join(moved) or "neutral"


def draw(title, value, names):
    """The figure, of Matplotlib."""
    figure, ((left, right),) = _figure.grid(1, 2, (5.2, 4.2))
    probes = [Probe(**probe) for probe in value["probes"]]
    if len(names) == 2:
        _over_two(figure, left, probes, names, value)
    else:
        _over_one(left, probes, names[0], value)
    _lost(right, probes, value)
    handles = {}
    for axis in (left, right):
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    shown = list(handles.values()), list(handles)
    figure.legend(*shown, loc="outside lower center", ncols=3, fontsize=7, frameon=False)
    _figure.title(figure, title)
    return figure


def _over_two(figure, axis, probes, names, value):
    """Probes over two parameters, coloured by success; where there are no others, with contours between them."""
    places = np.array([[probe.point[name] for name in names] for probe in probes])
    kept = np.array([probe.success is not None for probe in probes])
    shade = np.array([100 * (probe.success or 0) for probe in probes])
    whole = sum(each["low"] < each["high"] for each in value["space"].values()) == 2
    if whole:
        _contours(axis, places, np.array([100 * probe.accuracy for probe in probes]), shade, kept, value)
    else:
        axis.set_title("the other parameters differ from probe to probe", fontsize=7)
    how = {"cmap": COLOURS, "vmin": 0, "vmax": 100, "s": 36, "edgecolor": "white", "lw": 0.6, "zorder": 3}
    drawn = axis.scatter(*places[kept].T, c=shade[kept], label="probe that keeps accuracy", **how)
    axis.scatter(*places[~kept].T, marker="x", c="0.45", s=24, lw=0.9, zorder=3, label="accuracy is lost")
    how = {"facecolor": "none", "edgecolor": _figure.VERMILLION, "lw": 1.4, "zorder": 4}
    for key, (marker, area, words) in WINNERS.items():
        if value[key]:
            axis.scatter(*(value[key]["point"][name] for name in names), marker=marker, s=area, label=words, **how)
    neutral = [value["space"][name]["neutral"] for name in names]
    axis.scatter(*neutral, marker="+", c="black", s=50, zorder=4, label="the images as they are")
    bar = figure.colorbar(drawn, ax=axis, shrink=0.8)
    bar.set_label("success of the probe (%)", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    (across, up), (left, right) = (_ends([*each, still]) for each, still in zip(places.T, neutral, strict=True))
    axis.set(xlim=(across, up), ylim=(left, right))
    axis.set_xlabel(_named(names[0], value), fontsize=8)
    axis.set_ylabel(_named(names[1], value), fontsize=8)


def _ends(values):
    """Where an axis ends: a little beyond what is shown."""
    room = 0.06 * (max(values) - min(values)) or 1
    return min(values) - room, max(values) + room


def _contours(axis, places, accuracy, success, kept, value):
    """The line on which accuracy is just kept, and lines of success, between the probes (a triangulation)."""
    import matplotlib.tri

    try:
        whole = matplotlib.tri.Triangulation(*places.T)
    except (RuntimeError, ValueError):  # fewer than three probes, or all on one line
        return
    least = 100 * value["accuracy"] - value["keep_accuracy"]
    if accuracy.min() < least < accuracy.max():
        line = axis.tricontour(whole, accuracy, [least], colors="black", linestyles="dashed", linewidths=1.2)
        axis.clabel(line, fmt={least: f"accuracy {least:.1f} %"}, fontsize=7)
    outside = ~kept[whole.triangles].all(1)
    if not outside.all() and np.ptp(success[kept]) > 1:
        whole.set_mask(outside)
        axis.tricontourf(whole, success, np.linspace(0, 100, 11), cmap=COLOURS, alpha=0.45)
        levels = [level for level in (25, 50, 75) if success[kept].min() < level < success[kept].max()]
        if levels:
            lines = axis.tricontour(whole, success, levels, colors="0.2", linewidths=0.7)
            axis.clabel(lines, fmt="success %d %%", fontsize=6)


def _over_one(axis, probes, name, value):
    """Success and accuracy over the only parameter that moves."""
    order = sorted(probes, key=lambda probe: probe.point[name])
    kept = [probe for probe in order if probe.success is not None]
    accuracy, success = [100 * probe.accuracy for probe in order], [100 * probe.success for probe in kept]
    how = {"ms": 4, "lw": 1}
    axis.plot([p.point[name] for p in order], accuracy, "s--", color=_figure.VERMILLION, label="accuracy", **how)
    axis.plot([p.point[name] for p in kept], success, "o-", color=_figure.BLUE, label="success of the probe", **how)
    axis.set_ylim(0, 104)
    axis.set_xlabel(_named(name, value), fontsize=8)
    axis.set_ylabel("%", fontsize=8)


def _lost(axis, probes, value):
    """Accuracy lost against success: the probes, their front, and what was measured on images that were not seen."""

    def lost(accuracy):
        return 100 * (value["accuracy"] - accuracy)

    kept = [probe for probe in probes if probe.success is not None]
    axis.scatter([lost(p.accuracy) for p in kept], [100 * p.success for p in kept], s=22, c="0.6", edgecolor="white",
                 lw=0.5, label="other probe")  # fmt: skip
    best, how = front(probes), {"color": _figure.BLUE, "lw": 1.4, "marker": "o", "ms": 4}
    steps = [lost(p.accuracy) for p in best], [100 * p.success for p in best]
    axis.step(*steps, where="post", label="front of the probes", **how)
    axis.axvline(value["keep_accuracy"], color="black", ls="dashed", lw=1)
    how = {"textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": 7}
    axis.annotate("accuracy kept", (value["keep_accuracy"], 104), (-3, 0), **how)
    gone = len(probes) - len(kept)
    if gone:
        how = {"rotation": 90, "ha": "right", "va": "center", "fontsize": 7, "color": "0.35"}
        axis.annotate(f"{gone} of {len(probes)} probes lose more", (1, 0.5), xycoords="axes fraction", **how)
    edges = [value["keep_accuracy"], *steps[0]]
    before = value["original"]["correct"] / value["original"]["images"]
    for key, (marker, area, words) in WINNERS.items():
        if value[key]:
            label = f"{words}, on unseen images"
            edges.append(_unseen(axis, value[key]["unseen"], before, marker, area**0.5, label))
    axis.set(ylim=(-2, 104), xlim=_ends([*edges, *(lost(p.accuracy) for p in kept)]))
    axis.set_xlabel("accuracy lost (points)", fontsize=8)
    axis.set_ylabel("success (%)", fontsize=8)


def _unseen(axis, found, before, marker, width, label):
    """What was measured, with its interval; gives how much accuracy it loses."""
    percent, low, high = exact(found["broken"][0]["count"], found["attacked"])
    lost = 100 * (before - found["correct"] / found["images"])
    how = {"color": _figure.VERMILLION, "mfc": "white", "mew": 1.4, "lw": 1.2, "capsize": 3, "zorder": 4}
    reach = [[percent - low], [high - percent]]
    axis.errorbar([lost], [percent], reach, fmt=marker, ms=0.8 * width, label=label, **how)
    return lost


def _named(name, value):
    return f"{name} ({value['space'][name]['unit']})"
