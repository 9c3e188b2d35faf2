"""What a search for blind spots found, on images that it did not see, and the points that it tried."""

import functools
import json
from collections.abc import Sequence

from bsa.engine.results import Results
from bsa.exploration import Probe, front
from bsa.report import _figure, _map
from bsa.report._rates import rate, record, text
from bsa.report.page import Data, Figure, Page, Table

STEM = "map"
ROWS = {"original": "the images as they are", "most": "breaks most", "mildest": "the mildest that breaks half"}


def pages(results: Results, *, over: Sequence[str] | None = None) -> Page:
    """A table and a figure for each search and network; the data are all of their numbers."""
    title = f"{results.spec.name}: the search for blind spots"
    parts, numbers, searches = [], [], results.find(kind="explore")
    for result in searches:
        network, label = result.place["network"], result.place["label"]
        found = json.loads((result.folder / "explore.json").read_text(encoding="utf-8"))
        stem = _figure.stem(STEM, *((network, label) if len(searches) > 1 else ()))
        value = {"network": network, "search": label, "params": result.record["component"]["params"], **found}
        heading = f"{results.spec.name}: {label} of network {network}"
        parts += [_table(heading, value, stem), _drawn(heading, value, stem, over)]
        numbers.append(value)
    return Page(title, [*parts, Data(title, STEM, {"name": results.spec.name, "searches": numbers})])


def _drawn(heading, value, stem, over):
    probes = [Probe(**probe) for probe in value["probes"]]
    axes = _map.axes(value, over)
    best = [probe._asdict() for probe in front(probes)]
    data = {"over": axes, "probes": value["probes"], "front": best}
    title = f"{heading}: success over {' and '.join(axes)}, and against the accuracy that is lost"
    return Figure(title, stem, functools.partial(_map.draw, heading, value, axes), data)


def _table(heading, value, stem):
    """A row for each point: what the search saw of it, and what is measured on images that it did not see."""
    columns = ["point", "size", "accuracy, search", "success, search", "accuracy", "threshold", "success", "moved by",
               "control"]  # fmt: skip
    rows, records = [], []
    for name, words in ROWS.items():
        if value[name] is None:
            rows.append([f"{words}: none found", *[""] * (len(columns) - 1)])
            continue
        for row, each in _rows(words, value, name):
            rows.append(row)
            records.append(each)
    return Table(heading, columns, rows, list(_notes(value)), stem, records=records, grouped=4)


def _rows(words, value, name):
    """Pairs (texts, numbers), one for each threshold."""
    point = None if name == "original" else value[name]
    found = value["original"] if point is None else point["unseen"]
    accuracy = rate(found["correct"], found["images"])
    head = [words, "0", f"{100 * value['accuracy']:.1f}", ""]
    if point:
        head = [f"{words}: {_map.written(point['point'], value['space'])}", f"{point['size']:.2f}",
                f"{100 * point['accuracy']:.1f}", f"{100 * point['success']:.1f}"]  # fmt: skip
    for number, broken in enumerate(found["broken"]):
        success = rate(broken["count"], found["attacked"])
        tail = ["", ""]
        if number == 0:
            tail = [f"{found['mean']:.3f}, {found['largest']:.3f} at most", _control(found)]
        first = [*head[:4], text(accuracy)] if number == 0 else [""] * 5
        numbers = {"point": name, **record(success), "threshold": broken["threshold"]}
        yield [*first, f"{broken['threshold']:g}", text(success), *tail], numbers


def _control(found):
    if found["control"] is None:
        return "" if found["largest"] == 0 else "says nothing"
    return f"{text(rate(found['control']['count'], found['control']['images']))} at {found['control']['radius']:.3f}"


def _notes(value):
    params, probes = value["params"], value["probes"]
    attacked = sum(probe["success"] is not None for probe in probes)
    yield (
        f"The search tried {len(probes)} points ({params['sampler']}) on {params['images']} images, by "
        f"{params['attack']['name']}; it attacked at the {attacked} of them that keep accuracy within "
        f"{value['keep_accuracy']:g} points. The luckiest of many probes looks better than it is: accuracy and success "
        f"are measured on {value['original']['images']} and {value['original']['attacked']} other images, drawn at "
        f"random, by {params['standard']['name']}, with 95 % Wilson intervals."
    )
    yield (
        "Size: how far from neutral, 1 is one parameter at the end of its range. Success: the class changes within the "
        "threshold of the moved image, among those that are classified correctly there."
    )
    yield (
        "Moved by: max |x' - x|, its mean and largest. Control: the same attack around the original images, within the "
        "threshold plus the largest move. That ball contains those around the moved images: if the control is as high, "
        "a larger ball explains the success. It says nothing where the radius reaches 0.5."
    )
    for found in (value["most"], value["mildest"]):
        if found and found["unseen"]["clipped"] > 0:
            share = 100 * found["unseen"]["clipped"]
            yield f"At {_map.written(found['point'], value['space'])}, {share:.2f} % of pixel values were clipped."
    notes = [each["unseen"]["notes"] for each in (value["most"], value["mildest"]) if each]
    yield from dict.fromkeys(note for each in [value["original"]["notes"], *notes] for note in each)
