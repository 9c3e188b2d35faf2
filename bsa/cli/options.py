"""The options of the command line, by name."""

from pathlib import Path

import click

from bsa import catalog
from bsa.devices import cluster


def _folder(context, parameter, value):
    """A folder on the command line must be there; one in the environment is looked at by what needs it."""
    given = context.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE
    if given and not Path(value).expanduser().is_dir():
        raise click.BadParameter(f"folder {value!r} does not exist.")
    return value


def _offer(context, parameter, value):
    """Folders of plug-ins, before anything that reads a spec."""
    context.meta[parameter.name] = value  # which no command gets, and `again` tells
    for folder in value:
        catalog.add_folder(folder)


KNOWN = {
    "plugins": click.option("--plugins", type=click.Path(), envvar="BSA_PLUGINS", multiple=True, is_eager=True,
                            expose_value=False, callback=_offer, metavar="FOLDER",
                            help="Use the components in FOLDER/<kind>/<name>.py, too, each with its parameters in "
                                 "<name>.json beside it; may be repeated (BSA_PLUGINS: folders with : between)."),
    "set": click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE",
                        help="Override a field, for example train.steps=2000; may be repeated. In a collection "
                             "of every experiment, or of one: NAME.KEY=VALUE."),
    "seed": click.option("--seed", type=int, help="Short for --set seed=N."),
    "store": click.option("--store", "root", type=click.Path(path_type=Path), envvar="BSA_STORE",
                          help="Where results are kept (BSA_STORE); the user's cache folder by default."),
    "data": click.option("--data-dir", envvar="BSA_DATA_DIR", callback=_folder,
                         help="A folder of prepared TFDS data sets (BSA_DATA_DIR); TFDS's own by default."),
    "weights": click.option("--weights-dir", envvar="BSA_WEIGHTS_DIR", callback=_folder,
                            help="A folder of foreign weights (BSA_WEIGHTS_DIR); where fetched ones are kept by "
                                 "default."),
    "out": click.option("--out", type=click.Path(path_type=Path),
                         help="Where tables go; by default results/<name>. It belongs to one run."),
    "overwrite": click.option("--overwrite", is_flag=True,
                              help="Replace the results of another run in the folder of --out."),
    "json": click.option("--json", "as_json", is_flag=True,
                         help="Print a JSON object a line instead: stages, progress and last the results."),
    "quiet": click.option("-q", "--quiet", is_flag=True, help="No progress and no tables: the verdict alone."),
    "verbose": click.option("-v", "--verbose", is_flag=True,
                            help="Lines instead of a bar: when stages begin, how far they are every 5 s, whole keys."),
    "log_file": click.option("--log-file", type=click.Path(path_type=Path), metavar="FILE",
                             help="Append what happens to FILE, too, each line with the time."),
    "strategy": click.option("--strategy", type=click.Choice(cluster.STRATEGIES),
                             help="Share the work among the devices of this machine (mirrored), or of the "
                                  "processes in TF_CONFIG, each with this command (multi_worker); by default the "
                                  "spec's, or one device."),
    "devices": click.option("--devices", type=click.IntRange(1),
                            help="How many devices; by default all GPUs, or 2 parts of the processor."),
    "batch_size": click.option("--batch-size", type=click.IntRange(1, 65536), metavar="IMAGES",
                               help="Images that attacks work on at a time; by default as many as fit, by the size of "
                                    "the network. Two batches are saved together."),
    "jit_compile": click.option("--jit-compile", is_flag=True,
                                help="Compile the passes of attacks by XLA: meant for GPUs."),
    "strict": click.option("--strict", is_flag=True,
                           help="Exit with 4 where a sanity check of the evaluation failed."),
    "fail_over": click.option("--fail-over", multiple=True, metavar="LIMIT",
                              help="Exit with 5 where it holds in any cell: 'success>40', or of one cell and attack "
                                   "'success@0.9,0@pgd>40', in percent; may be repeated."),
    "fail_under": click.option("--fail-under", multiple=True, metavar="LIMIT",
                               help="Exit with 5 where it does not hold in every cell: 'accuracy>95', or of one cell "
                                    "'accuracy@1,0>95'; may be repeated."),
    "executor": click.option("--executor", type=click.Choice(["ray"]),
                             help="Compute independent stages at once, as tasks of Ray (bsa[ray])."),
    "ray": click.option("--ray-address", help="With ray: an existing cluster, for example auto; by default that of "
                                              "RAY_ADDRESS, or one that is started here (local)."),
    "workers": click.option("--workers", type=click.IntRange(1),
                            help="With ray on this machine: stages at once; by default 2."),
    "stage_cpus": click.option("--stage-cpus", type=click.IntRange(1),
                               help="With ray: processors of a stage; by default as many as this machine has."),
    "stage_gpus": click.option("--stage-gpus", type=click.FloatRange(0),
                               help="With ray: GPUs of a stage; by default none."),
    "format": click.option("--format", "form", type=click.Choice(["text", "json"]), default="text"),
}  # fmt: skip

RUN = (  # what a run takes, wherever its spec comes from
    *("data", "weights", "store", "out", "overwrite", "strict", "fail_over", "fail_under", "strategy", "devices"),
    *("batch_size", "jit_compile"),
    *("json", "quiet", "verbose", "log_file", "executor", "ray", "workers", "stage_cpus", "stage_gpus"),
)


def options(*names):
    """A decorator that gives a command the options of these names, in this order."""

    def decorate(command):
        for name in reversed(names):
            command = KNOWN[name](command)
        return command

    return decorate
