"""`bsa diff`: what two specs, or the results of two runs, differ in; no TensorFlow."""

import functools
import json
import sys

import click

from bsa.cli import completion, running
from bsa.cli.options import options
from bsa.cli.terminal import EXIT
from bsa.errors import BsaError, UsageError


@click.command(epilog=EXIT)
@click.argument("a", shell_complete=completion.specs)
@click.argument("b", shell_complete=completion.specs)
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    metavar="POINTS",
    help="Exit with 5 where a rate of B is farther than that from A's, in percentage points, or missing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@options("plugins", "data", "weights", "store")
def diff(a, b, tolerance, as_json, data_dir, weights_dir, root):
    """Compare A with B: changed fields of the specs, and each rate's difference with its 95 % interval.

    A and B are results folders, names of runs in results/, or specs, whose results are taken from the store. Rates
    are compared where both have been run; the interval is paired over the images that both are of.
    """  # fmt: skip
    from bsa.engine import compare
    from bsa.engine.results import gather
    from bsa.engine.run import describe
    from bsa.engine.store import Store
    from bsa.report import difference_json, difference_table
    from bsa.report.write import text

    specs = [running.meant(each, weights_dir)[0] for each in (a, b)]
    changed = list(compare.changes(specs[0].resolved, specs[1].resolved))
    results, missing = [], []
    for spec in specs:
        try:
            results.append(gather(spec, Store(root), functools.partial(describe, data_dir=data_dir)))
        except BsaError as error:
            missing.append(str(error))
    if tolerance is not None and missing:
        raise UsageError(f"--tolerance: expected the results of both, found that {missing[0]}")
    found = [] if missing else compare.differences(*results)
    if as_json:
        fields = [_change(change) for change in changed]
        rates = None if missing else difference_json(found, tolerance)
        click.echo(json.dumps({"a": a, "b": b, "changed": fields, "rates": rates, "missing": missing}, indent=1))
    else:
        text.show([*_lines(changed), *([difference_table(found, (a, b), tolerance)] if found else missing)])
    _exit(found, tolerance)


def _lines(changed):
    from bsa.engine.compare import ABSENT
    from bsa.spec.problems import show

    yield f"{len(changed) or 'no'} field{'s' * (len(changed) != 1)} of the resolved specs changed"
    for change in changed:
        yield "  {}: {} -> {}".format(change.pointer, *("none" if v is ABSENT else show(v) for v in change[1:]))


def _change(change):
    from bsa.engine.compare import ABSENT

    return {"pointer": change.pointer} | {k: v for k, v in zip("ab", change[1:], strict=True) if v is not ABSENT}


def _exit(found, tolerance):
    """Exit with 5 where a rate is beyond the tolerance, or where there is none to compare."""
    if tolerance is None:
        return
    beyond = sum(difference.beyond(tolerance) for difference in found)
    if beyond or not found:
        said = f"{beyond} of {len(found)} rates are beyond it" if found else "there are no rates to compare"
        click.echo(f"bsa: --tolerance {tolerance:g}: {said}", err=True)
        sys.exit(5)
