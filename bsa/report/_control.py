"""The control of a cell: what the same attack breaks around the original images, in a ball that contains the cell's."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bsa.criteria import GREY
from bsa.engine.results import Result, Results
from bsa.report._rates import exact, rate, text
from bsa.report.page import Data, Note, Page, Table

STEM = "control"
BALL = "larger ball"
PAIRS = {
    "both": f"broken in the cell and in the {BALL}",
    "cell": "broken in the cell alone",
    "ball": f"broken in the {BALL} alone",
    "neither": "broken in neither",
}
EXPLAINED = (
    f"rho: how far a cell's images were moved, the largest max |x' - x|. {BALL.capitalize()}: success of the same "
    "attack around the original images, within threshold + rho. This ball contains those of the cell: if as many break "
    "in it, the cell only shows where robustness ends."
)
NOTHING = (
    f"A dash: threshold + rho reaches {GREY:g}, where every ball contains a grey image, and the control says nothing."
)


def pages(results: Results) -> Page:
    """A line that counts the cells, and a table apart with all numbers; no part where there is no control."""
    title = f"{results.spec.name}: cells and larger balls"
    found = results.find(kind="control")
    if not found:
        return Page(title, [])
    value = {"name": results.spec.name, "controls": [_placed(result) | numbers(result) for result in found]}
    rows = [row for result in found for row in _rows(result)]
    heads = ["network", "attack", "cell", "images", "rho, mean", "rho", "threshold", "radius", "in the cell", BALL]
    heads += ["in both", "in the cell alone", f"in the {BALL} alone", "in neither"]
    notes = [EXPLAINED, NOTHING, "The last columns count images; all numbers of a line are of the same images."]
    table = Table(title, heads, rows, notes, STEM, apart=True, records=[one for r in found for one in _records(r)])
    return Page(
        title, [table, Data(title, STEM, value), Note(_counted(found), table=STEM, holds="the pairs of images")]
    )


def numbers(result: Result) -> dict[str, Any]:
    """The numbers of a control, as they stand in the JSON; rates in percent."""
    metrics = result.record["metrics"]
    balls = [_ball(ball, metrics["images"]) for ball in metrics["balls"]]
    spent = {"seconds": result.record["seconds"], "notes": metrics["notes"], "key": result.record["key"]}
    return {"rho": metrics["rho"], "images": metrics["images"], "balls": balls, **spent}


def _ball(ball, images):
    """One threshold: both rates of the same images, and the pairs; None where the control says nothing."""
    at = {"threshold": ball["threshold"], "radius": ball["radius"]}
    if ball["radius"] is None or not images:
        return at | {"cell": None, "success": None, "pairs": None}
    cell, success = (rate(ball["both"] + ball[alone], images) for alone in ("cell", "ball"))
    return at | {"cell": cell, "success": success, "pairs": {name: ball[name] for name in PAIRS}}


def sentence(result: Result) -> str:
    """What the control of a cell says at the largest threshold, to somebody who has not read the paper."""
    first = numbers(result)["balls"][0]
    if not first["success"]:
        return f"Whether that is more than a {BALL} cannot be decided: the images moved too far."
    cell, ball = first["cell"], first["success"]
    said = (
        f"Around the original images, {_share(ball)} break within {first['radius']:g}, a {BALL} that contains the "
        f"cell's; of the same images {_share(cell)} break in the cell"
    )
    if ball["count"] >= cell["count"]:
        return f"{said}: robustness that ends between the two radii explains it; the cell may be no blind spot."
    return f"{said}: the attack finds more in the cell."


def _share(found):
    percent, low, high = exact(found["count"], found["images"])
    return f"{percent:.1f} % [{low:.1f}-{high:.1f}]"


def at(attack: dict[str, Any] | None, threshold: float | None) -> str:
    """The success of an attack's control at a threshold of the cell, as tables show it."""
    for ball in attack["control"]["balls"] if attack and "control" in attack else ():
        if ball["threshold"] == threshold:
            return text(ball["success"]) if ball["success"] else "-"
    return ""


def rho(attacks: Iterable[dict[str, Any]]) -> str:
    """How far a cell's images were moved, as tables show it."""
    found = [attack["control"]["rho"]["largest"] for attack in attacks if "control" in attack]
    return f"{max(found):.3g}" if found else ""


def heads(label: str, beside: Sequence[str], attacks: int) -> list[str]:
    """The head of the control of an attack, where it has one `beside` it; with its name where there are several."""
    return [f"{BALL}, {label}" if attacks > 1 else BALL] if label in beside else []


def notes(controls: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What a table says of its columns, nothing where it has none."""
    if controls:
        counts = sorted({control["images"] for control in controls})
        images = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        seconds = sum(control["seconds"] for control in controls)
        yield f"{EXPLAINED} It was measured on {images} images per cell, and took {seconds:.0f} s in all."
        if any(ball["radius"] is None for control in controls for ball in control["balls"]):
            yield NOTHING
        yield from dict.fromkeys(note for control in controls for note in control["notes"])


def records(control: dict[str, Any] | None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Pairs (quantity, rates with their thresholds) for programs."""
    said = [ball for ball in control["balls"] if ball["success"]] if control else []
    yield f"success in the {BALL}", [ball["success"] | {"threshold": ball["threshold"]} for ball in said]
    for name, quantity in PAIRS.items():
        rates = [rate(ball["pairs"][name], ball["success"]["images"]) for ball in said]
        yield quantity, [each | {"threshold": ball["threshold"]} for each, ball in zip(rates, said, strict=True)]


def _counted(found):
    """How many cells are no more than a larger ball, at their largest threshold."""
    first = [(r, _ball(r.record["metrics"]["balls"][0], r.record["metrics"]["images"])) for r in found]
    said = [ball for _, ball in first if ball["success"]]
    as_many = sum(ball["success"]["count"] >= ball["cell"]["count"] for ball in said)
    silent = len(first) - len(said)
    rest = f"; for {silent} more it says nothing" if silent else ""
    return (
        f"control: in {as_many} of {len(said)} attacked cells the attack breaks as many images, or more, in the {BALL} "
        f"around the originals{rest}"
    )


def _placed(result):
    place = result.place
    return {"network": place["network"], "attack": place["label"], "cell": place["cell"].given}


def _rows(result):
    """A line for each threshold."""
    place, control = result.place, numbers(result)
    rho = control["rho"]
    head = [place["network"], place["label"], f"{place['cell']}", f"{control['images']}"]
    head += [f"{rho['mean']:.4g}", f"{rho['largest']:.4g}"]
    for ball in control["balls"]:
        rates = [text(ball[name]) if ball[name] else "-" for name in ("cell", "success")]
        counts = [f"{ball['pairs'][name]}" if ball["pairs"] else "-" for name in PAIRS]
        radius = f"{ball['radius']:g}" if ball["radius"] else "-"
        yield [*head, f"{ball['threshold']:g}", radius, *rates, *counts]


def _records(result):
    place, control = result.place, numbers(result)
    for ball in control["balls"]:
        rho = {"rho_mean": control["rho"]["mean"], "rho": control["rho"]["largest"]}
        row = {"network": place["network"], "attack": place["label"], "cell": f"{place['cell']}", **rho}
        row |= {"threshold": ball["threshold"], "radius": ball["radius"], "images": control["images"]}
        yield row | {said: ball["pairs"] and ball["pairs"][name] for name, said in PAIRS.items()}
