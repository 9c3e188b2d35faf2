"""What a run tells whoever looks on."""

from collections.abc import Callable
from typing import Any


class Seen:
    """Hears all that `bsa.engine.run.run` tells and does nothing; who looks on says what to do with some of it."""

    def reused(self, stage: Any) -> None:
        """The store holds the stage already."""

    def waiting(self, stage: Any) -> None:
        """Another process is computing the stage."""

    def began(self, stage: Any) -> Callable[..., None]:
        """The stage starts; returns its progress(done, total, **metrics)."""
        return lambda done, total, **metrics: None

    def ended(self, stage: Any, seconds: float) -> None:
        """The stage is committed, after so many seconds of work."""

    def warned(self, stage: Any, why: str) -> None:
        """What the stage found is to be doubted."""

    def piece(self, stage: Any, what: str, piece: str, who: str) -> None:
        """A worker (HOST:PID) began or ended a piece of the stage; `what` says which."""

    def close(self) -> None:
        """Nothing is left to be told; also after an error."""
