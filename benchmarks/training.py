"""How fast is adversarial training: against plain matrix products of the same precision, and against the peers.

Madry's MNIST network, PGD, Adam; the same images, batch and initial weights for everyone. The loops take turns, each
turn between matrix products of the same library, and every ratio is taken within a turn or a round of turns.
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
OURS = "bsa"
PRECISIONS = ("float32", "mixed_bfloat16")
PEERS = {"torch": PRECISIONS, "art": ("float32",)}  # ART's PyTorchClassifier trains in float32
WARM_UP = 2  # steps, with the traces and the caches in them
NOTES = """\
Median of the turns, with the smallest and the largest in brackets. An operation is a floating-point multiplication or
addition of a convolution or a dense layer, as the definition counts them (padding included; ReLU, pooling, losses,
casts and the optimizer count as none). Share: of the speed of a plain matrix product of the same library and precision
around the same turn. The last column: bsa's steps a second over the row's, in the same precision and round.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--batch", type=click.IntRange(1, 512), default=512)
@click.option("--attack-steps", default=7)
@click.option("--precision", default=",".join(PRECISIONS), help="One or more, with commas between.")
@click.option("--rounds", default=10, help="Turns of each loop.")
@click.option("--steps", default=3, help="Training steps of a turn.")
@click.option("--peers-python", help="The Python of the peers' environment; without it bsa runs alone.")
@click.option("--seed", default=0)
@click.option("--data-dir", envvar="BSA_DATA_DIR", help="A folder of prepared TFDS data sets (BSA_DATA_DIR).")
@click.option("--out", type=click.Path(path_type=Path), help="Also write training.md and training.json there.")
def main(batch, attack_steps, precision, rounds, steps, peers_python, seed, data_dir, out):
    """Print steps a second, and the share of the matrix-product rate, as a Markdown table and as JSON."""
    precisions = precision.split(",")
    if not set(precisions) <= set(PRECISIONS):
        raise click.UsageError(f"expected --precision of {', '.join(PRECISIONS)}, found {precision}")
    train = {"steps": 10**6, "batch_size": batch, "epsilon": 0.3, "attack_steps": attack_steps, "step_size": 0.1}
    train |= {"learning_rate": 1e-4}
    with tempfile.TemporaryDirectory() as folder:
        job, operations = _prepare(Path(folder), train, seed, data_dir)
        jobs = {(OURS, low): (sys.executable, "benchmarks.training_ours", {"precision": low}) for low in precisions}
        for library, able in PEERS.items() if peers_python else ():
            for low in (p for p in precisions if p in able):
                of = {"precision": low, "library": library}
                jobs[library, low] = peers_python, "benchmarks.training_peers", of
        jobs = {name: (python, module, job | of) for name, (python, module, of) in jobs.items()}
        turns = _in_turns(jobs, Path(folder), rounds, steps)
    rows = [_row(name, turns, steps, batch, operations) for name in turns]
    report = {"batch": batch, "attack_steps": attack_steps, "operations_an_image": operations, "rows": rows}
    report |= {"machine": machine(), "turns": rounds, "steps_a_turn": steps}
    publish("training", table(rows) + "\n\n" + NOTES, report, out)


def operations(model):
    """Floating-point operations of a forward pass of one image through each convolution and dense layer, in a list.

    A layer takes 2 * weights * positions (height * width of its output, 1 for a dense layer).
    """
    import keras

    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)]
    return [2 * int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:-1])) for layer in layers]


def operations_of_a_step(model, attack_steps):
    """Floating-point operations of one PGD training step for each image; convolutions and dense layers alone.

    The gradient to a layer's input takes what its forward pass takes, the gradient to its weights the same. With F the
    sum of the forward passes and f1 that of the first layer, an attack step takes F + F (forward, to the input; no
    weight gradients), and the training pass F + F + (F - f1) (forward, to the weights, to the input of all layers but
    the first): 2 * attack_steps * F + 3 * F - f1.
    """
    forward = operations(model)
    return 2 * attack_steps * sum(forward) + 3 * sum(forward) - forward[0]


def _prepare(folder, train, seed, data_dir):
    """The images, the initial network and its weights as files; the job that names them and the operations a step."""
    import bsa

    data = bsa.load("mnist", split="train", data_dir=data_dir)
    model = bsa.build("madry_mnist", input_shape=_network.SHAPE, num_classes=_network.CLASSES, seed=seed)
    files = {name: str(folder / name) for name in ("network.keras", "weights.npz", "images.npz")}
    model.save(files["network.keras"])
    _network.arrays(model, Path(files["weights.npz"]))
    np.savez(files["images.npz"], x=data.x, y=data.y)
    job = {"network": files["network.keras"], "weights": files["weights.npz"], "images": files["images.npz"]}
    return job | {"train": train, "seed": seed, "warm_up": WARM_UP}, operations_of_a_step(model, train["attack_steps"])


def _in_turns(jobs, folder, rounds, steps):
    """The turns of every loop that runs; one that does not start is told and left out."""
    workers = {}
    try:
        for name, (python, module, job) in jobs.items():
            path = folder / f"{'_'.join(name)}.json"
            path.write_text(json.dumps(job))
            try:
                workers[name] = Worker([python, "-m", module, str(path)], path.with_suffix(".log"))
            except RuntimeError as error:
                click.echo(f"{', '.join(name)} does not run: {error}", err=True)
        turns = {name: [] for name in workers}
        for number in range(rounds):
            for name, worker in workers.items():
                turns[name].append(worker.turn(steps))
            click.echo(f"{number + 1} of {rounds} rounds", err=True)
    finally:
        for worker in workers.values():
            worker.close()
    return turns


def _row(name, turns, steps, batch, operations):
    """What the table shows of a loop."""
    library, precision = name
    speed = np.array([steps / turn["seconds"] for turn in turns[name]])
    product = np.array([_mean_rate(turn["products"]) for turn in turns[name]])
    training = speed * batch * operations
    row = {"library": library, "precision": precision, "steps_a_second": _spread(speed)}
    row |= {"images_a_second": _spread(speed * batch), "gflops": _spread(training / 1e9)}
    row |= {"product_gflops": _spread(product / 1e9), "share": _spread(training / product)}
    if library != OURS:
        ours = np.array([steps / turn["seconds"] for turn in turns[OURS, precision]])
        row["ours_over_it"] = _spread(ours / speed)
    return row


def _mean_rate(rates):
    """All operations over all the time, of products of one size."""
    return len(rates) / sum(1 / rate for rate in rates)


def _spread(values):
    return {"median": float(np.median(values)), "least": float(np.min(values)), "most": float(np.max(values))}


def table(rows):
    """The Markdown table."""
    columns = [
        "loop",
        "precision",
        "steps/s",
        "images/s",
        "GFLOP/s",
        "matrix product, GFLOP/s",
        "share, %",
        "ours / it",
    ]
    lines = ["| " + " | ".join(columns) + " |", "|---|---|" + "---:|" * (len(columns) - 2)]
    for row in rows:
        cells = [row["library"], row["precision"], _shown(row["steps_a_second"], 2), _shown(row["images_a_second"], 0)]
        cells += [_shown(row["gflops"], 0), _shown(row["product_gflops"], 0), _shown(row["share"], 1, 100)]
        cells += [_shown(row["ours_over_it"], 2) if "ours_over_it" in row else ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _shown(spread, digits, times=1):
    median, least, most = (f"{times * spread[key]:.{digits}f}" for key in ("median", "least", "most"))
    return f"{median} [{least}-{most}]"


if __name__ == "__main__":
    main()
