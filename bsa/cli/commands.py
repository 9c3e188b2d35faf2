"""The command line: `bsa validate | components | schema | plan | run | evaluate | init | show | import`. No logic.

TensorFlow is imported only where it is needed.
"""

import json
import os
from pathlib import Path

import click

from bsa import files
from bsa.cli import completion, running
from bsa.cli.components import components
from bsa.cli.diff import diff
from bsa.cli.evaluate import evaluate, init
from bsa.cli.explore import explore
from bsa.cli.options import RUN, options
from bsa.cli.store import store
from bsa.cli.telling import telling
from bsa.cli.terminal import EXIT, Commands
from bsa.cli.validate import validate
from bsa.errors import UsageError
from bsa.version import __version__

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter is no news to the user


@click.group(cls=Commands, epilog=EXIT, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main():
    """Blind-spot attacks on robust networks: from a JSON spec to the paper's tables."""


main.add_command(validate)
main.add_command(components)


@main.command(epilog=EXIT)
@options("plugins")
def schema():
    """Print the combined JSON schema of specs, for editors and other tools."""
    from bsa.spec.schema import combined

    click.echo(json.dumps(combined(), indent=1))


@main.command(epilog=EXIT)
@click.argument("spec", shell_complete=completion.specs)
@click.option("--resolved", is_flag=True, help="Print the spec itself instead, as JSON with every default filled in.")
@options("set", "seed", "plugins", "data", "weights", "store", "format")
def plan(spec, resolved, overrides, seed, data_dir, weights_dir, root, form):
    """Print the stages of a SPEC: keys, what the store holds, about how many forward-backward passes."""
    from bsa.engine.run import outlook
    from bsa.engine.store import Store

    spec = running.spec_of(spec, overrides, seed, weights_dir)
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
@click.argument("spec", shell_complete=completion.specs)
@options("set", "seed", "plugins", *RUN)
def run(spec, overrides, seed, **how):
    """Run a SPEC: compute what the store lacks, then render its tables and figures.

    It can be killed at any moment; the same command goes on.
    """
    spec = running.spec_of(spec, overrides, seed, how["weights_dir"], how["strict"], running.tell)
    running.run(spec, running.told(overrides, seed), **how)


main.add_command(evaluate)
main.add_command(init)
main.add_command(explore)
main.add_command(diff)
main.add_command(store)
main.add_command(completion.completion)


@main.command(epilog=EXIT)
@click.argument("spec", shell_complete=completion.specs)
@options("set", "seed", "plugins", "data", "weights", "store", "out", "overwrite", "strict", "fail_over", "fail_under",
         "json", "quiet")  # fmt: skip
def show(spec, overrides, seed, data_dir, weights_dir, root, out, overwrite, strict, fail_over, fail_under, **how):
    """Show the results of a finished run: of a SPEC, or by the name or the folder of its results.

    What the results folder lacks is written; with --overwrite all of it is, pictures too.
    """
    from bsa.engine.store import Store
    from bsa.report import Folder, finished
    from bsa.spec import load

    told = running.told(overrides, seed)
    run = None if told or spec == "-" else finished(spec)
    resolved = running.checked(run.spec if run else load(spec, told), weights_dir, strict)
    held = running.limits(resolved, fail_over, fail_under)
    folder = Folder(out or (run and run.folder), resolved, data_dir, overwrite)
    said = {"overrides": run.overrides, "command": run.command} if run else {"overrides": told}
    with telling(**how) as tell:
        running.render(
            resolved, Store(root), data_dir, folder, tell=tell, strict=strict, held=held, anew=overwrite, **said
        )


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
