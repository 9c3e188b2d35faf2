"""`bsa explore`: the spec that searches for a network's blind spots is made of a few words, then run or printed."""

import click

from bsa import evaluation
from bsa.cli import running
from bsa.cli.evaluate import made, of_a_network, pixels_of
from bsa.cli.options import RUN, options
from bsa.cli.terminal import EXIT
from bsa.errors import UsageError

HELD = {"strict": False, "fail_over": (), "fail_under": ()}  # a search has no checks and no rates to hold to limits
SEARCH = ("epsilon", "space", "chain", "ranges", "keep_accuracy", "probes", "images", "unseen", "sampler")


def _ranges(texts):
    """Ranges NAME=LOW,HIGH or NAME=NUMBER, as specs have them."""
    found = {}
    for text in texts:
        name, _, ends = text.partition("=")
        try:
            numbers = [float(end) for end in ends.split(",")]
        except ValueError:
            numbers = []
        if not name or len(numbers) not in (1, 2):
            raise UsageError(f"--range: expected NAME=LOW,HIGH or NAME=NUMBER, such as degrees=-10,10, found {text}")
        found[name] = numbers if len(numbers) == 2 else numbers[0]
    return found


@click.command(epilog=EXIT)
@of_a_network(
    click.option("--space", metavar="NAME", help="Where is searched: a space with a name; natural by default."),
    click.option("--chain", metavar="NAME,NAME", help="Transformations, one after the other, in place of a space: "
                                                      "`bsa components transforms` lists them."),
    click.option("--range", "ranges", multiple=True, metavar="NAME=LOW,HIGH",
                 help="The range of a parameter, or a number where it stands still; may be repeated."),
    click.option("--keep-accuracy", type=float, metavar="POINTS",
                 help="How many points of accuracy may be lost; 2 by default."),
    click.option("--probes", type=int, help="Points that are tried at most; 40 by default."),
    click.option("--images", type=int, help="Images that each probe attacks; 100 by default."),
    click.option("--unseen", type=int, help="Other images, on which what was found is measured; 200 by default."),
    click.option("--sampler", metavar="NAME", help="tpe, cma_es, grid or random; tpe by default."),
)  # fmt: skip
@click.option("--print-spec", is_flag=True, help="Print the spec that would be run, and run nothing.")
@options("set", "seed", "plugins", *(name for name in RUN if name not in HELD))
def explore(print_spec, overrides, seed, weights_dir, pixels, **given):
    """Search for a network's blind spots: transformations of images that keep accuracy and let an attack succeed.

    Finds the point that breaks most and the mildest that breaks half, and measures both on images that the search did
    not see. MODEL is a file that Keras saved (.keras, .h5 or a SavedModel's folder), a spec, or the name of a network
    whose weights are in --weights. It is a spec that is run as by `bsa run`: stored, and the same command goes on.
    """
    search = {name: given.pop(name) for name in SEARCH}
    search |= {"ranges": _ranges(search["ranges"]), "chain": search["chain"] and search["chain"].split(",")}
    network = {
        name: given.pop(name) for name in ("model", "data", "outputs", "weights", "network", "test", "train", "name")
    }
    asked = {name: value for name, value in search.items() if value not in (None, {})}
    spec = evaluation.exploration(**network, pixels=pixels_of(pixels), search=asked)
    made(spec, "bsa explore", print_spec, running.told(overrides, seed), weights_dir, **HELD, **given)
