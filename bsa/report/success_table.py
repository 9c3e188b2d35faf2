"""Accuracy and success rate of every attack, in every cell, at every threshold (paper, Tables 2 to 5)."""

from typing import Any

import numpy as np

from bsa.criteria import SLACK
from bsa.engine.results import Results
from bsa.report import _control, _sanity
from bsa.report._rates import rate, record, text
from bsa.report.page import Data, Page, Table

STEM = "success_table"


def pages(results: Results) -> Page:
    """One table a network, with what the sanity checks found; the data are all of their numbers, rates in percent."""
    title = f"{results.spec.name}: accuracy and success"
    found = numbers(results)
    tables = [_table(results, network, cells, several=len(found) > 1) for network, cells in found.items()]
    value = {"name": results.spec.name, "networks": found, "sanity": _sanity.summary(results)}
    return Page(title, [*tables, Data(title, STEM, value)])


def numbers(results: Results) -> dict[str, list[dict[str, Any]]]:
    """All numbers of each network, cell by cell, as they stand in the JSON."""
    return {
        network: [_cell(results, network, cell) for cell in results.spec.cells] for network in results.spec.networks
    }


def _cell(results, network, cell):
    """All numbers of one cell, as they stand in the JSON."""
    accuracy = results.find(kind="measure", measure="accuracy", network=network, cell=cell)
    attacks = results.find(kind="attack", network=network, cell=cell)
    clipped = [r.record["metrics"]["clipped"] for r in (*attacks, *accuracy) if "clipped" in r.record["metrics"]]
    return {
        "cell": cell.given,
        "name": f"{cell}",
        **({"clipped": clipped[0]} if clipped else {}),
        "accuracy": _rate(accuracy[0].arrays("measure.npz")["correct"]) if accuracy else None,
        "attacks": {r.place["label"]: _attack(results, r) for r in attacks},
        "certificates": {
            r.place["label"]: _certificate(results, r) for r in results.find(kind="certify", network=network, cell=cell)
        },
        "reported": results.spec.reported.row(network, cell),
    }


def _attack(results, result):
    """An attack in a cell, and its control where there is one."""
    arrays = result.arrays("attack.npz")
    away = np.abs(arrays["adversarial"].astype(np.float64) - arrays.get("moved", arrays["x"]).astype(np.float64))
    away = np.where(np.isfinite(arrays["distance"]), away.reshape(len(away), -1).max(-1, initial=0), np.inf)
    rates = [{"threshold": t, **_rate(away <= t + SLACK)} for t in result.place["thresholds"]]
    metrics = result.record["metrics"]  # of passes these have the pilot's, too
    spent = {"passes": metrics["passes"], "seconds": result.record["seconds"]}
    control = [_control.numbers(found) for found in results.find(**result.place | {"kind": "control"})]
    beside = {"control": control[0]} if control else {}
    return {"success": rates, **spent, **beside, "notes": metrics.get("notes", []), "key": result.record["key"]}


def _certificate(results, result):
    """A certificate in a cell: over the first images, misclassified ones too; the radius over the correct ones."""
    place, metrics, arrays = result.place, result.record["metrics"], result.arrays("certify.npz")
    held = results.find(kind="invariant", network=place["network"], cell=place["cell"], certificate=place["label"])
    return {
        "error": _rate(~arrays["correct"]),
        "certified_error": [{"threshold": t, **_rate(arrays["radius"] < t)} for t in place["thresholds"]],
        "median_radius": metrics["median_radius"] if _searched(result) else None,
        "invariant": {r.place["label"]: r.record["metrics"] for r in held},
        "seconds": result.record["seconds"],
        "notes": metrics["notes"],
        "key": result.record["key"],
    }


def _searched(certificate):
    """Whether radii were searched for: without a tolerance they are epsilon or 0."""
    return certificate.record["component"]["params"].get("tolerance", 0) is not None


def _radius(value):
    return "-" if value is None else f"{value:.4f}"


def _rate(flags):
    return rate(int(flags.sum()), len(flags))


def _table(results, network, cells, several):
    """A line for each cell and threshold, a column for each attack and two for each certificate."""
    labels = list(dict.fromkeys(label for cell in cells for label in cell["attacks"]))
    certificates = list(cells[0]["certificates"])
    source = results.spec.reported.source if any(cell["reported"] for cell in cells) else ""
    paper = ([f"{source} accuracy"], [f"{source} success"]) if source else ([], [])
    controls = {label: [a["control"] for cell in cells for a in [cell["attacks"].get(label, {})] if "control" in a]
                for label in labels}  # fmt: skip
    beside = [label for label in labels if controls[label]]  # attacks with a control
    moved = ["rho"] if beside else []
    tried = [head for label in labels for head in (label, *_control.heads(label, beside, len(labels)))]
    where = "scale, shift" if results.spec.cells[0].pair else "cell"
    columns = [where, "accuracy", *paper[0], *moved, "threshold", *tried, *paper[1], *_heads(certificates)]
    named = list(zip(results.spec.cells, cells, strict=True))
    rows = [row for name, cell in named for row in _rows(name, cell, labels, source, beside)]
    notes = [
        "Rates in percent with 95 % Wilson intervals. Success: the class changes and max |x' - x| is at most the "
        "threshold, among correctly classified images.",
        *(note for r in results.find(kind="network", network=network) for note in r.record["metrics"].get("notes", [])),
        *(_cost(label, cells) for label in labels),
        *_control.notes([control for label in labels for control in controls[label]]),
        *_clipped(named),
        *(note for label in certificates for note in _promise(label, [cell["certificates"][label] for cell in cells])),
        *dict.fromkeys(
            note
            for cell in cells
            for part in ("attacks", "certificates")
            for a in cell[part].values()
            for note in a["notes"]
        ),
        *results.left_out(network),
    ]
    title = f"{results.spec.name}: {results.spec.data.name}, network {network}"
    stem = f"{STEM}_{network}" if several else STEM
    checked, records = _sanity.lines(results, network=network), [one for each in named for one in _records(*each)]
    grouped = 2 + len(paper[0]) + len(moved)
    keys = [where, "threshold"]
    return Table(title, columns, rows, notes, stem, checked, records=records, keys=keys, grouped=grouped)


