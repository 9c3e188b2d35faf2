"""How far test images are from the training images, beside how often attacks succeed (paper, Table 1).

A row for each experiment, of its original test images; the published row, where there is one, stands below it.
"""

import numpy as np

from bsa.criteria import SLACK
from bsa.engine.results import Collected, Results
from bsa.report import _rates, _sanity
from bsa.report.page import Data, Page, Table

STEM = "distance_table"


def pages(results: Results | Collected) -> Page:
    """The table, and as data all of its numbers; rates are in percent."""
    title = f"{results.spec.name}: distance of test images to training images"
    found = {each.spec.name: _experiment(each) for each in results.experiments}
    checked = [f"{each.spec.name}: {line}" for each in results.experiments for line in _sanity.lines(each)]
    value = {"name": results.spec.name, "experiments": found}
    return Page(title, [_table(title, found, checked), Data(title, STEM, value)])


def _experiment(results):
    """All numbers of an experiment, as they stand in the JSON."""
    (cell,) = (cell for cell in results.spec.cells if cell.original)
    networks = {name: _network(results, name, cell) for name in results.spec.networks}
    network = _main(results)
    model = results.spec.networks[network].model
    return {
        "data": results.spec.data.name,
        "model": {"name": model.name, **model.params},
        "network": network,
        "networks": networks,
        "source": results.spec.reported.source,
        "reported": results.spec.reported.row(network, cell),
    }


def _main(results):
    """The network whose success and accuracy count: the reported one, else the first attacked, else the first."""
    attacked = [result.place["network"] for result in results.find(kind="attack")]
    return results.spec.reported.network or [*attacked, *results.spec.networks][0]


def _network(results, name, cell):
    """The numbers of one network; None or nothing where they were not measured."""

    def result(measure):
        return next(iter(results.find(kind="measure", measure=measure, network=name, cell=cell)), None)

    def metrics(measure):
        found = result(measure)
        return found and found.record["metrics"]

    accuracy, nearest = metrics("accuracy"), result("nearest")
    return {
        "divergence": metrics("divergence"),
        "nearest": nearest and nearest.record["metrics"] | {"median": _median(nearest)},
        "accuracy": accuracy and _rates.rate(round(accuracy["accuracy"] * accuracy["images"]), accuracy["images"]),
        "success": {
            r.place["label"]: _success(r) for r in results.find(kind="attack", network=name, cell=cell)
        },
    }  # fmt: skip


def _median(result):
    """Of the normalised distances; far from the mean where a feature is all but constant, and outweighs the others."""
    return float(np.median(result.arrays("measure.npz")["normalised"][0]))


def _success(result):
    """The success rate of an attack within its largest threshold."""
    threshold, distance = result.place["thresholds"][0], result.arrays("attack.npz")["distance"]
    return {"threshold": threshold, **_rates.rate(int((distance <= threshold + SLACK).sum()), len(distance))}


def _table(title, found, checked):
    """Two lines an experiment at most; columns for every network and attack that one of them has."""
    every = list(found.values())
    measured = {
        key: _names(name for each in every for name, n in each["networks"].items() if n[key])
        for key in ("divergence", "nearest")
    }
    labels = _names(label for each in every for label in each["networks"][each["network"]]["success"])
    columns = [
        "data, model",
        *(f"KL, {name}" for name in measured["divergence"]),
        *(f"normalised distance, {name}" for name in measured["nearest"]),
        *(f"success, {label}" for label in labels),
        "accuracy",
    ]
    rows = [row for each in every for row in _rows(each, measured, labels)]
    records = [one for name, each in found.items() for one in _records(name, each)]
    return Table(title, columns, rows, list(_notes(found)), STEM, checked, records=records)


