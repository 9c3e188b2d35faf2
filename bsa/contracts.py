"""Protocols of components for type checkers: what `make` and `build` of a module return.

`bsa.testing` checks more, on real components. Nothing here is imported when bsa runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from bsa.certify import Certified
from bsa.data import Dataset
from bsa.search.ledger import Attacked


class Journal(Protocol):
    """Where long work saves its progress, so that it continues after a kill, and reports how far it is."""

    def piece(self, name: str, digest: np.ndarray) -> Mapping | None:
        """The arrays kept by that name for inputs with that digest, or None."""

    def keep(self, name: str, digest: np.ndarray, arrays: Mapping) -> None:
        """Keep arrays by that name, replacing earlier ones."""

    def tell(self, done: float, total: float) -> None:
        """Report that `done` of `total` work is done; the share never falls."""


class Attack(Protocol):
    """`make(model, **params, execution)` of `bsa/attacks/<name>.py`; the module also has `passes(**params)`.

    `variants(params)` is what it offers to the checks, and `pilot(model, **params, execution)` what measures what its
    parameters leave to be measured: see `bsa.search.variants`.
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

        `thresholds` are radii in [0, 1] pixels, the largest first: success is counted within the first.
        A `journal` is told how far the search is; with what it kept, a killed search continues.
        """


class Objective(Protocol):
    """`make(**params)` of `bsa/train/<name>.py`; the module also has `passes(**params)`."""

    def __call__(self, model: Any, x: Any, y: Any, seed: Any, step: Any, part: Any = None) -> tuple[Any, Mapping]:
        """A loss (n,) and metrics, each (n,), of tensors x and y; `part` says which rows of a batch they are."""


class Certificate(Protocol):
    """`make(model, **params)` of `bsa/certify/<name>.py`."""

    def __call__(self, x: np.ndarray, y: np.ndarray) -> Certified:
        """Certify images x (n, height, width, channels) with labels y (n,)."""


class Data(Protocol):
    """The module `bsa/data/<name>.py`; `params` are those of its fragment, each passed by name."""

    def describe(self, *, data_dir: str | None = None, **params: Any) -> Mapping[str, Any]:
        """What keys contain, without reading the data: "fingerprint", "input_shape" and "num_classes"."""

    def load(self, *, split: str, data_dir: str | None = None, **params: Any) -> Dataset:
        """The "train" or the "test" part."""
