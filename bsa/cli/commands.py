"""The command line: `bsa validate | components | schema | plan | run | show | import`. No logic.

TensorFlow is imported only where it is needed.
"""

import functools
import json
import os
import sys
from pathlib import Path

import click

from bsa import files, foreign
from bsa.cli.components import components
from bsa.cli.options import options
from bsa.cli.terminal import EXIT, Commands, again
from bsa.devices import cluster
from bsa.errors import UsageError
from bsa.spec import SpecError
from bsa.spec import load as load_spec
from bsa.spec.problems import Problem
from bsa.version import __version__

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter is no news to the user


@click.group(cls=Commands, epilog=EXIT, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main():
    """Blind-spot attacks on robust networks: from a JSON spec to the paper's tables."""


def _spec(path, overrides, seed, weights_dir, strict=False, tell=None):
    spec = load_spec(path, _told(overrides, seed))
    unchecked = [each.name for each in spec.experiments if not each.sanity]
    if strict and unchecked:
        found = f'"sanity": false in {", ".join(unchecked)}, so that none is made'
        raise UsageError(f"--strict: expected sanity checks, found {found}")
    return foreign.pinned(spec, weights_dir, tell)


@main.command(epilog=EXIT)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@options("plugins", "format")
def validate(files, form):
    """Check specs: every problem at once, with its place, what was expected and what was found.

    FILE may be a folder (its *.json) or - for standard input.
    """
    report = []
    for path in (path for file in files for path in _specs_in(file)):
        problems = _problems(path)
        report.append({"file": str(path), "valid": not problems, "problems": [p._asdict() for p in problems]})
        if form == "text":
            click.echo("\n".join(f"{path}: {p}" for p in problems) if problems else f"{path}: valid")
    if form == "json":
        click.echo(json.dumps(report, indent=1))
    if not all(entry["valid"] for entry in report):
        sys.exit(3)


def _specs_in(file):
    """The specs in a folder; what is none, or holds none, itself."""
    folder = Path(file)
    try:
        return (sorted(folder.glob("*.json")) if folder.is_dir() else []) or [file]
    except OSError:  # an over-long name, a folder that may not be read: said when it is read
        return [file]


def _problems(path):
    try:
        load_spec(path)
    except SpecError as error:
        return error.problems
    except UsageError as error:
        return [Problem("", "a file that can be read, or a folder of *.json", str(error))]
    return []


main.add_command(components)


@main.command(epilog=EXIT)
@options("plugins")
def schema():
    """Print the combined JSON schema of specs, for editors and other tools."""
    from bsa.spec.schema import combined

    click.echo(json.dumps(combined(), indent=1))


@main.command(epilog=EXIT)
@click.argument("spec")
@click.option("--resolved", is_flag=True, help="Print the spec itself instead, as JSON with every default filled in.")
@options("set", "seed", "plugins", "data", "weights", "store", "format")
def plan(spec, resolved, overrides, seed, data_dir, weights_dir, root, form):
    """Print the stages of a SPEC: keys, what the store holds, about how many forward-backward passes."""
    from bsa.engine.run import outlook
    from bsa.engine.store import Store

    spec = _spec(spec, overrides, seed, weights_dir)
    if resolved:
        click.echo(json.dumps(spec.resolved, indent=1, ensure_ascii=False))
        return
    rows = outlook(spec, Store(root), data_dir=data_dir)
    if form == "json":
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        passes = f"{row['passes']:.2e}" if row["passes"] else "-"
        click.echo(f"{row['state']:>8}  {row['key'][:12]}  {passes:>9}  {row['title']}")
    left = sum(row["passes"] or 0 for row in rows if row["state"] != "stored")
    click.echo(f"{len(rows)} stages; about {left:.2e} forward-backward passes of one image are left")


@main.command(epilog=EXIT)
@click.argument("spec")
@options("set", "seed", "plugins", "data", "weights", "store", "out", "overwrite", "strict", "strategy", "devices")
@options("executor", "ray", "workers", "stage_cpus", "stage_gpus")
def run(
    spec,
    overrides,
    seed,
    data_dir,
    weights_dir,
    root,
    out,
    overwrite,
    strict,
    strategy,
    devices,
    executor,
    **ray,
):
    """Run a SPEC: compute what the store lacks, then render its tables and figures.

    It can be killed at any moment; the same command goes on.
    """
    from bsa.engine import display
    from bsa.engine import run as runner
    from bsa.engine.store import Store
    from bsa.report import Folder

    ray = {name: value for name, value in ray.items() if value is not None}
    if ray and not executor:
        given = ", ".join("--" + name.replace("_", "-") for name in ray)
        raise UsageError(f"expected --executor ray with {given}, found no executor")
    resolved = _spec(spec, overrides, seed, weights_dir, strict, tell=functools.partial(click.echo, err=True))
    store = Store(root)
    number, workers = cluster.place(strategy or resolved.strategy)
    folder = Folder(out, resolved, data_dir, overwrite)
    folder.check()
    display = display.Display(several=bool(executor))
    folders = {"data_dir": data_dir, "weights_dir": weights_dir}
    try:
        if executor:
            _on_ray(resolved, store, folders, display, strategy or resolved.strategy, devices, **ray)
        else:
            runner.run(resolved, store, **folders, strategy=strategy, devices=devices, seen=display)
    finally:
        display.close()
    if number:
        click.echo(f"worker {number} of {workers} has trained what there was to train; worker 0 goes on to the results")
        return
    _render(resolved, store, data_dir, folder, _told(overrides, seed), strict)


def _on_ray(spec, store, folders, display, strategy, devices, **size):
    from bsa.engine import ray

    for what, found in {"strategy": strategy, "--devices": devices}.items():
        if found is not None:
            raise UsageError(f"--executor ray: expected no {what}, as each stage is computed alone, found {found}")
    ray.execute(spec, store, **folders, seen=display, **size)


@main.command(epilog=EXIT)
@click.argument("spec")
@options("set", "seed", "plugins", "data", "weights", "store", "out", "overwrite", "strict")
def show(spec, overrides, seed, data_dir, weights_dir, root, out, overwrite, strict):
    """Render the tables and figures of a finished run of a SPEC again."""
    from bsa.engine.store import Store
    from bsa.report import Folder

    resolved = _spec(spec, overrides, seed, weights_dir, strict)
    folder = Folder(out, resolved, data_dir, overwrite)
    _render(resolved, Store(root), data_dir, folder, _told(overrides, seed), strict)


def _told(overrides, seed):
    return [*overrides, *([] if seed is None else [f"seed={seed}"])]


def _render(spec, store, data_dir, folder, overrides, strict):
    from bsa.engine.results import gather
    from bsa.engine.run import describe
    from bsa.report import render
    from bsa.report.write import text

    results = gather(spec, store, lambda experiment: describe(experiment, data_dir))
    command = again(click.get_current_context())
    shown = list(folder.render(results, render, overrides, command))  # all is written, even where nobody reads on
    text.show([*shown, f"written to {folder.out}"])
    if strict and results.failed:
        click.echo(f"bsa: --strict: sanity checks failed: {results.failed}", err=True)
        sys.exit(4)


@main.command("import", epilog=EXIT)
@click.argument("name", metavar="FORMAT")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The network that the weights are of, for example wong_small.")
@click.option(
    "--input-shape", type=int, nargs=3, default=(28, 28, 1), show_default=True, help="Height, width, channels."
)
@click.option("--classes", type=int, default=10, show_default=True)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE",
              help="A parameter of the network, for example std=[0.225]; may be repeated.")  # fmt: skip
@click.option("--index", type=int, help="Which network of a cascade.")
@click.option("--sha256", help="What the file must be.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The .keras file to write.")
@options("plugins")
def import_(name, file, model, input_shape, classes, overrides, index, sha256, out):
    """Turn foreign weights in FILE into a .keras model. FORMAT: wong_kolter (.pth), madry_checkpoint or npz.

    Nothing in FILE is executed.
    """
    import bsa
    from bsa.engine.display import silenced
    from bsa.spec import override, parameters

    if out.suffix != ".keras":
        raise UsageError(f"--out: expected a file that ends in .keras, found {out}")
    params = {}
    for text in overrides:
        override(params, text)
    params = parameters("models", model, params)
    chosen = parameters("weights", name, {} if index is None else {"index": index})
    with silenced():
        network = bsa.build(model, input_shape=input_shape, num_classes=classes, **params)
    bsa.import_weights(name, network, file, sha256=sha256, **chosen)
    network.save(out)
    click.echo(f"{out}: {model}, {network.count_params():,} parameters, {name} weights from {file}")
    click.echo(f"sha256 of {file}: {files.sha256(file)}")