def _records(name, each):
    """A row for each number of an experiment, for programs: ours, then the published ones."""

    def row(network, quantity, value, low=None, high=None, *, by=None, threshold=None, source=None):
        where = {"experiment": name, "data": each["data"], "network": network, "quantity": quantity, "by": by}
        return where | {"threshold": threshold, "source": source, "value": value, "low": low, "high": high}

    for network, found in each["networks"].items():
        if found["divergence"]:
            kl = found["divergence"]["kl"]
            yield row(network, "KL, mean and range of the seeds", float(np.mean(kl)), min(kl), max(kl))
        if found["nearest"]:
            yield row(network, "normalised distance", found["nearest"]["mean_normalised"][0])
        for label, rate in found["success"].items():
            yield row(network, "success", *_rates.ends(rate), by=label, threshold=rate["threshold"])
        if found["accuracy"]:
            yield row(network, "accuracy", *_rates.ends(found["accuracy"]))
    published, source, main = each["reported"], each["source"], each["network"]
    for quantity, key in (("KL", "kl"), ("normalised distance", "normalised_distance")):
        for network, value in published.get(key, {}).items():
            yield row(network, quantity, value, source=source)
    for value in published.get("success", [])[:1]:
        yield row(main, "success", value, source=source)
    if "accuracy" in published:
        yield row(main, "accuracy", published["accuracy"], source=source)


def _names(names):
    return list(dict.fromkeys(names))


def _rows(each, measured, labels):
    networks, reported = each["networks"], each["reported"]
    main = networks[each["network"]]
    yield [
        f"{each['data']}, {_model(**each['model'])}",
        *(_kl(networks.get(name, {}).get("divergence")) for name in measured["divergence"]),
        *(_distance(networks.get(name, {}).get("nearest")) for name in measured["nearest"]),
        *(_percent(main["success"].get(label)) for label in labels),
        _percent(main["accuracy"]),
    ]
    if reported:
        first = next(iter(main["success"]), None)
        success = {first: reported["success"][0]} if "success" in reported else {}
        yield [
            each["source"],
            *(_number(reported.get("kl", {}).get(name)) for name in measured["divergence"]),
            *(_number(reported.get("normalised_distance", {}).get(name)) for name in measured["nearest"]),
            *(f"{success[label]:.2f}" if label in success else "" for label in labels),
            f"{reported['accuracy']:.1f}" if "accuracy" in reported else "",
        ]


def _model(name, **params):
    """A network's name with its parameters, by which a small one is told from the paper's."""
    stated = ", ".join(f"{key} {value}" for key, value in params.items())
    return f"{name} ({stated})" if stated else name


def _kl(metrics):
    """The mean over the classes and seeds, with its range over the seeds and the largest error of a seed."""
    if not metrics:
        return "-"
    values = metrics["kl"]
    spread = f" [{min(values):.3f}, {max(values):.3f}]" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread} ± {max(metrics['error']):.3f}"


def _distance(metrics):
    return f"{metrics['mean_normalised'][0]:.4f}" if metrics else "-"


def _percent(rate):
    return _rates.text(rate) if rate else "-"


def _number(value):
    return "" if value is None else f"{value:g}"


def _notes(found):
    yield (
        "Of the original test images. KL: of the densities of training and test images in a t-SNE of the embedding, "
        "mean over the classes and the t-SNE seeds, in brackets the smallest and the largest mean of a seed, after ± "
        "the density estimates' own error (the largest of a seed). The network that embeds stands in the head."
    )
    yield "Success and accuracy in percent with 95 % Wilson intervals; success among the correctly classified images."
    for name, each in found.items():
        main = each["networks"][each["network"]]
        thresholds = {f"{rate['threshold']:g}" for rate in main["success"].values()}
        attacked = f", attacked network {each['network']}, success within {', '.join(sorted(thresholds))}"
        yield f"{each['data']}: experiment {name}{attacked if thresholds else ''}."
        for network, metrics in each["networks"].items():
            if metrics["nearest"]:
                yield _standardised(each["data"], network, metrics["nearest"])
            if metrics["divergence"]:
                yield from (f"{each['data']}, {network}: KL: {note}." for note in metrics["divergence"]["notes"])


def _standardised(data, network, metrics):
    """What a normalised distance is of."""
    differ = metrics["constant_in_training_only"]
    beside = f", {differ} of which differ in a test image" if differ else ""
    constant = f" ({metrics['constant']} constant ones left at 0{beside})" if metrics["constant"] else ""
    return (
        f"{data}, {network}: distance to the {metrics['k'][0]} nearest of {metrics['training_images']} training images "
        f"in {metrics['features']} standardised features{constant}, divided by m^(1/{metrics['p']}), m their number, "
        f"mean over {metrics['images']} test images (median {metrics['median']:.4f})."
    )
