"""A sanity stage: the checks of an attack on one network in all its cells."""

import functools

from bsa import catalog
from bsa.checks.sanity import Sample, Subject
from bsa.engine.stages.desk import arrays
from bsa.execution import DEFAULT
from bsa.networks import target
from bsa.search import starts as named
from bsa.search.variants import offered
from bsa.spec import parameters

SEEN = 1000  # images that accuracy is counted on


def compute(stage, needs, part, desk):
    """Check an attack on a network in all its cells: the record's metrics hold the checks."""
    _, *attacked = needs
    samples = []
    for number, folder in enumerate(attacked):
        saved = arrays(folder / "attack.npz")
        fields = {name: saved[name] for name in ("x", "y", "index", "adversarial", "distance")}
        fields["around"] = saved.get("moved")
        where = stage.params["cells"][number]
        move = {"transform": where} if isinstance(where, dict) else dict(zip(("gain", "offset"), where, strict=True))
        x, y, _ = desk.cell({"data": stage.params["data"], **move})
        fields |= {"given": (x[:SEEN].copy(), y[:SEEN]), "moved": where != [1, 0]}
        samples.append(Sample(cell=number, thresholds=stage.params["thresholds"][number], **fields))
    name, params = stage.params["attack"]["name"], stage.params["attack"]["params"]

    def make(params):
        return desk.attacks(needs[0], name, params)[0]

    settings = stage.component["params"] | {"seed": stage.params["seed"], "execution": desk.execution}
    settings["measure"] = desk.pilot(needs[0], name, params)
    found = judged(desk.network(needs[0]), name, make, params, samples, progress=desk.progress, **settings)
    failed = sum(check.passed is False for check in found)
    return {"checks": [check._asdict() for check in found], "failed": failed}


def judged(model, name, make, params, samples, execution=DEFAULT, measure=None, **settings):
    """The checks of `measures.sanity` for the attack `name` that `make(params)` gives; see there for the rest."""
    exact = target(model)

    def other(name, params):
        params = {k: v for k, v in parameters("attacks", name, params).items() if k != "thresholds"}
        return catalog.find("attacks", name).make(exact, **params, execution=execution)

    def point(start, x, index, radius):
        return named.project(named.points(start, x, index, settings["seed"], 0, radius), x, radius)

    variants = functools.partial(offered, catalog.find("attacks", name))
    subject = Subject(exact, params, make, other, point, name, variants, measure, execution)
    return catalog.find("checks", "sanity").measure(subject, samples, **settings)
