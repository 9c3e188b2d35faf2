"""Problems of a spec that a command made of its options, told by the options that were typed."""

import re
from collections.abc import Iterable, Iterator

import click

from bsa.spec import SpecError, resolve
from bsa.spec.problems import Problem

# where in the spec an option's value stands; the first that fits
PLACES = {
    r"/(explore|attack/\d+|certify)/epsilon": "--epsilon",
    r"/explore/ranges": "--range",
    r"/explore/(chain|space|keep_accuracy|probes|images|unseen|sampler)": "--{}",
    r"/(attack/\d+|measures/\d+)/images": "--images",
    r"/blind_spot/cells": "--cells",
    r"/model/(pixels|outputs)": "--{}",
    r"/data/(test|train)": "--{}",
    r"/(data|weights|name)": "--{}",
}


def resolved(spec: dict, command: str):
    """The resolved spec; SpecError tells of what an option stated by that option, and of all else by its place."""
    try:
        return resolve(spec, command)
    except SpecError as error:
        typed = set(_typed(click.get_current_context()))
        raise SpecError(error.file, dict.fromkeys(_flagged(error.problems, typed))) from None


def _typed(context) -> Iterator[str]:
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE:
            yield from parameter.opts


def _flagged(problems: Iterable[Problem], typed: set[str]) -> Iterator[Problem]:
    """The problems; an option that states several fields is told of by the first that has one."""
    told: dict[str, str] = {}
    for problem in problems:
        option, place, rest = _option(problem.pointer)
        if option not in typed or "--set" in typed:  # what --set states is told by its place
            yield problem
        elif told.setdefault(option, place) == place:
            item = f", item {int(rest) + 1}" if rest.isdecimal() else f" {rest}"
            yield problem._replace(pointer=option + item.rstrip())


def _option(pointer):
    """The option whose value stands at a place or around it, its own place, and the rest."""
    for place, option in PLACES.items():
        if found := re.match(rf"{place}(?=/|\Z)", pointer):
            name = option.format(found[1].replace("_", "-")) if found.re.groups else option
            return name, found[0], pointer[found.end() :].removeprefix("/")
    return "", "", ""


def legal_name(context, parameter, value):
    """The value of --name, where it is a legal one; BadParameter that suggests one where it is not."""
    from bsa.evaluation import legal

    if value is not None and not re.fullmatch("[a-z0-9_]{1,100}", value):
        raise click.BadParameter(f"expected small letters, digits and _, as in {legal(value)}, found {value!r}.")
    return value
