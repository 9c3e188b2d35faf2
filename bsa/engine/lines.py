"""What a run tells as lines: for a file, a log, or, as JSON, a program."""

import datetime
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from bsa.engine.seen import Seen

BETWEEN = 30  # seconds between two lines of progress
OFTEN = 5  # the same, where much is to be told
OBJECTS = 1  # the same, for a program


class Lines(Seen):
    """Lines for people, each with the time: `write(line)` takes them. With `much`, when stages begin, too."""

    def __init__(self, write: Callable[[str], None], much: bool = False):
        self.write, self.much = write, much

    def say(self, text: str) -> None:
        """A line of its own, or several."""
        for line in text.splitlines():
            self.write(f"{now()} {line}")

    def reused(self, stage) -> None:
        self.say(f"stored: {self._named(stage)}")

    def waiting(self, stage) -> None:
        self.say(f"waiting for another run of: {self._named(stage)}")

    def began(self, stage) -> Callable[..., None]:
        if self.much:
            self.say(f"begun: {self._named(stage)}")

        def tell(done, total, spent, left, metrics):
            rest = clock(left) if left is not None else "?"
            numbers = "  ".join(["", *([numbers_of(metrics)] if metrics else [])])
            self.say(f"{stage.title}: {done}/{total} in {clock(spent)}, left {rest}{numbers}")

        return paced(tell, OFTEN if self.much else BETWEEN)

    def ended(self, stage, seconds) -> None:
        self.say(f"done in {clock(seconds)}: {self._named(stage)}")

    def warned(self, stage, why: str) -> None:
        self.say(f"warning, {stage.title}: {why}")

    def piece(self, stage, what, piece, who) -> None:
        if what == "began" or self.much:
            self.say(f"{piece} {'by' if what == 'began' else 'ended by'} {who}: {self._named(stage)}")

    def _named(self, stage):
        return f"{stage.title} ({stage.key if self.much else stage.key[:12]})"


class Objects(Seen):
    """A JSON object a line, for programs: `write(line)` takes them."""

    def __init__(self, write: Callable[[str], None]):
        self.write = write

    def tell(self, event: str, **fields: Any) -> None:
        """One object: the event, the time, and what there is to tell of it."""
        self.write(json.dumps({"event": event, "time": now(), **fields}, ensure_ascii=False, allow_nan=False))

    def _of(self, event, stage, **fields):
        self.tell(event, kind=stage.kind, stage=stage.title, key=stage.key, **fields)

    def reused(self, stage) -> None:
        self._of("stored", stage)

    def waiting(self, stage) -> None:
        self._of("waiting", stage)

    def began(self, stage) -> Callable[..., None]:
        self._of("began", stage)

        def tell(done, total, spent, left, metrics):
            metrics = {name: float(value) for name, value in metrics.items() if abs(value) < float("inf")}  # nor nan
            rest = {} if left is None else {"left_seconds": round(left, 1)}
            self._of("progress", stage, done=float(done), total=float(total), **rest, metrics=metrics)

        return paced(tell, OBJECTS)

    def ended(self, stage, seconds) -> None:
        self._of("done", stage, seconds=round(seconds, 2))

    def warned(self, stage, why: str) -> None:
        self._of("warning", stage, text=why)

    def piece(self, stage, what, piece, who) -> None:
        self._of("piece", stage, piece=piece, state=what, worker=who)


class Several(Seen):
    """Tells several what a run tells one."""

    def __init__(self, seen: Sequence[Any]):
        self.seen = seen

    def reused(self, stage) -> None:
        self._all("reused", stage)

    def waiting(self, stage) -> None:
        self._all("waiting", stage)

    def began(self, stage) -> Callable[..., None]:
        told = self._all("began", stage)

        def progress(done, total, **metrics):
            for tell in told:
                tell(done, total, **metrics)

        return progress

    def ended(self, stage, seconds) -> None:
        self._all("ended", stage, seconds)

    def warned(self, stage, why: str) -> None:
        self._all("warned", stage, why)

    def piece(self, stage, what, piece, who) -> None:
        self._all("piece", stage, what, piece, who)

    def close(self) -> None:
        self._all("close")

    def _all(self, what, *told):
        return [getattr(each, what)(*told) for each in self.seen]


def paced(tell: Callable[..., None], between: float) -> Callable[..., None]:
    """A progress(done, total, **metrics) that calls tell(done, total, spent, left, metrics) every `between` seconds.

    `spent` and `left` are seconds; what is left is None until there is a pace to tell it by.
    """
    began = said = time.monotonic()
    first = None  # the first report: a resumed stage does not begin at 0

    def progress(done, total, **metrics):
        nonlocal first, said
        at = time.monotonic()
        first = (at, done) if first is None else first
        if at - said >= between:
            said = at
            pace = (at - first[0]) / (done - first[1]) if done > first[1] else None
            tell(done, total, at - began, None if pace is None else pace * (total - done), metrics)

    return progress


def now() -> str:
    """The time in UTC, to the second, as ISO 8601 has it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def numbers_of(metrics: dict[str, float]) -> str:
    """Metrics on a line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def clock(seconds: float) -> str:
    """Seconds as people read them: 5.3 s, 12 min 05 s, 3 h 07 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
