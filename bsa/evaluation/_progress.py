"""Progress of a library call: one line that is updated in a notebook, elsewhere the display of the command line."""

import html
import sys
import time
from collections.abc import Callable
from typing import Any

from bsa.engine.display import Display
from bsa.engine.lines import clock
from bsa.engine.seen import Seen

BETWEEN = 0.5  # seconds between two updates of a notebook's line


def display(shown: bool = True) -> Any:
    """The display of a run's progress: a notebook's line, a terminal's bar, plain lines, or nothing."""
    if not shown:
        return Seen()
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return Notebook() if hasattr(shell, "kernel") else Display()


class Notebook(Seen):
    """A line in a notebook's cell: the current stage, its progress and the time left."""

    def __init__(self) -> None:
        from IPython import display

        self._html, self._show = display.HTML, display.display
        self._handle = self._show(self._html(""), display_id=True)
        self._stages, self._start = 0, time.monotonic()

    def began(self, stage: Any) -> Callable:
        began, told = time.monotonic(), -BETWEEN
        self._say(stage.title)

        def progress(done: float, total: float, **metrics: Any) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told < BETWEEN:
                return
            told = now
            left = f", {clock((now - began) * (total - done) / done)} left" if done else ""
            self._say(f"{stage.title}: {done:g} of {total:g}{left}", done / total if total else 0)

        return progress

    def ended(self, stage: Any, seconds: float = 0.0) -> None:
        self._stages += 1

    def warned(self, stage: Any, why: str) -> None:
        self._show(self._html(f"<b>{html.escape(f'warning, {stage.title}: {why}')}</b>"))

    def close(self) -> None:
        self._say(f"{self._stages} stages in {clock(time.monotonic() - self._start)}", 1)

    def _say(self, text: str, share: float | None = None) -> None:
        bar = "<progress></progress>" if share is None else f'<progress value="{share:.4f}"></progress>'
        self._handle.update(self._html(f"{bar} {html.escape(text)}"))
