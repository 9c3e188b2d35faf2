"""What a run tells and to whom: people at a terminal, a log file, a program that reads JSON."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bsa.engine.lines import Lines, Objects, Several
from bsa.errors import UsageError
from bsa.files import reason

OPTIONS = ("as_json", "quiet", "verbose", "log_file")  # what a command hands on; none of them changes what is computed


class Telling:
    """`seen` is told of stages, as `bsa.engine.run` says; `results` shows what came out."""

    def __init__(self, seen: Any, objects: Objects | None = None, quiet: bool = False, log: Lines | None = None):
        self.seen, self.objects, self.quiet, self.log = seen, objects, quiet, log

    def say(self, text: str) -> None:
        """A line that is neither a stage's nor a result's."""
        if self.objects:
            self.objects.tell("note", text=text)
        elif not self.quiet:
            click.echo(text)

    def results(self, shown: list, sentences: list[str], folder: Path, found: dict[str, Any]) -> None:
        """What `bsa.report.write.text` shows of the results; `found` are their numbers for a program."""
        from bsa.report.write import text

        said = [f"written to {folder}", *sentences]
        if self.log:
            self.log.say("\n".join(said))
        if self.objects:
            self.objects.tell("results", path=str(folder), verdict=sentences, **found)
        else:
            text.show(sentences if self.quiet else [*shown, *said])


@contextlib.contextmanager
def telling(
    as_json: bool = False,
    quiet: bool = False,
    verbose: bool = False,
    log_file: Path | None = None,
    several: bool = False,
) -> Iterator[Telling]:
    """A `Telling` as the options say; `several` stages may be at work at once. The log has why a run ended early."""
    if quiet and verbose:
        raise UsageError("expected -q or -v, found both")
    with contextlib.ExitStack() as closing:
        objects = Objects(lambda line: print(line, file=sys.stdout, flush=True)) if as_json else None
        log = _log(log_file, verbose, closing) if log_file else None
        seen = Several([each for each in (_shown(objects, quiet, verbose, several), log) if each])
        closing.callback(seen.close)
        try:
            yield Telling(seen, objects, quiet, log)
        except BaseException as error:
            if log and not isinstance(error, SystemExit):
                log.say(f"ended by {type(error).__name__}: {error}".rstrip(": "))
            raise


def _shown(objects, quiet, verbose, several):
    """Who is told of stages, beside a log."""
    if quiet:
        return None
    if objects:
        return objects
    from bsa.engine.display import Display

    return Display(several=several, much=verbose)


def _log(path, verbose, closing):
    try:
        file = open(path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"--log-file: expected a file that can be written, found {path}: {reason(error)}") from None
    closing.enter_context(file)
    return Lines(lambda line: print(line, file=file, flush=True), verbose)
