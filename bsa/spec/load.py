"""Load a spec: one experiment, or a collection of them, after overrides."""

import os
from collections.abc import Sequence

from bsa.spec import collection
from bsa.spec.experiment import Collection, Experiment
from bsa.spec.read import override, read
from bsa.spec.resolve import resolve


def load(path: str | os.PathLike, overrides: Sequence[str] = ()) -> Experiment | Collection:
    """The `Experiment` or `Collection` in a file (`-`: standard input), after overrides such as `train.steps=2000`.

    A bare name such as `quickstart`, or `specs/quickstart.json`, that is no file here is looked up among the specs
    that ship with bsa. In a collection the resolved experiments stand in place of their files. Raises SpecError with
    every problem at once, UsageError where there is no such file.
    """
    file, spec, odd = read(path)
    if "experiments" in spec:
        return collection.resolve(spec, file, overrides, odd)
    for text in overrides:
        override(spec, text)
    return resolve(spec, file, odd)
