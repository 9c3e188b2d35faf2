"""The page of a run, of no format: what was evaluated, verdicts, charts, the parts of the reports, examples."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bsa.engine.results import Collected, Results
from bsa.report import _control, _sanity, _verdict, success_table
from bsa.report._chart import chart
from bsa.report._gallery import galleries
from bsa.report._verdict import radius
from bsa.report.page import Chart, Gallery, Note, Page, Part, Table

UNTOLD = {"command": "", "date": "", "stages": []}  # of results that were rendered into no folder of a run
GALLERY = "examples"  # the report whose pictures the page has in a form of its own


class Section(NamedTuple):
    """One experiment."""

    name: str
    description: str
    facts: Sequence[tuple[str, str]]  # what was evaluated: pairs (what, which)
    trust: Sequence[tuple[str, bool]]  # whether to trust the numbers: sentences; True: a warning
    numbers: Sequence[str]  # what came out, in sentences
    control: str  # whether cells are more than larger balls, in a line
    charts: Sequence[tuple[str, Chart]]  # with the network's name
    parts: Sequence[tuple[Part, Path]]  # with the folders of their files
    checks: Sequence[Table]  # verdicts and figures of the checks, and the cells beside larger balls
    galleries: Sequence[Gallery]


class Index(NamedTuple):
    """The page."""

    name: str
    description: str
    parts: Sequence[tuple[Part, Path]]  # of a collection, over all its experiments
    sections: Sequence[Section]
    spec: Any  # JSON
    about: dict[str, Any]  # what run.json says, where there is one


def index(
    results: Results | Collected,
    pages: Iterable[tuple[str, Path, Page]],
    about: dict[str, Any],
) -> Index:
    """The page of results, `pages` being (name of the report, folder of its files, page)."""
    pages = list(pages)
    parts = [(part, folder) for name, folder, page in pages if name != GALLERY for part in page.parts]
    alone = isinstance(results, Results)
    sections = [_section(each, parts if alone else []) for each in results.experiments]
    spec = results.spec
    described = "" if alone else str(spec.get("description", ""))
    return Index(spec.name, described, [] if alone else parts, sections, spec.resolved, UNTOLD | about)


def _section(results, parts):
    """An experiment with the parts of its own reports; accuracy and success are told with or without them."""
    spec = results.spec
    numbers = success_table.numbers(results)
    told = [getattr(part, "stem", "") for part, _ in parts]
    if not any(stem.startswith(success_table.STEM) for stem in told) and any(map(_rated, numbers.values())):
        parts = [*((part, Path()) for part in success_table.pages(results).parts), *parts]
    if not any(stem.startswith("distance") for stem in told) and (distances := _distances(results)):
        parts = [*parts, (distances, Path())]
    judged = [part for page in (_control, _sanity) for part in page.pages(results).parts]
    charts = {name: chart(_title(spec.name, name), spec.cells, cells) for name, cells in numbers.items()}
    trust = list(_verdict.trust(results))
    return Section(
        name=spec.name,
        description=str(spec.get("description", "")),
        facts=list(_facts(results)),
        trust=trust,
        numbers=[said for said, warning in _verdict.verdict(results) if (said, warning) not in trust],
        control=_counted(results, judged),
        charts=[(name, found) for name, found in charts.items() if found],
        parts=parts,
        checks=[part for part in judged if isinstance(part, Table)],
        galleries=list(galleries(results)),
    )


def _counted(results, judged):
    """How many cells are more than larger balls, where there are several."""
    said = (part.text for part in judged if isinstance(part, Note) and part.table == _control.STEM)
    return next(said, "") if len(results.find(kind="control")) > 1 else ""


def _distances(results):
    """What was measured of distances and no report shows."""
    rows = []
    for result in (*results.find(measure="nearest"), *results.find(measure="divergence")):
        found, where = result.record["metrics"], [result.place["network"], str(result.place["cell"])]
        if result.place["measure"] == "divergence":
            rows.append([*where, "KL divergence of test from training images", f"{np.mean(found['kl']):.3f}"])
            continue
        for k, mean in zip(found["k"], found["mean_normalised"], strict=True):
            rows.append([*where, f"normalised distance to the {k} nearest training images, mean", f"{mean:.4f}"])
    columns, title = ["network", "cell", "measure", "value"], f"{results.spec.name}: distances to the training images"
    return Table(title, columns, rows) if rows else None


def _title(name, network):
    return f"{name}, network {network}: accuracy and attack success in each cell, in percent, with 95 % intervals"


def _rated(cells):
    return any(cell["accuracy"] or cell["attacks"] or cell["certificates"] for cell in cells)


def _facts(results):
    """What was evaluated, in pairs."""
    spec = results.spec
    yield "data", _component(spec.data)
    for network in spec.networks.values():
        origin = network.train or network.weights
        how = ("trained: " if network.train else "weights: ") + origin.name if origin else ""
        yield (
            f"network {network.name}",
            ", ".join(filter(None, [_component(network.model), how, network.origin.get("file", "")])),
        )
    for attack in spec.attacks:
        name, params = attack.component
        yield (
            f"attack {attack.label}",
            f"{name} within {radius(params['epsilon'])}, up to {attack.images} images a cell",
        )
    for certificate in spec.certificates:
        yield f"certificate {certificate.label}", certificate.component.name
    yield "cells", ", ".join(map(str, spec.cells))
    yield "seed", str(spec.seed)


def _component(component):
    """A component with what tells it from others of its name, such as its file."""
    told = [f"{key} {value}" for key, value in component.params.items() if isinstance(value, str) and key != "sha256"]
    return ", ".join([component.name, *told])
