"""Does bfloat16 training give as robust a network as float32? The same steps from the same seed, then PGD-40 on both.

Killed, it goes on with the same command and folder.
"""

import json
import os
import time
from pathlib import Path

import click

from benchmarks import _network

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The train block of specs/mnist_table2.json with its schedule shortened to 1,500 steps.
TRAIN = {
    "batch_size": 128,
    "epsilon": 0.3,
    "epsilon_warmup": 600,
    "attack_steps": 7,
    "step_size": 0.1,
    "optimizer": "adam",
}
RATES = [[0.0, 1e-3], [0.55, 5e-4], [0.75, 1e-4], [0.9, 2e-5]]  # from this part of the steps on
PGD = {"epsilon": 0.3, "steps": 40, "step_size": 0.01, "starts": ["uniform"]}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--steps", default=1500)
@click.option("--batch", type=click.IntRange(1, 512), default=TRAIN["batch_size"])
@click.option("--images", default=1000, help="The first test images, all of them attacked.")
@click.option("--seed", default=0)
@click.option("--data-dir", envvar="BSA_DATA_DIR", help="A folder of prepared TFDS data sets (BSA_DATA_DIR).")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("results/agreement"), help="For checkpoints.")
def main(steps, batch, images, seed, data_dir, folder):
    """Print clean and PGD-40 accuracy of the network trained in float32 and in mixed_bfloat16, and the difference."""
    train = TRAIN | {"steps": steps, "batch_size": batch}
    train |= {"epsilon_warmup": min(TRAIN["epsilon_warmup"], steps)}
    train |= {"learning_rate": [[round(part * steps), rate] for part, rate in RATES]}
    found = {}
    for precision in ("float32", "mixed_bfloat16"):
        model, seconds = trained(train | {"precision": precision}, seed, data_dir, folder / f"{precision}_{steps}")
        found[precision] = judged(model, images, seed, data_dir) | {"seconds": seconds}
        click.echo(f"{precision}: {json.dumps(found[precision])}")
    rows = [f"| {name} | {r['clean']:.1f} | {r['pgd40']:.1f} | {r['seconds']:.0f} |" for name, r in found.items()]
    between = found["mixed_bfloat16"]["pgd40"] - found["float32"]["pgd40"]
    click.echo("\n".join(["| precision | accuracy, % | PGD-40 accuracy, % | seconds |", "|---|---:|---:|---:|", *rows]))
    click.echo(f"\nbfloat16 minus float32 under PGD-40: {between:+.1f} points of {images} images, seed {seed}")
    click.echo(json.dumps({"train": train, "pgd": PGD, "seed": seed, "images": images, "found": found}))


def trained(train, seed, data_dir, folder):
    """The network, and the seconds of this process's training: fewer where it went on from a checkpoint."""
    import bsa

    model = bsa.build("madry_mnist", input_shape=_network.SHAPE, num_classes=_network.CLASSES, seed=seed)
    began = time.perf_counter()

    def told(done, total, loss, adversarial_accuracy, **_):
        if done % 100 == 0:
            click.echo(
                f"{train['precision']} {done}/{total} loss {loss:.3f} accuracy {adversarial_accuracy:.3f}", err=True
            )

    data = bsa.load("mnist", split="train", data_dir=data_dir)
    bsa.fit("adversarial", model, data, seed=seed, folder=folder, progress=told, **train)
    return model, time.perf_counter() - began


def judged(model, images, seed, data_dir):
    """Percent of the first test images that are classified correctly as they are, and after PGD as well."""
    import bsa

    data = bsa.load("mnist", split="test", data_dir=data_dir)
    found = bsa.attack("pgd", model, **PGD)(data.x[:images], data.y[:images], seed=seed)
    return {
        "clean": 100 * float(found.correct.mean()),
        "pgd40": 100 * float((found.correct & ~found.success).mean()),
    }


if __name__ == "__main__":
    main()
