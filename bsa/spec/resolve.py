"""From a parsed spec to the resolved one: checked, without comments, with defaults filled in."""

from collections.abc import Sequence

from bsa.spec import checks, problems, schema
from bsa.spec.experiment import Experiment
from bsa.spec.problems import Problem, SpecError
from bsa.spec.text import numbers, strip

FRAME = {"$ref": "#/$defs/experiment"}


def resolve(spec: dict, file: object = "<spec>", odd: Sequence[Problem] = ()) -> Experiment:
    """The `Experiment` that `spec` (a parsed dict) states: checked, without comments, with defaults, 600.0 as 600.

    A fraction such as "8/255", where pixels are meant, is the number that it gives.

    `odd` are the problems that its reader found. Raises SpecError with every problem at once.
    """
    spec = schema.computed(strip(spec), FRAME)
    places = {p.pointer for p in odd}
    found = [*odd, *(p for p in problems.of_schema(spec, "experiment") if p.pointer not in places)]
    broken = {p.pointer.split("/")[1] if p.pointer else "" for p in found}
    sound = {k: v for k, v in spec.items() if k not in broken}
    filled = schema.fill(sound, FRAME)
    if "transform" in sound and "blind_spot" not in sound:
        del filled["blind_spot"]  # the cells are those of the one or of the other
    found += checks.problems(filled, broken)
    if found:
        raise SpecError(file, found)
    return Experiment(numbers(filled))
