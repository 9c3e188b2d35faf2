"""Images, their blind-spot versions and adversarial examples with their distortions (paper, Figures 4 and 10)."""

import numpy as np

from bsa import plan
from bsa.cells import SLACK


def render(results, out, *, images):
    """One figure for each network and attack, as PNG and SVG in `out`; yields a sentence on each."""
    for network in plan.networks(results.spec):
        for label in dict.fromkeys(r.place["label"] for r in results.find(kind="attack", network=network)):
            found = results.find(kind="attack", network=network, label=label)
            arrays = [result.arrays("attack.npz") for result in found]
            shown, file = _chosen(arrays, images), out / f"examples_{network}_{label}.png".replace(" ", "_")
            if shown:
                _draw(found, arrays, shown, f"{results.spec['name']}, network {network}, {label}", file)
            yield f"figure {file}" if shown else f"no figure for {label}: no image was attacked in every cell"


def _draw(found, arrays, shown, title, file):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        2 * len(found), len(shown), figsize=(1 + 1.1 * len(shown), 1 + 2.5 * len(found)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for row, (result, cell) in enumerate(zip(found, arrays, strict=True)):
        for column, number in enumerate(shown):
            at = int(np.flatnonzero(cell["index"] == number)[0])
            _image(axes[2 * row, column], cell["x"][at], f"{cell['y'][at]}")
            adversarial = cell["adversarial"][at] if np.isfinite(cell["distance"][at]) else None
            _image(axes[2 * row + 1, column], adversarial, _distortion(result, cell, at))
        axes[2 * row, 0].set_ylabel(f"{result.place['cell']}\nimage", fontsize=8)
        axes[2 * row + 1, 0].set_ylabel("adversarial", fontsize=8)
    legend = "above each image its class, above each adversarial example its distortion (an upper bound)"
    figure.suptitle(f"{title}\n{legend}", fontsize=9)
    for path in (file, file.with_name(file.name.removesuffix(".png") + ".svg")):
        figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _distortion(result, cell, at):
    """The distortion of an adversarial example; one above the largest threshold is no success and says so."""
    distance, largest = cell["distance"][at], max(result.place["thresholds"])
    if not np.isfinite(distance):
        return "none found"
    return f"{distance:.3f}" if distance <= largest + SLACK else f"{distance:.3f} > {largest:g}"


def _chosen(arrays, images):
    """Numbers of images attacked in every cell: the first of each class in turn, then the first others."""
    common = [i for i in arrays[0]["index"] if all(i in a["index"] for a in arrays)]
    label = dict(zip(arrays[0]["index"], arrays[0]["y"], strict=True))
    first = list({label[i]: i for i in reversed(common)}.values())
    chosen = sorted(first, key=lambda i: label[i]) + [i for i in common if i not in first]
    return chosen[:images]


def _image(axis, pixels, text):
    """One image with a line above it; an empty frame where there is none."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(text, fontsize=7, pad=2)
    if pixels is not None:
        axis.imshow(pixels.squeeze(), cmap="gray" if pixels.shape[-1] == 1 else None, vmin=0, vmax=1)
