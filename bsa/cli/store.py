"""`bsa store`: look into the store, and tidy it; no TensorFlow."""

import collections
import datetime
import functools
import json
import math
import re
import sys

import click

from bsa.cli import completion, running
from bsa.cli.options import options
from bsa.cli.terminal import EXIT
from bsa.errors import UsageError

SHORT = 12  # characters of a key that are shown
UNITS = ("B", "kB", "MB", "GB", "TB")
HOURS = {"h": 1, "d": 24, "w": 168}


class Age(click.ParamType):
    """A span of time such as 12h, 30d or 2w, in days."""

    name = "age"

    def convert(self, value, param, context):
        found = re.fullmatch(r"([0-9]{1,6})([hdw])", str(value))
        if isinstance(value, str) and not found:
            self.fail(f"expected hours, days or weeks, such as 12h, 30d or 2w, found {value}.")
        return int(found[1]) * HOURS[found[2]] / 24 if found else value


OLDER = click.option("--older-than", "days", type=Age(), metavar="AGE", help="Not changed for 12h, 30d, 2w, ...")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
WHICH = (
    click.option("--spec", "specs", multiple=True, metavar="SPEC", shell_complete=completion.specs,
                 help="The stages of a spec, of a results folder or of the run of that name; may be repeated."),
    click.option("--kind", help="Stages of that kind: network, measure, attack, certify, control, sanity, ..."),
    OLDER,
)  # fmt: skip
DELETES = (
    click.option("--dry-run", is_flag=True, help="Tell what would be deleted, and delete nothing."),
    click.option("--yes", is_flag=True, help="Do not ask."),
)


def _with(*made):
    return lambda command: functools.reduce(lambda done, option: option(done), reversed(made), command)


@click.group(epilog=EXIT)
def store():
    """Look into the store of results, and tidy it. Nothing that a running process works on is ever deleted."""


@store.command(epilog=EXIT)
@_with(*WHICH, JSON)
@options("plugins", "data", "weights", "store")
def ls(as_json, **which):
    """List what the store holds, the latest first: key, state or kind, size, date, title."""
    _, found = _chosen(**which)
    if as_json:
        click.echo(json.dumps([_json(entry) for entry in found], indent=1))
        return
    for entry in found:
        click.echo(_line(entry))
    click.echo(_sum(found))


@store.command(epilog=EXIT)
@_with(*WHICH, JSON)
@options("plugins", "data", "weights", "store")
def du(as_json, **which):
    """Tell how much room stages take, kind by kind."""
    _, found = _chosen(**which)
    sizes = collections.defaultdict(lambda: [0, 0])
    for entry in found:
        sizes[_kind(entry)][0] += 1
        sizes[_kind(entry)][1] += entry.bytes
    largest = sorted(sizes.items(), key=lambda each: -each[1][1])
    if as_json:
        rows = [{"kind": kind, "count": count, "bytes": size} for kind, (count, size) in largest]
        click.echo(json.dumps(rows, indent=1))
        return
    for kind, (count, size) in largest:
        click.echo(f"{_size(size):>9}  {count:>5}  {kind}")
    click.echo(_sum(found))


@store.command(epilog=EXIT)
@click.argument("keys", nargs=-1, metavar="KEY...")
@_with(*WHICH, *DELETES, JSON)
@options("plugins", "data", "weights", "store")
def rm(keys, dry_run, yes, as_json, **which):
    """Delete stages: of these KEYs, of which the first characters will do, and of what the options say.

    Options narrow each other down: --spec quickstart --kind attack are the attacks of quickstart. A run that needs
    what was deleted computes it again.
    """
    from bsa.engine import tidy

    if not keys and not any(which[name] for name in ("specs", "kind", "days")):
        raise UsageError("bsa store rm: expected a KEY, --spec, --kind or --older-than, found none: see `bsa store ls`")
    artefacts, found = _chosen(**which)
    if keys:
        found = [entry for entry in found if entry.key in {_whole(key, found) for key in keys}]
    if busy := _busy(tidy.entries(artefacts)):
        click.echo(f"{busy}, by runs that may need what is deleted", err=True)
    _delete(artefacts, found, dry_run, yes, as_json)


