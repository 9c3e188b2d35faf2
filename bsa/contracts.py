"""What is asked of components that are called, for type checkers: what `make` and `build` of a module give.

`bsa.testing` checks the same on real ones, and more. Nothing here is imported when bsa runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from bsa.certify import Certified
from bsa.data import Dataset
from bsa.search.ledger import Attacked


class Journal(Protocol):
    """Where long work keeps what is done, so that a killed one goes on, and says how far it is."""

    def piece(self, name: str, digest: np.ndarray) -> Mapping | None:
        """The arrays that were kept by that name and made of what has that digest, or None."""

    def keep(self, name: str, digest: np.ndarray, arrays: Mapping) -> None:
        """Keep arrays, in place of what was kept by that name."""

    def tell(self, done: float, total: float) -> None:
        """So much of the work is done, of what is expected in all; the share never falls."""


class Attack(Protocol):
    """`make(model, **params)` of `bsa/attacks/<name>.py`; the module has `passes(**params)`, too.

    `variants(params)` is what it offers to the checks, see `bsa.search.variants`.
    """

    def __call__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        thresholds: Sequence[float],
        seed: int = 0,
        index: np.ndarray | None = None,
        journal: Journal | None = None,
    ) -> Attacked:
        """Attack images x (n, height, width, channels) with labels y (n,), numbered `index` (n,).

        `thresholds` are radii in [0, 1] pixels, the largest first: success is within the first of them.
        A `journal` is told how far the search is, and what it keeps is gone on from.
        """


class Objective(Protocol):
    """`make(**params)` of `bsa/train/<name>.py`; the module has `passes(**params)`, too."""

    def __call__(self, model: Any, x: Any, y: Any, seed: Any, step: Any, part: Any = None) -> tuple[Any, Mapping]:
        """A loss (n,) and metrics, each (n,), of tensors x and y; of which rows of a batch says `part`."""


class Certificate(Protocol):
    """`make(model, **params)` of `bsa/certify/<name>.py`."""

    def __call__(self, x: np.ndarray, y: np.ndarray) -> Certified:
        """Certify images x (n, height, width, channels) with labels y (n,)."""


class Data(Protocol):
    """The module `bsa/data/<name>.py`; `params` are those of its fragment, each by its name."""

    def describe(self, *, data_dir: str | None = None, **params: Any) -> Mapping[str, Any]:
        """What enters keys without reading the data: "fingerprint", "input_shape" and "num_classes"."""

    def load(self, *, split: str, data_dir: str | None = None, **params: Any) -> Dataset:
        """The "train" or the "test" part."""
