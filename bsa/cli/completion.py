"""What a shell completes: names of specs and runs, and `bsa completion`, which tells a shell how."""

import click
from click.shell_completion import CompletionItem, get_completion_class

from bsa import catalog
from bsa.cli.terminal import EXIT

SHELLS = ("bash", "zsh", "fish")


def specs(context, parameter, incomplete: str) -> list[CompletionItem]:
    """Files, the specs that ship with bsa and the runs whose results are in the folder results."""
    from bsa.report import names

    shipped = sorted(file.stem for file in catalog.shipped("specs").glob("*.json"))
    known = [name for name in dict.fromkeys([*names(), *shipped]) if name.startswith(incomplete)]
    return [*files(context, parameter, incomplete), *map(CompletionItem, known)]


def files(context, parameter, incomplete: str) -> list[CompletionItem]:
    """Files, of which the shell knows."""
    return [CompletionItem(incomplete, type="file")]


def components(context, parameter, incomplete: str) -> list[CompletionItem]:
    """Kinds of components, or the names of those of the kind before."""
    kind = context.params.get("kind")
    known = catalog.KINDS if parameter.name == "kind" else catalog.names(kind) if kind in catalog.KINDS else ()
    return [CompletionItem(name) for name in known if name.startswith(incomplete)]


@click.command(epilog=EXIT)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context, shell):
    """Print what a SHELL runs to complete commands, options and names: eval "$(bsa completion bash)"."""
    made = get_completion_class(shell)
    click.echo(made(context.find_root().command, {}, "bsa", "_BSA_COMPLETE").source())
