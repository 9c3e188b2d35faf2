"""Limits that a run must keep, such as 'success>40': for continuous integration. No TensorFlow."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bsa.engine.rates import ACCURACY, CERTIFIED_ERROR, METRICS, SUCCESS, Rate, rates
from bsa.engine.results import Collected, Results
from bsa.errors import UsageError, suggest
from bsa.spec import Collection, Experiment

FORM = "METRIC[@CELL][@ATTACK]>PERCENT"
EXAMPLE = "success>40, success@0.9,0@pgd>40 or accuracy@1,0>95"
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")


class Limit(NamedTuple):
    """A limit `metric>bound` on some rates, in percent."""

    text: str  # as written, after its option
    over: bool  # True: the run fails if it holds; False: if it does not
    metric: str
    cell: str | None  # as `_plain` writes it; None: every cell
    label: str | None  # of the attack or certificate; None: all of them
    bound: float
    equal: bool  # >=

    def holds(self, rate: Rate) -> bool:
        """Whether a rate is above the bound."""
        return rate.percent >= self.bound if self.equal else rate.percent > self.bound

    def of(self, rate: Rate) -> bool:
        """Whether it applies to a rate."""
        cell = self.cell in (None, _plain(str(rate.cell)))
        return rate.metric == self.metric and cell and self.label in (None, rate.label)


def limit(text: str, spec: Experiment | Collection, *, over: bool) -> Limit:
    """The limit of an option, checked: `--fail-over 'success>40'` if `over`, else `--fail-under 'accuracy>95'`.

    The first fails a run if success is above 40 % in any cell by any attack, the second unless accuracy is above
    95 % in every cell. `success@0.9,0@pgd>40` applies to one cell and one attack only. Raises UsageError.
    """
    option = "--fail-over" if over else "--fail-under"
    told = f"{option} {text}"
    left, sign, right = re.sub(r"\s*(>=?)\s*", r"\1", text.strip()).partition(">")
    right, equal = right.removeprefix("="), right.startswith("=")
    if not sign:
        raise UsageError(f"{told}: expected {FORM}, such as {EXAMPLE}, found no >")
    metric, *where = left.split("@")
    if metric not in METRICS:
        raise UsageError(
            f"{told}: expected one of {', '.join(METRICS)} first, found {metric!r}. {suggest(metric, METRICS)}"
        )
    bound = float(right) if NUMBER.fullmatch(right) else math.nan
    if not 0 <= bound <= 100:
        raise UsageError(f"{told}: expected a percentage from 0 to 100 after >, found {right!r}")
    cell, label = _where(told, metric, where, spec)
    return Limit(told, over, metric, cell, label, bound, equal)


def _where(told, metric, where, spec):
    """The named cell and label, both of `spec`."""
    cells = list(dict.fromkeys(_plain(str(cell)) for each in spec.experiments for cell in each.cells))
    labels = list(dict.fromkeys(label for each in spec.experiments for label in _labels(each, metric)))
    if not labels:
        raise UsageError(f"{told}: expected a spec that gives {metric}, found none of it: see its attack and measures")
    cell = label = None
    for word in where:
        if cell is None and label is None and _plain(word) in cells:
            cell = _plain(word)
        elif label is None and word and word in labels:
            label = word
        else:
            known = ", ".join(filter(None, [*cells, *labels]))
            raise UsageError(f"{told}: expected a cell, then an attack, out of {known}, found {word!r}")
    return cell, label


def _labels(experiment, metric):
    """The labels for which an experiment has rates; "" for accuracy."""
    if metric == ACCURACY:
        return ["" for each in experiment.measures if each.component.name == ACCURACY]
    return [each.label for each in (experiment.attacks if metric == SUCCESS else experiment.certificates)]


def _plain(cell):
    """A cell as people write it, "0.9,0": without brackets and spaces, and with short numbers."""
    return NUMBER.sub(lambda found: f"{float(found[0]):g}", re.sub(r"[()\s]", "", cell))


def passed(limits: Iterable[Limit], results: Results | Collected) -> list[str]:
    """A sentence for each limit and rate that fails the run; none if all limits are kept."""
    return [said for each in limits for experiment in results.experiments for said in _beyond(each, experiment)]


def _beyond(limit, results) -> Iterator[str]:
    if limit.metric == CERTIFIED_ERROR:  # a rate that is not known keeps no limit
        yield from (f"{limit.text}: not known, as {said}" for said in results.left_out(label=limit.label))
    found = [rate for rate in rates(results) if limit.of(rate)]
    largest: dict = {}
    for rate in found:
        key = rate[:4]
        largest[key] = max(largest.get(key, rate), rate, key=lambda each: each.threshold or 0)
    for rate in largest.values():
        if limit.holds(rate) == limit.over or not rate.images:
            by = f" by {rate.label}" if rate.label else ""
            at = f"network {rate.network}, " if len(results.spec.networks) > 1 else ""
            share = f"{rate.percent:.2f} % of {rate.images} images"
            yield f"{limit.text}: {rate.metric} is {share} in {at}cell {rate.cell}{by}"
