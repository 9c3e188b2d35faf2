"""What searches for blind spots found, as records have it and as tables of pages show it.

In a record, `searches` has a dict for each point of each search: network, search (its label), point ("original",
"most", "mildest"), at (the point as people read it), size, epsilon, and of images that the search did not see accuracy,
success and, where there is one, "larger ball", each with images, count, percent, low, high (95 % Wilson); moved, the
largest max |x' - x|; probes, how many points were tried.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Rate = Callable[[int, int], dict[str, Any]]
Found = dict[str, Any]
WORDS = {"original": "as it is", "most": "breaks most", "mildest": "mildest that breaks half"}


def of_run(folder: Path, rate: Rate) -> Iterator[Found]:
    """The searches of a results folder, whose rates become parts of a record by `rate`; none where it has no map."""
    file = folder / "map.json"
    for search in json.loads(file.read_text(encoding="utf-8"))["searches"] if file.exists() else ():
        for name in WORDS:
            if search[name] is not None:
                yield _point(search, name, rate)


def _point(search, name, rate):
    """One point of one search."""
    point = {} if name == "original" else search[name]["point"]
    seen = search["original"] if name == "original" else search[name]["unseen"]
    broken, control = seen["broken"][0], seen["control"]
    moved = [f"{key} {value:g}" for key, value in point.items() if value != search["space"][key]["neutral"]]
    found = {key: search[key] for key in ("network", "search")} | {"point": name, "at": ", ".join(moved)}
    found |= {"size": 0 if name == "original" else round(search[name]["size"], 4), "probes": len(search["probes"])}
    found |= {"epsilon": broken["threshold"], "moved": round(seen["largest"], 4)}
    found |= {"accuracy": rate(seen["images"], seen["correct"]), "success": rate(seen["attacked"], broken["count"])}
    if control:
        found["larger ball"] = {"threshold": round(control["radius"], 4)} | rate(control["images"], control["count"])
    return found


def listed(searches: list[Found], number: Callable[[Found], str]) -> tuple[list[str], list[list[str]]]:
    """(columns, rows): the points of searches, a line each."""
    columns = ["network", "search", "point", "accuracy", "success", "moved by", "larger ball"]
    several = {each["search"] for each in searches}
    rows = []
    for each in searches:
        ball = each.get("larger ball")
        control = f"{number(ball)} at {ball['threshold']:g}" if ball else "says nothing" if each["moved"] else ""
        at = f"{WORDS[each['point']]}: {each['at']}" if each["at"] else WORDS[each["point"]]
        moved = f"{each['moved']:.3g}" if each["moved"] else ""
        rates = [number(each["accuracy"]), number(each["success"])]
        rows.append([each["network"], each["search"], at, *rates, moved, control])
    return (columns, rows) if len(several) > 1 else (columns[:1] + columns[2:], [row[:1] + row[2:] for row in rows])


def beside(records: dict[str, Found], number: Callable[[Found], str]) -> tuple[list[str], list[list[str]]]:
    """(columns, rows): for each search, a line, what breaks most of each network, a column, of several records.

    A number is the success there, on images that the search did not see; the largest of a column is in bold. Nothing
    stands where a network was not searched.
    """
    found: dict[tuple[str, str], dict[str, Found | None]] = {}
    for name, record in records.items():
        for each in record["searches"]:
            column = found.setdefault((name, each["network"]), {})
            if each["point"] == "original":  # the first of each search
                column |= {WORDS["original"]: each["success"], each["search"]: None}
            elif each["point"] == "most":
                column[each["search"]] = each["success"]
    searches = list(dict.fromkeys(search for column in found.values() for search in column))
    rows = []
    for search in searches:
        rows.append([search, *(_most(column, search, number) for column in found.values())])
    several = len({name for name, _ in found}) > 1
    return ["search", *(f"{name}: {network}" if several else network for name, network in found)], rows


def _most(column, search, number):
    if column.get(search) is None:
        return "none found" if search in column else ""
    most = max(each["percent"] for each in column.values() if each)
    return f"**{number(column[search])}**" if column[search]["percent"] == most else number(column[search])
