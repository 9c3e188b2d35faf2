"""A run with a model and arrays in memory: the usual stages, in a store that lives as long as the results."""

from __future__ import annotations  # networks are named without importing TensorFlow

import hashlib
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from bsa.engine import plan
from bsa.engine.display import silenced
from bsa.engine.results import Results
from bsa.engine.run import ensure
from bsa.engine.store import Store
from bsa.execution import Execution
from bsa.spec import Experiment

if TYPE_CHECKING:
    import keras

    from bsa.data import Dataset

MODEL, IMAGES = "a network in memory", "images in memory"  # stand in the spec in place of files


def described(data: Dataset) -> dict[str, Any]:
    """What the plan needs to know about a data set in memory: as `describe` of a component, with a key by content."""
    content = hashlib.sha256()
    for array in (data.x, data.y):
        content.update(np.ascontiguousarray(array).data)
    known = {"input_shape": list(data.x.shape[1:]), "num_classes": data.num_classes}
    return {"fingerprint": content.hexdigest(), **known, "class_names": list(data.class_names)}


class Temporary(Store):
    """A store that is deleted with the last results that read from it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bsa_evaluate_", ignore_cleanup_errors=True)
        super().__init__(self._folder.name)


class Held:
    """The results of a run in memory, and the keys of its stages."""

    def __init__(self, spec: Experiment, model: keras.Model, data: Dataset, execution: Execution, seen: Any) -> None:
        with silenced():
            from bsa.engine.stages import Desk

        store, about = Temporary(), described(data)
        desk = Desk(held=(data, model), execution=execution)
        stages = plan.stages(spec, about)
        self.keys = {stage.key for stage in stages}
        for stage in stages:
            ensure(stage, store, lambda: desk, seen)
        self.results = Results(spec, store, about)
