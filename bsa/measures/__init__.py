"""Measures, one module each: `measure(view, **params)` returns a dict of arrays, and of numbers for the record."""

from typing import Any, NamedTuple

import numpy as np

from bsa.search.journal import Journal


class View(NamedTuple):
    """What a measure can use: a network, and the test images of one cell in file order."""

    x: np.ndarray  # (n, height, width, channels) float32 in [0, 1]
    y: np.ndarray  # (n,) int
    logits: Any  # logits(x) -> (n, classes)
    embedding: Any  # embedding(x, layer) -> (n, features) float32
    training: Any  # training(layer, count) -> embedding (n, features) and labels (n,) of the first `count` (None: all)
    folder: Any = None  # where pieces of long work are kept, so that a killed run continues
    progress: Any = None  # progress(done, total, **numbers)

    @property
    def journal(self):
        """The journal (`bsa.search.journal`) of long work in `folder`, which tells `progress`."""
        return Journal(self.folder, tell=self.progress)