def _records(name, cell):
    """A row for each rate of a cell, for programs."""
    where = dict(name.values)

    def rows(quantity, label, rates):
        for found in rates:
            yield where | {"quantity": quantity, "by": label, "threshold": found.get("threshold")} | record(found)

    yield from rows("accuracy", None, [cell["accuracy"]] if cell["accuracy"] else [])
    for label, found in cell["attacks"].items():
        yield from rows("success", label, found["success"])
        for quantity, rates in _control.records(found.get("control")):
            yield from rows(quantity, label, rates)
    for label, found in cell["certificates"].items():
        yield from rows("error", label, [found["error"]])
        yield from rows("certified error", label, found["certified_error"])


def _rows(name, cell, labels, source, beside):
    """A line for each threshold of a cell; the cell and its accuracy stand in the first."""
    rates = [a["success"] for a in cell["attacks"].values()]
    proven = list(cell["certificates"].values())
    thresholds = {r["threshold"] for found in [*rates, *(c["certified_error"] for c in proven)] for r in found}
    reported = cell["reported"]
    first = [rate["threshold"] for rate in cell["attacks"][labels[0]]["success"]] if labels else []
    published = {t: f"{percent:.2f}" for t, percent in zip(first, reported.get("success", []), strict=False)}
    for i, threshold in enumerate(sorted(thresholds, reverse=True) or [None]):
        head = [(f"{name}"[1:-1] if name.pair else f"{name}") if i == 0 else ""]
        head += [text(cell["accuracy"]) if i == 0 and cell["accuracy"] else ""]
        if source:
            head += [f"{reported['accuracy']:.1f}" if i == 0 and "accuracy" in reported else ""]
        head += [_control.rho(cell["attacks"].values()) if i == 0 else ""] if beside else []
        tries = [cell["attacks"].get(label) for label in labels]
        found = [
            said
            for label, tried in zip(labels, tries, strict=True)
            for said in _found(tried, threshold, label in beside)
        ]
        tail = [published.get(threshold, "")] if source else []
        for certificate in proven:
            tail += [_at(threshold, certificate["certified_error"])]
            tail += [_radius(certificate["median_radius"]) if i == 0 else ""]
        yield [*head, f"{threshold:g}" if threshold is not None else "", *found, *tail]


def _found(attack, threshold, beside):
    """What an attack broke in a cell and, where it has a control, in the larger ball."""
    yield _at(threshold, attack["success"]) if attack else ""
    if beside:
        yield _control.at(attack, threshold)


def _clipped(named):
    """Where pixels were clipped to [0, 1]: it is another image than the transformation's."""
    shares = [f"{100 * cell['clipped']:.2g} % in {name}" for name, cell in named if cell.get("clipped")]
    if shares:
        yield f"Pixel values that were clipped to [0, 1]: {', '.join(shares)}."


def _heads(certificates):
    """Two columns for each certificate; its label stands before them where there are several."""
    for label in certificates:
        before = f"{label} " if len(certificates) > 1 else ""
        yield from (f"{before}certified error", f"{before}median certified radius")


def _at(threshold, rates):
    """The rate at a threshold as text, "" where it was not counted there."""
    return next((text(found) for found in rates if found["threshold"] == threshold), "")


def _cost(label, cells):
    attacks = [cell["attacks"][label] for cell in cells if label in cell["attacks"]]
    images = {a["success"][0]["images"] for a in attacks}
    passes, seconds = np.mean([a["passes"] for a in attacks]), sum(a["seconds"] for a in attacks)
    counts = f"{min(images)}" if len(images) == 1 else f"{min(images)} to {max(images)}"
    return f"{label}: {counts} images a cell, {passes:.0f} passes an image on average, {seconds:.0f} s in all."


def _promise(label, cells):
    """What a certificate is over and cost, and what the attacks found of it."""
    images, seconds = max(c["error"]["images"] for c in cells), sum(c["seconds"] for c in cells)
    yield (
        f"{label}: certified error among the first {images} images of a cell, of which misclassified ones count as not "
        f"certified; median certified radius of the correctly classified ones; {seconds:.0f} s in all."
    )
    held = [found for cell in cells for found in cell["invariant"].values()]
    if held:
        gaps = [found["gap"] for found in held if found["gap"] is not None]
        nearest = f", the nearest of them {min(gaps):.2g} beyond" if gaps else ""
        yield (
            f"{label}: {sum(f['images'] for f in held)} attacked images compared, and "
            f"{sum(f['challenge']['images'] for f in held)} attacked again at half the median certified radius; "
            f"{sum(f['broken'] for f in held)} adversarial examples, none within its image's certified radius{nearest}."
        )
