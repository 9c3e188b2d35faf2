"""What surrounds a command: its streams, the signals that end it, and the messages and exit codes of errors."""

import errno
import os
import shlex
import signal
import sys

import click

from bsa.cli.telling import OPTIONS
from bsa.errors import BsaError, UsageError
from bsa.spec.problems import SpecError

EXIT = (
    "Exit codes: 0 fine, 1 the run failed, 2 wrong usage, 3 invalid spec, 4 a sanity check failed (with --strict), "
    "5 a rate is beyond a limit (with --fail-over, --fail-under or --tolerance), 130 Ctrl-C, 143 terminated."
)


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as clusters do: it ends as after Ctrl-C, and cleans up."""


class Commands(click.Group):
    """A group that turns bsa's errors into messages and exit codes."""

    def __call__(self, *args, **kwargs):
        _ready()
        try:
            return super().__call__(*args, **kwargs)
        except KeyboardInterrupt as stop:  # while imports or arguments were read
            sys.exit(_stopped(stop))

    def invoke(self, context):
        try:
            return super().invoke(context)
        except KeyboardInterrupt as stop:
            context.exit(_stopped(stop))
        except BsaError as error:
            code, message = 1, str(error)
            if isinstance(error, SpecError | UsageError):
                code = 3 if isinstance(error, SpecError) else 2
        except EOFError as error:  # click would say "Aborted!" and no more
            code, message = 1, f"a file ends too early: {error}"
        except OSError as error:
            if error.errno == errno.EPIPE:  # nobody reads on, as behind `| head`: click ends in silence
                raise
            code, message = 1, f"{error.filename or 'a file'}: {error.strerror or error}"
        click.echo(f"bsa: {message}", err=True)
        context.exit(code)


def again(context: click.Context) -> str:
    """The command line that computes again what was computed or, by `show`, shown."""
    words = ["bsa", "run" if context.info_name == "show" else context.info_name or ""]
    for parameter in context.command.params:
        typed = context.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE
        if not typed or parameter.name in OPTIONS:
            continue
        given = context.params.get(parameter.name, context.meta.get(parameter.name))
        for value in given if isinstance(given, tuple | list) else [given]:
            if isinstance(parameter, click.Option):
                words.append((parameter.opts if value is not False else parameter.secondary_opts)[0])
            words += [] if isinstance(value, bool) else [str(value)]
    return shlex.join(words)


def _stopped(stop):
    """Say that a command was stopped; the exit code by which shells know the signal."""
    click.echo("bsa: stopped; the same command goes on from here", err=True)
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


def _ready():
    """The streams take every character, closed ones swallow it, and SIGTERM is an exception."""
    for name, number in {"stdin": 0, "stdout": 1, "stderr": 2}.items():
        if getattr(sys, name) is None:  # closed, as by 2>&-: the next file to be opened would take its number
            mode = "r" if number == 0 else "w"
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            if stream.fileno() != number:
                os.dup2(stream.fileno(), number)
            setattr(sys, name, stream)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an ASCII terminal, a file name that is no UTF-8
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _terminated)


def _terminated(*_):
    raise Terminated
