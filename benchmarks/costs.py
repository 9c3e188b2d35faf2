"""What every spec costs: passes and operations, counted; seconds and memory, from the records of a store.

Operations are those of convolutions and dense layers, two for a product and its addition. A pass of an attack is a
forward pass and a backward pass to the images, so twice a forward pass; a training step adds the gradients of the
weights, once more as much. Certificates, training for them, distances and t-SNE are no passes: where they are not
measured, a spec costs more than is counted (">").
"""

import json
from pathlib import Path
from typing import NamedTuple

import click

from benchmarks._report import replace
from benchmarks._turns import publish
from benchmarks.training import operations
from bsa import catalog, foreign, spec
from bsa.engine import plan, run
from bsa.engine.stages.network import build
from bsa.engine.store import Store
from bsa.errors import WeightsError
from bsa.spec.experiment import networks

UNKNOWN = "0" * 64  # stands for the sha256 of weights that are not at hand
HEADS = ["spec", "passes", "operations", "2 cores", "of that measured", "peak memory", "one GPU", "eight GPUs"]


class Rates(NamedTuple):
    """Operations a second that a device is taken to sustain."""

    cores: float  # both cores together
    large: float  # a GPU on a network of at least `LARGE` operations a forward pass
    small: float  # a GPU on a smaller one, where starting kernels takes the time
    eight: float  # how many times as fast eight GPUs are


LARGE = 1e9
DISTANCES = ("nearest", "divergence")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--specs", type=click.Path(path_type=Path), default=catalog.shipped("specs"), help="A folder of specs.")
@click.option("--store", "root", type=click.Path(path_type=Path), envvar="BSA_STORE", help="Whose records are read.")
@click.option("--data-dir", envvar="BSA_DATA_DIR", help="A folder of prepared TFDS data sets (BSA_DATA_DIR).")
@click.option("--cores", default=1.5e11, help="Operations a second of 2 cores, for what was not measured.")
@click.option("--large", default=1e14, help="Of one GPU on a network of 1e9 operations a forward pass or more.")
@click.option("--small", default=3e12, help="Of one GPU on a smaller network.")
@click.option("--eight", default=7.0, help="Times as fast as one GPU that eight are.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write costs.md and costs.json there.")
@click.option(
    "--docs", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Put the table into this page."
)
def main(specs, root, data_dir, out, docs, **rates):
    """Print the costs of all specs as a Markdown table and as JSON."""
    rows = [
        row(path, Store(root), data_dir, Rates(**rates))
        for path in sorted(specs.glob("*.json"))
        if "experiments" not in json.loads(path.read_text(encoding="utf-8"))
    ]
    lines = ["| " + " | ".join(HEADS) + " |", "|---|" + "---:|" * (len(HEADS) - 1)]
    lines += ["| " + " | ".join(shown(row)) + " |" for row in rows]
    if docs:
        replace(docs, "\n".join(lines))
    publish("costs", "\n".join(lines) + "\n", {"rates": rates, "specs": rows}, out)


def row(path, store, data_dir, rates):
    """The costs of one spec as numbers: seconds, bytes, operations."""
    resolved = _pinned(spec.load(path))
    stages = plan.stages(resolved, run.describe(resolved, data_dir))
    outlook = run.outlook(resolved, store, data_dir=data_dir)
    forward = {stage.key: sum(operations(build(stage))) for stage in stages if stage.kind == "network"}
    found = {"spec": path.stem, "passes": 0, "operations": 0, "measured": 0, "estimated": 0, "gpu": 0, "peak": 0}
    found["more"] = False
    for stage, seen in zip(stages, outlook, strict=True):
        each = forward[stage.key if stage.kind == "network" else stage.needs[0]]
        count = 0 if uncounted(stage) else 2 * each * (seen["passes"] or 0)
        if count and stage.kind == "network":
            count += each * stage.component["params"]["steps"] * stage.component["params"]["batch_size"]
        found["passes"] += seen["passes"] or 0
        found["operations"] += count
        found["gpu"] += count / (rates.large if each >= LARGE else rates.small)
        if seen["state"] == "stored":
            record = store.record(stage.key)
            found["measured"] += record["seconds"]
            found["peak"] = max(found["peak"], record["peak_memory_bytes"] or 0)
        else:
            found["estimated"] += count / rates.cores
            found["more"] = found["more"] or uncounted(stage)
    return found | {"eight": found["gpu"] / rates.eight}


def uncounted(stage):
    """Whether a stage's work is no passes through the network."""
    name = stage.component["name"]
    return stage.kind == "certify" or (stage.kind, name) == ("network", "outer_polytope") or name in DISTANCES


def _pinned(resolved):
    """The spec with a sha256 for all weights; one that stands for none where they are not at hand."""
    try:
        return foreign.pinned(resolved)
    except WeightsError:
        blocks = {name: dict(block) for name, block in networks(resolved).items()}
        for block in blocks.values():
            if "weights" in block:
                block["weights"] = {"sha256": UNKNOWN} | block["weights"]
        return resolved | {"networks": blocks}


def shown(row):
    """A row of the table as text."""
    total = row["measured"] + row["estimated"]
    share = f"{100 * row['measured'] / total:.0f} %" if total else "-"
    peak = f"{row['peak'] / 2**30:.1f} GB" if row["peak"] else "-"
    counts = [f"{row['passes']:.2e}", f"{row['operations']:.2e}"]
    whole = f"{'> ' * row['more']}{duration(total)}"
    return [f"`{row['spec']}`", *counts, whole, share, peak, duration(row["gpu"]), duration(row["eight"])]


def duration(seconds):
    """Seconds in the unit that suits."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    main()
