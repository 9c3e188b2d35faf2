"""What a run tells a person: one line a stage, and a bar with the time left while a stage is at work."""

import contextlib
import os
import subprocess
import sys

import rich.console
import rich.progress
import rich.table
import rich.text

from bsa.engine.lines import Lines, clock, numbers_of
from bsa.engine.seen import Seen
from bsa.errors import BsaError


class Display(Seen):
    """Progress on standard error: a live bar on a terminal, lines with the time elsewhere.

    Where `several` stages are at work at once, or `much` is to be told, there are lines on a terminal, too.
    """

    def __init__(self, console=None, several=False, much=False):
        self.console = console or rich.console.Console(stderr=True, highlight=False)
        self.live = self.console.is_terminal and not several and not much
        self.lines = Lines(lambda line: print(line, file=sys.stderr, flush=True), much)
        self.bar = None

    def reused(self, stage):
        self._say("stored", stage) if self.live else self.lines.reused(stage)

    def waiting(self, stage):
        self._say("waiting for another run of", stage) if self.live else self.lines.waiting(stage)

    def began(self, stage):
        return self._bar(stage) if self.live else self.lines.began(stage)

    def ended(self, stage, seconds):
        self.close()
        self._say(f"done in {clock(seconds)}", stage) if self.live else self.lines.ended(stage, seconds)

    def warned(self, stage, why):
        if self.live:
            self.console.print(f"warning, {stage.title}: {why}", style="bold", soft_wrap=True, markup=False)
        else:
            self.lines.warned(stage, why)

    def piece(self, stage, what, piece, who):
        self.lines.piece(stage, what, piece, who)

    def close(self):
        """Take the bar off the terminal; also after an error."""
        if self.bar:
            self.bar.stop()
            self.bar = None

    def _say(self, what, stage):
        self.console.print(f"{what}: {stage.title} ({stage.key[:12]})", soft_wrap=True, markup=False)

    def _bar(self, stage):
        columns = rich.progress
        rest = rich.table.Column(ratio=1)  # what is left of the line, and no more
        self.bar = _Bar(
            columns.BarColumn(10), columns.MofNCompleteColumn(), columns.TextColumn("left"),
            columns.TimeRemainingColumn(), _Numbers(table_column=rest), console=self.console, transient=True,
            speed_estimate_period=120, expand=True,
        )  # fmt: skip
        task = self.bar.add_task(stage.title, numbers={})
        self.bar.start()
        return lambda done, total, **metrics: self.bar.update(task, completed=done, total=total, numbers=metrics)


class _Bar(rich.progress.Progress):
    """A bar with its title above it, so that a narrow terminal has room for both."""

    def get_renderables(self):
        yield from (rich.text.Text(task.description) for task in self.tasks)
        yield self.make_tasks_table(self.tasks)


class _Numbers(rich.progress.ProgressColumn):
    """As many of a task's numbers as fit, none of them cut."""

    def render(self, task):
        return _Fitting(task.fields["numbers"])


class _Fitting:
    def __init__(self, metrics):
        self.metrics = list(metrics.items())

    def __rich_console__(self, console, options):
        fitting = [numbers_of(dict(self.metrics[:count])) for count in range(len(self.metrics), -1, -1)]
        yield next((text for text in fitting if len(text) <= options.max_width), "")


# What a process holds back of its standard error, line by line: told unless the process takes it back by a zero byte.
HOLD = """
import os
held = b""
while chunk := os.read(0, 65536):
    held += chunk
    if held.endswith(b"\\0"):
        break
else:
    os.write(2, held)
"""


@contextlib.contextmanager
def silenced():
    """What reaches the process's standard error is held back: for importing TensorFlow, whose C++ parts greet there.

    It is dropped where the block ends well, or by an error of bsa's, which speaks for itself. Where it ends otherwise,
    or the process dies in it, all is told: TensorFlow's last words say why. Another process holds it, as no code of
    this one runs after an abort.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
        holder = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process alone
        )  # fmt: skip
    except OSError:  # no process to be had, or no standard error
        yield
        return
    os.dup2(holder.stdin.fileno(), 2)
    holder.stdin.close()
    try:
        yield
    except (BsaError, KeyboardInterrupt):
        _drop()
        raise
    else:
        _drop()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        holder.wait()


def _drop():
    with contextlib.suppress(OSError):  # the holder was killed
        os.write(2, b"\0")
