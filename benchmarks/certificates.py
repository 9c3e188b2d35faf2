"""Wong and Kolter's bounds: how well they agree with `convex_adversarial`, and how long they take.

The same network, images, batches and threads for both; they take turns, and every ratio is taken within a round. bsa
certifies by its public certificate and trains by `bsa.fit`, all of its loop included.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import click
import numpy as np

from benchmarks import _network
from benchmarks._turns import Worker, publish
from benchmarks.attacks import machine

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
SIDES = {"bsa": "benchmarks.certificates_ours", "convex_adversarial": "benchmarks.certificates_peers"}
WORK = {"certify": "bounds of all margins", "train": "training step"}
NOTES = """\
Milliseconds an image: the median of the turns, with the smallest and the largest in brackets. Ratio: the peer's over
bsa's in the same round. Difference: of the bounds of all margins, exact, parallel slopes, without the allowance for
float32, as the peer has none; relative to the bound itself and to the largest one. Training goes on from the given
network.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--weights", type=click.Path(exists=True, path_type=Path), required=True, help="wong_small's weights.")
@click.option("--peers-python", required=True, help="The Python of the peers' environment.")
@click.option("--epsilon", default=0.1)
@click.option("--bounded/--unbounded", default=False, help="Whether the ball is cut to [0, 1].")
@click.option("--images", default=100, help="Test images whose bounds are compared.")
@click.option("--batch", default=50)
@click.option("--rounds", default=5, help="Turns of each side.")
@click.option("--steps", default=2, help="Batches of a turn.")
@click.option("--threads", default=os.cpu_count(), help="On shared cores 1: PyTorch's threads wait for each other.")
@click.option("--data-dir", envvar="BSA_DATA_DIR", help="A folder of prepared TFDS data sets (BSA_DATA_DIR).")
@click.option("--out", type=click.Path(path_type=Path), help="Also write certificates.md and certificates.json there.")
def main(weights, peers_python, epsilon, bounded, images, batch, rounds, steps, threads, data_dir, out):
    """Print agreement and times as a Markdown table and as JSON."""
    import bsa

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _network.load("wong_small", weights, folder)
        for split in ("test", "train"):
            data = bsa.load("mnist", split=split, data_dir=data_dir)
            np.savez(folder / f"{split}.npz", x=data.x[: 10 * images], y=data.y[: 10 * images])
        job = {"folder": name, "epsilon": epsilon, "bounded": bounded, "batch": batch}
        job |= {"images": images, "threads": threads, "weights": str(folder / "network.npz")}
        python = {"bsa": sys.executable, "convex_adversarial": peers_python}
        times = {work: _in_turns(work, job, python, folder, rounds, steps) for work in WORK}
        bounds = {side: np.load(folder / f"{side}.npy") for side in SIDES}
    report = {"epsilon": epsilon, "bounded": bounded, "batch": batch, "threads": threads, "machine": machine()}
    report |= {"agreement": agreement(*bounds.values()), "times": {work: _ratios(times[work], batch) for work in WORK}}
    publish("certificates", table(report) + "\n\n" + NOTES, report, out)


def agreement(ours, theirs):
    """How far bounds (n, classes) lie apart, those that are 0 by definition left out."""
    there = theirs != 0
    apart = np.abs(ours - theirs)[there]
    figures = {"images": len(ours), "largest": np.abs(theirs).max(), "difference": apart.max()}
    figures |= {
        "relative": (apart / np.abs(theirs[there])).max(),
        "relative_to_largest": apart.max() / np.abs(theirs).max(),
    }
    return {name: float(value) for name, value in figures.items()}


def _in_turns(work, job, python, folder, rounds, steps):
    """The seconds of a batch in each turn of both sides."""
    workers, turns = {}, {side: [] for side in SIDES}
    try:
        for side, module in SIDES.items():
            path = folder / f"{side}_{work}.json"
            path.write_text(json.dumps(job | {"work": work}))
            workers[side] = Worker([python[side], "-m", module, str(path)], path.with_suffix(".log"))
        for number in range(rounds):
            for side, worker in workers.items():
                turns[side].append(worker.turn(steps)["seconds"] / steps)
            click.echo(f"{work}: {number + 1} of {rounds} rounds", err=True)
    finally:
        for worker in workers.values():
            worker.close()
    return turns


def _ratios(turns, batch):
    """Milliseconds an image of each side, and the peer's over ours."""
    ours, theirs = (1000 * np.array(turns[side]) / batch for side in SIDES)
    figures = {"bsa": ours, "convex_adversarial": theirs, "ratio": theirs / ours}
    return {
        name: {"median": float(np.median(v)), "least": float(v.min()), "most": float(v.max())}
        for name, v in figures.items()
    }


def table(report):
    """The Markdown table and a line on the agreement."""
    lines = ["| | bsa, ms an image | convex_adversarial, ms an image | ratio |", "|---|---:|---:|---:|"]
    for work, name in WORK.items():
        cells = (_shown(report["times"][work][column]) for column in ("bsa", "convex_adversarial", "ratio"))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    found = report["agreement"]
    said = (
        f"Bounds of {found['images']:.0f} images, up to {found['largest']:.1f}: at most {found['difference']:.1e} apart"
    )
    said += f" ({found['relative']:.1e} of the bound, {found['relative_to_largest']:.1e} of the largest one)."
    return "\n".join([*lines, "", said])


def _shown(spread):
    return f"{spread['median']:.2f} [{spread['least']:.2f}-{spread['most']:.2f}]"


if __name__ == "__main__":
    main()
