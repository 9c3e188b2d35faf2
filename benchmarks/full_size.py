"""Madry's CIFAR-10 network at full size, w32-10: forward passes over real images, and steps of its PGD training.

Each in a process of its own, so that peak memory is its own. Operations are counted as in `training`.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np

from benchmarks._turns import publish

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
RECIPE = "cifar10_figure3"  # the spec whose training is measured
PRECISIONS = ("float32", "mixed_bfloat16")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--images", default=200, help="Test images of the forward pass.")
@click.option("--steps", default=1, help="Timed training steps, after a first one with the trace in it.")
@click.option("--accumulate", default=1, help="Parts of a training batch, for less memory (gradient_accumulation).")
@click.option("--precision", type=click.Choice(PRECISIONS), multiple=True, default=PRECISIONS, help="May be repeated.")
@click.option("--data-dir", envvar="BSA_DATA_DIR", help="A folder of prepared TFDS data sets (BSA_DATA_DIR).")
@click.option("--out", type=click.Path(path_type=Path), help="Also write full_size.md and full_size.json there.")
@click.option("--part", hidden=True)
def main(images, steps, accumulate, precision, data_dir, out, part):
    """Print rates and peak memory as a Markdown table and as JSON."""
    if part:
        what, low = part.split()
        found = _forward(low, images, data_dir) if what == "forward" else _train(low, steps, accumulate)
        print(json.dumps(found | {"peak_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))
        return
    command = [sys.executable, "-m", "benchmarks.full_size", "--images", images, "--steps", steps]
    command = [*map(str, command), "--accumulate", str(accumulate), *(["--data-dir", data_dir] if data_dir else [])]
    rows = []
    for low in precision:
        for what in ("forward", "train"):
            done = subprocess.run([*command, "--part", f"{what} {low}"], check=True, stdout=subprocess.PIPE)
            rows.append({"what": what, "precision": low} | json.loads(done.stdout))
    lines = ["| | precision | seconds | images a second | GFLOP/s | peak memory |", "|---|---|---:|---:|---:|---:|"]
    for row in rows:
        rates = [f"{row[key]:.3g}" for key in ("seconds", "images_a_second", "gigaflops")]
        lines.append(" | ".join(["| " + row["title"], row["precision"], *rates, f"{row['peak_gigabytes']:.1f} GB |"]))
    publish("full_size", "\n".join(lines) + "\n", {"rows": rows}, out)


def _forward(precision, images, data_dir):
    import tensorflow as tf

    import bsa
    from benchmarks.training import operations
    from bsa.rewrites.precision import twin

    x = bsa.load("cifar10", split="test", data_dir=data_dir).x[:images]
    model = bsa.build("madry_cifar", input_shape=(32, 32, 3), num_classes=10)
    network = tf.function(twin(model, precision), reduce_retracing=True)
    network(tf.constant(x[:50]), training=False)
    began = time.perf_counter()
    for at in range(0, len(x), 50):
        assert np.isfinite(network(tf.constant(x[at : at + 50]), training=False)).all()
    title = f"forward pass over {len(x)} test images"
    return _rates(title, time.perf_counter() - began, len(x), sum(operations(model)))


def _train(precision, steps, accumulate):
    import bsa
    from benchmarks.training import operations_of_a_step
    from bsa import spec, train
    from bsa.data import Dataset

    settings = spec.load(RECIPE)["networks"]["adversarial"]["train"]
    params = {key: value for key, value in settings.items() if key != "name"}
    params |= {"steps": 1 + steps, "precision": precision, "gradient_accumulation": accumulate}
    rng, size = np.random.default_rng(0), params["batch_size"]
    data = Dataset(rng.random((size, 32, 32, 3), np.float32), rng.integers(0, 10, size, np.int32), 10)
    model = bsa.build("madry_cifar", input_shape=(32, 32, 3), num_classes=10)
    count, times = operations_of_a_step(model, params["attack_steps"]), []

    def progress(*_, **__):
        times.append(time.perf_counter())

    train.run(settings["name"], model, data, seed=0, progress=progress, **params)
    title = f"training step of {size} images, {params['attack_steps']} PGD steps"
    return _rates(title, (times[-1] - times[0]) / steps, size, count)


def _rates(title, seconds, images, operations):
    rates = {"images_a_second": images / seconds, "gigaflops": images * operations / seconds / 1e9}
    return {"title": title, "seconds": seconds, **rates}


if __name__ == "__main__":
    main()
