"""`bsa components`: what there is, read off the fragments; no TensorFlow."""

import json

import click

from bsa.cli import completion
from bsa.cli.options import options
from bsa.cli.terminal import EXIT


@click.command(epilog=EXIT)
@click.argument("kind", required=False, shell_complete=completion.components)
@click.argument("name", required=False, shell_complete=completion.components)
@options("plugins", "format")
def components(kind, name, form):
    """List the components there are, of a KIND such as attacks, or show one by its NAME: parameters and origin."""
    from bsa.listing import components

    found = components(kind, name)
    if form == "json":
        rows = [each._asdict() | {"parameters": [p._asdict() for p in each.parameters]} for each in found]
        click.echo(json.dumps(rows, indent=1))
        return
    page = click.HelpFormatter(width=click.HelpFormatter(max_width=120).width)
    if name:
        _one(page, *found)
    else:
        _listed(page, found)
    click.echo(page.getvalue().rstrip("\n"))


def _listed(page, found):
    for kind in dict.fromkeys(each.kind for each in found):
        with page.section(kind):
            page.write_dl([(each.name, _line(each)) for each in found if each.kind == kind])


def _line(component):
    if component.wrong:
        return component.wrong
    return component.description + ("" if component.origin == "bsa" else f" [{component.origin}]")


def _one(page, component):
    page.write_text(component.wrong or f"{component.kind} {component.name}, of {component.origin}")
    page.write_paragraph()
    page.write_text(component.description)
    if component.parameters:
        with page.section("parameters"):
            page.write_dl([(p.name, f"{p.type}; {_default(p)}. {p.description}") for p in component.parameters])


def _default(parameter):
    if parameter.required:
        return "required"
    return "may be left out" if parameter.default is None else f"default {json.dumps(parameter.default)}"