@store.command(epilog=EXIT)
@click.argument("keep", nargs=-1, metavar="SPEC...", shell_complete=completion.specs)
@_with(OLDER, *DELETES, JSON)
@options("plugins", "data", "weights", "store")
def gc(keep, days, dry_run, yes, as_json, data_dir, weights_dir, root):
    """Delete what no given SPEC reaches: each a spec, a results folder, or the name of a run in results/.

    All that is stored or begun and not needed for one of these is deleted, so name all that you want to keep. Without
    SPEC nothing that is stored is deleted: only lock files that are left over, and what was begun and not changed for a
    week. While a run is at work in the store, all that is stored stays, as it may need it.
    """
    from bsa.engine import tidy
    from bsa.engine.store import Store

    artefacts = Store(root)
    found = tidy.entries(artefacts)
    kept = _keys(keep, data_dir, weights_dir)
    if keep and not any(entry.key in kept for entry in found):
        raise UsageError(f"bsa store gc: expected a SPEC of which {artefacts.root} holds stages, found none of theirs")
    if busy := _busy(found):
        click.echo(f"{busy}: what is stored stays", err=True)
    garbage = tidy.garbage(found, kept, days)
    _delete(artefacts, garbage, dry_run, yes, as_json)
    if not dry_run:
        tidy.unlock(artefacts, found)


def _busy(found):
    """How many stages are computed now, as a sentence's beginning; "" where none is."""
    count = sum(entry.running for entry in found)
    return f"{count} stage{'s are' if count > 1 else ' is'} being computed" if count else ""


def _chosen(specs, kind, days, data_dir, weights_dir, root):
    from bsa.engine import tidy
    from bsa.engine.store import Store

    artefacts = Store(root)
    keys = _keys(specs, data_dir, weights_dir) if specs else None
    return artefacts, tidy.chosen(tidy.entries(artefacts), keys, kind, days)


def _keys(specs, data_dir, weights_dir):
    """The keys of the stages of specs and results folders."""
    from bsa.engine.run import planned

    found = set()
    for each in specs:
        spec, keys = running.meant(each, weights_dir)
        found |= keys or {stage.key for stage in planned(spec, data_dir)}
    return found


def _whole(key, found):
    """The one key that begins so; UsageError where there is none, or several."""
    matching = [entry.key for entry in found if entry.key.startswith(key)]
    if len(matching) != 1 or not key:
        raise UsageError(f"expected the first characters of one key, found {len(matching)} that begin with {key!r}")
    return matching[0]


def _delete(artefacts, found, dry_run, yes, as_json):
    """Delete entries after a yes, but those that a process works on; tell which."""
    from bsa.engine import tidy

    if not as_json:
        for entry in found:
            click.echo(_line(entry))
    if found and not dry_run and not yes:
        if as_json or not sys.stdin or not sys.stdin.isatty():
            raise UsageError("expected --yes, or --dry-run to see what would be deleted, as nobody can be asked here")
        if not click.confirm(f"Delete {_sum(found)}?", err=True):
            raise click.exceptions.Exit(0)
    gone = [entry for entry in found if not entry.running and (dry_run or tidy.remove(artefacts, entry))]
    busy = [entry for entry in found if entry not in gone]
    if as_json:
        said = {
            "deleted": [_json(entry) for entry in gone],
            "in_use": [entry.key for entry in busy],
            "dry_run": dry_run,
        }
        click.echo(json.dumps(said, indent=1))
        return
    click.echo(f"{'would delete' if dry_run else 'deleted'} {_sum(gone)}")
    if busy:
        click.echo(f"kept {_sum(busy)}, in use by a running process")


def _json(entry):
    about = entry._asdict() | {"needs": list(entry.needs)}
    return about | {"changed": datetime.datetime.fromtimestamp(entry.changed, datetime.UTC).isoformat("T", "seconds")}


def _line(entry):
    date = datetime.datetime.fromtimestamp(entry.changed).strftime("%Y-%m-%d %H:%M") if entry.changed else "-" * 16
    state = "running" if entry.running else _kind(entry)
    return f"{entry.key[:SHORT]}  {state:<9}  {_size(entry.bytes):>9}  {date}  {entry.title}".rstrip()


def _kind(entry):
    return entry.kind if entry.state == "stored" and entry.kind else entry.state


def _sum(found):
    return f"{len(found)} stage{'s' * (len(found) != 1)}, {_size(sum(entry.bytes for entry in found))}"


def _size(count):
    """Bytes as people read them."""
    power = min(int(math.log10(count)) // 3, len(UNITS) - 1) if count else 0
    return f"{count / 1000**power:.{0 if power == 0 else 1}f} {UNITS[power]}"
