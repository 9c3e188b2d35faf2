"""Where the next probe goes: by Optuna's TPE or CMA-ES, over a grid, or at random."""

import contextlib
import importlib.util
import sys
import warnings

from bsa.errors import UsageError
from bsa.exploration._space import allowed, drawn, free, grid
from bsa.ops.seeds import derive

LEARN = {"tpe": "TPESampler", "cma_es": "CmaEsSampler"}  # by what they are told; the classes are Optuna's


def sampler(name, space, problem, budget, seed):
    """What asks for points of the space by the sampler of that name; it has `ask()` and `tell(value)`, in turn.

    `ask` gives None where there are no more. Of several points asked for at once values are told in their order.
    """
    if name in LEARN:
        return _Learning(name, space, problem, seed)
    if name == "grid":
        return _Listed(iter(grid(space, problem, budget)))
    return _Listed(drawn(space, problem, seed, number) for number in range(budget))


class _Listed:
    """Points that are known beforehand."""

    def __init__(self, points):
        self.points = points

    def ask(self):
        return next(self.points, None)

    def tell(self, value):
        pass


class _Learning:
    """An Optuna study in memory: with the same seed and results it asks for the same points."""

    def __init__(self, name, space, problem, seed):
        check(name)
        self.space, self.problem, self.open = space, problem, []
        with _quiet() as optuna:
            more = {"multivariate": True} if name == "tpe" else {}
            made = getattr(optuna.samplers, LEARN[name])(seed=derive(seed, "exploration"), **more)
            self.study = optuna.create_study(direction="maximize", sampler=made)
            self.ranges = {
                key: optuna.distributions.FloatDistribution(space[key].low, space[key].high) for key in free(space)
            }

    def ask(self):
        with _quiet():
            trial = self.study.ask(self.ranges)
        self.open.append(trial)
        fixed = {key: each.low for key, each in self.space.items()}
        return allowed(self.space, self.problem, fixed | trial.params)

    def tell(self, value):
        with _quiet():
            self.study.tell(self.open.pop(0), value)


def check(name: str) -> None:
    """Raise UsageError where the sampler of that name needs a package that is not there."""
    for package in {"tpe": ("optuna",), "cma_es": ("optuna", "cmaes")}.get(name, ()):
        if sys.modules.get(package, ...) is None or importlib.util.find_spec(package) is None:
            raise UsageError(
                f'explore: expected {package} for the sampler "{name}", found none: pip install "bsa[explore]", or use '
                '"grid" or "random"'
            )


@contextlib.contextmanager
def _quiet():
    """Optuna, which otherwise tells of each study and of what is experimental."""
    import optuna

    told = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield optuna
    finally:
        optuna.logging.set_verbosity(told)
