"""`bsa evaluate` and `bsa init`: the spec of an evaluation is made of a few words, then run, printed or written."""

import functools
import inspect
import json
import re
from pathlib import Path

import click

from bsa import evaluation, files
from bsa.cli import completion, flags, running
from bsa.cli.options import RUN, options
from bsa.cli.terminal import EXIT
from bsa.criteria import fraction
from bsa.errors import UsageError
from bsa.spec import override

WIDTH = 100  # of a line of a spec


class Radius(click.ParamType):
    """A radius in [0, 1] pixels, a number or a fraction, as it is written."""

    name = "radius"

    def convert(self, value, param, context):
        found = fraction(value)
        try:
            number = float(value) if found is None else found
        except ValueError:
            number = -1.0
        if not 0 < number <= 1:
            hint = f"; of 255 it is {value}/255" if number > 1 and fraction(f"{value}/255") else ""
            self.fail(f"expected a number above 0 and at most 1, or a fraction such as 8/255, found {value}{hint}.")
        return number if found is None else value


def pixels_of(text):
    """What a network takes for black and white, or mean and standard deviation, as specs have it."""
    if text is None or text.isalpha():  # a mode of keras.applications, which the schema knows
        return text
    mean, between, std = text.removeprefix("mean=").partition("std=")
    try:
        if between and text.startswith("mean="):
            return {"mean": _numbers(mean.rstrip(",:; ")), "std": _numbers(std)}
        low, high = _numbers(text)
    except ValueError:
        expected = "LOW,HIGH such as 0,255, mean=M,M,M:std=S,S,S, or tf, torch or caffe"
        raise UsageError(f"--pixels: expected {expected}, found {text}") from None
    return [low, high]


def _cells(text):
    """Cells, with spaces between them, as specs have them."""
    if text is None:
        return None
    try:
        cells = [_numbers(cell) for cell in text.split()]
    except ValueError:
        cells = []
    if not cells or any(len(cell) != 2 for cell in cells):
        expected = "SCALE,SHIFT with spaces between cells, such as '1,0 0.9,0'"
        raise UsageError(f"--cells: expected {expected}, found {text}")
    return cells


def _numbers(text):
    return [int(word) if word.strip().lstrip("-").isdecimal() else float(word) for word in text.split(",")]


def of_a_network(*more):
    """A decorator: the options that say what network is looked at, on what images and within what radius; then `more`.

    See `bsa.evaluation.experiment`.
    """
    first = [
        click.argument("model", shell_complete=completion.specs),
        click.option("--data", shell_complete=completion.files,
                     help="The images: FILE.npz, IMAGES.npy,LABELS.npy, a folder with a folder for each "
                          "class, tfds:NAME or the name of a data set."),
        click.option("--epsilon", type=Radius(), required=True, metavar="RADIUS",
                     help="The largest change of a pixel, of pixels in [0, 1]: 0.1 or 8/255."),
        click.option("--pixels", metavar="LOW,HIGH",
                     help="What a saved network takes for black and white, such as 0,255 or -1,1, or else "
                          "mean=0.49,0.48,0.45:std=0.2,0.2,0.2, or a mode of keras.applications: tf, torch, "
                          "caffe; by default 0,1."),
        click.option("--outputs", metavar="KIND", help="What a saved network gives: auto, logits, probabilities, ..."),
        click.option("--weights", metavar="FILE",
                     help="The weights of MODEL, where that is the name of a network: .npz, .pth, a checkpoint."),
        click.option("--network", metavar="NAME", help="Which network, where MODEL is a spec of several."),
    ]  # fmt: skip
    last = [
        click.option("--test", metavar="PART", help="Other test images than --data has: a file, a folder, a split."),
        click.option("--train", metavar="PART", help="The training images, likewise."),
        click.option("--name", callback=flags.legal_name, help="Names the results; by default as the network's file."),
    ]
    return lambda command: functools.reduce(
        lambda made, option: option(made), reversed([*first, *more, *last]), command
    )


_asked = of_a_network(
    click.option("--images", type=click.IntRange(1), default=evaluation.IMAGES, show_default=True,
                 help="How many correctly classified images are attacked in each cell; accuracy is counted on up "
                      f"to {evaluation.SEEN} times as many."),
    click.option("--cells", metavar="CELLS",
                 help="Blind spots 'SCALE,SHIFT SCALE,SHIFT ...', the images themselves are 1,0; by default five."),
    click.option("--paper", is_flag=True, help="Attack by the paper's attack, too: carlini_wagner_linf."),
    click.option("--certify/--no-certify", default=True, show_default=True,
                 help="Prove what can be proven of some images, where the network allows it."),
)  # fmt: skip


@click.command(epilog=EXIT)
@_asked
@click.option("--print-spec", is_flag=True, help="Print the spec that would be run, and run nothing.")
@options("set", "seed", "plugins", *RUN)
def evaluate(print_spec, overrides, seed, weights_dir, **given):
    """Evaluate a network: accuracy, success of an attack, in blind spots, too, and whether it can be trusted.

    MODEL is a file that Keras saved (.keras, .h5 or a SavedModel's folder), a spec, or the name of a network whose
    weights are in --weights. It is a spec that is run as by `bsa run`: stored, and the same command goes on.
    """
    made(_spec(given), "bsa evaluate", print_spec, running.told(overrides, seed), weights_dir, **given)


def made(spec, command, print_spec, overrides, weights_dir, *, strict, **given):
    """Run a spec that a command made, after overrides, or print it."""
    for text in overrides:
        override(spec, text)
    resolved = flags.resolved(spec, command)
    if print_spec:
        click.echo(written(spec))
        return
    resolved = running.checked(resolved, weights_dir, strict)
    running.run(resolved, overrides, weights_dir=weights_dir, strict=strict, **given)


@click.command(epilog=EXIT)
@_asked
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file; by default NAME.json.")
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@options("set", "seed", "plugins")
def init(out, overwrite, overrides, seed, **given):
    """Write the spec that `bsa evaluate` would run, with comments, for you to change and `bsa run`."""
    spec = _spec(given)
    for text in running.told(overrides, seed):
        override(spec, text)
    flags.resolved(spec, "bsa init")
    out = out or Path(f"{spec['name']}.json")
    if out.exists() and not overwrite:
        raise UsageError(f"{out}: expected no file, found one: name another with --out, or give --overwrite")
    text = written(evaluation.commented(spec)) + "\n"
    files.write(out, lambda file: file.write(text.encode()))
    click.echo(f"{out}: change what you like, then `bsa run {out}`")


def _spec(given):
    """The spec that the options ask for, which are taken out of `given`."""
    asked = {word: given.pop(word) for word in inspect.signature(evaluation.experiment).parameters}
    return evaluation.experiment(**asked | {"pixels": pixels_of(asked["pixels"]), "cells": _cells(asked["cells"])})


def written(spec):
    """A spec for people to read: what holds no other object or list stands on one line, where it fits."""

    def on_one_line(found):
        line = re.sub(r"\s*\n\s*", " ", found[0])
        line = f"{line[0]}{line[1:-1].strip()}{line[-1]}"
        return line if len(line) <= WIDTH else found[0]

    return re.sub(r"\[[^][{}]*\]|\{[^][{}]*\}", on_one_line, json.dumps(spec, indent=2, ensure_ascii=False))
