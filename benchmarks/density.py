"""Kernel density estimates on a grid: TensorFlow Probability's plain mixture, scipy's, and bsa's, in turns.

Agreement is of log densities with scipy's wherever scipy's density exceeds 1e-12. Ratios are taken within a round.
"""

import os
import time
from pathlib import Path

import click
import numpy as np
import scipy.stats

from benchmarks._turns import publish

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
VISIBLE = 1e-12  # densities above it are compared


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--images", default=6000, help="Points of the estimate.")
@click.option("--grid", default=256, help="Points of the grid along each axis.")
@click.option("--rounds", default=3, help="Turns of each.")
@click.option("--mixture/--no-mixture", default=True, help="With the plain mixture, which takes half a minute.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write density.md and density.json there.")
def main(images, grid, rounds, mixture, out):
    """Print times, ratios and agreement as a Markdown table and as JSON."""
    from bsa.measures import _density

    rng = np.random.default_rng(0)
    sample = rng.normal(size=(images, 2)) @ rng.normal(size=(2, 2)) + rng.integers(0, 3, (images, 1))
    kernels = _density.pair(sample, sample[: images // 6])[0]
    axes = _density.grid(*_density.box([kernels], 3), grid)
    places = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    sides = {"bsa": lambda: _density.log_density(kernels, axes).ravel(), "scipy": lambda: _scipy(kernels, places)}
    sides |= {"tfp": lambda: _tfp(kernels, places)} if mixture else {}
    sides["bsa"]()  # TensorFlow is imported before the clock starts
    times, found = {name: [] for name in sides}, {}
    for number in range(rounds):
        for name, side in sides.items():
            if name != "tfp" or number == 0:
                began = time.perf_counter()
                found[name] = side()
                times[name].append(time.perf_counter() - began)
    seen = found["scipy"] > np.log(VISIBLE)
    apart = {name: float(np.abs(logs[seen] - found["scipy"][seen]).max()) for name, logs in found.items()}
    lines = ["| | seconds | times bsa's | largest difference of log densities |", "|---|---:|---:|---:|"]
    for name, took in times.items():
        ratios = [a / b for a, b in zip(took, times["bsa"], strict=False)]
        lines.append(f"| {name} | {np.median(took):.3g} | {np.median(ratios):.3g} | {apart[name]:.1e} |")
    publish("density", "\n".join(lines) + "\n", {"seconds": times, "apart": apart, "compared": int(seen.sum())}, out)


def _scipy(kernels, places):
    with np.errstate(divide="ignore"):  # its logpdf takes three times as long
        return np.log(scipy.stats.gaussian_kde(kernels.points.T)(places.T))


def _tfp(kernels, places, at_once=256):
    """The mixture of n normals, in blocks of the grid: all at once would take 3 GB an axis."""
    from tensorflow_probability import distributions as tfd

    parts = tfd.MultivariateNormalDiag(kernels.points, np.broadcast_to(kernels.scale, kernels.points.shape))
    whole = tfd.MixtureSameFamily(tfd.Categorical(logits=np.zeros(len(kernels.points))), parts)
    blocks = range(0, len(places), at_once)
    return np.concatenate([whole.log_prob(places[at : at + at_once]).numpy() for at in blocks])


if __name__ == "__main__":
    main()
