"""Finds measured numbers in README and the docs that are in no record.

    python -m tools.unrecorded

A measured number is one with a unit of what runs give: percent and points, seconds to days, passes, times, bytes,
operations a second; "36 of 100"; what has an interval in brackets; and whatever is alone in a cell of a table, but for
its first column. It has to be in a record of its page: one that a block `<!-- record: NAME -->` of the page renders, or
that `<!-- records: NAME, NAME -->` names; in the description of a spec, in any record. It is there where a record has a
number of that kind, equal to as many digits as the page has.

Code and blocks of records are left out. A number that is not ours or no measurement is marked behind its unit, or
behind its closing bracket: `0.3 s<!-- chosen -->` for a setting, an estimate from counted operations or an example,
`9.70 %<!-- cited -->` for a number that others published.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tools.record import RESULTS, load
from tools.render import BLOCK, ROOT, pages

SECONDS = {"ms": 1e-3, "s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}
KINDS = {  # of a unit, what a record must have; of a time, seconds
    "rate": ("%", "percent", "point", "points"),
    "time": tuple(form for unit in SECONDS for form in (unit, f"{unit}s")),
    "passes": ("pass", "passes", "steps a second"),
    "times": ("times",),
    "size": ("KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "megabytes", "gigabytes"),
    "speed": ("GFLOP/s", "TFLOP/s", "images/s", "images a second", "steps/s"),
    "count": ("tests", "checks", "probes", "images"),
}
KIND = {unit: kind for kind, units in KINDS.items() for unit in units}
KEYS = {"seconds": "time", "passes": "passes", "images": "count", "count": "count"}  # of a record
KEYS |= dict.fromkeys(("percent", "low", "high"), "rate")
LABELS = (
    "versions",
    "date",
    "command",
    "name",
    "source",
    "machine",
    "spec",
    "what",
    "network",
    "cell",
    "quantity",
    "by",
)
ASKED = {
    unit: kind for unit, kind in KIND.items() if kind != "count"
}  # in prose; what was counted stands as "36 of 100"
NUMBER = r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])"
LISTED = rf"{NUMBER}(?:(?:, | and | or | to |-| / |, and ){NUMBER})*"
UNITS = "|".join(sorted(map(re.escape, ASKED), key=len, reverse=True))
MARK = r"\s*<!-- (?:chosen|cited) -->"
MEASURED = re.compile(
    rf"(?P<listed>{LISTED})[ \u00a0](?P<unit>{UNITS})(?!\w)(?P<mark>{MARK})?"
    rf"|(?P<some>{NUMBER}) of (?:the (?:first )?)?(?P<all>{NUMBER})(?!\s*[%\w]*\s*(?:table|figure))(?P<marked>{MARK})?"
    rf"|(?P<rate>{NUMBER}) \[(?P<low>[\d.]+)[-,] ?(?P<high>[\d.]+)\](?P<noted>{MARK})?"
)
ALWAYS = re.compile(r"95 % (?=(Wilson|bootstrap|confidence)?\s*(intervals?|Wilson|bootstrap|confidence))")
CELL = re.compile(rf"(?:[<>≤≥~] ?)?(?P<listed>{NUMBER})(?: (?P<unit>{UNITS}))?(?P<mark>{MARK})?")
HIDDEN = (
    re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE),
    re.compile(r"<!-- tables: begin -->.*?<!-- tables: end -->", re.DOTALL),
    re.compile(r"`[^`]*`"),
    re.compile(r"(?<=\])\([^)\s]*\)"),  # what a link leads to
    re.compile(r"<!-- records?: [^>]*-->"),
    ALWAYS,
)


class Found(NamedTuple):
    """A number on a page that is in none of its records."""

    page: str
    line: int
    text: str


def unrecorded(text: str, records: list[dict[str, Any]], page: str = "") -> list[Found]:
    """The measured numbers of a page's text that none of the records has."""
    known = [each for record in records for each in numbers(record)]
    hidden = BLOCK.sub(_blank, text)
    for pattern in HIDDEN:
        hidden = pattern.sub(_blank, hidden)
    return [
        Found(page, hidden.count("\n", 0, place) + 1, said)
        for place, said, asked in measured(hidden)
        if not all(_known(number, unit, known) for number, unit in asked)
    ]


def _blank(found):
    return re.sub(r"[^\n]", " ", found[0])


def measured(text: str) -> Iterator[tuple[int, str, list[tuple[str, str]]]]:
    """Where measured numbers stand in a text, what is said there, and pairs (number, unit)."""
    for found in MEASURED.finditer(text):
        parts = found.groupdict()
        if not (parts["mark"] or parts["marked"] or parts["noted"]):
            said = [(n, parts["unit"]) for n in re.findall(NUMBER, parts["listed"])] if parts["listed"] else []
            said += [(parts[name], "images") for name in ("some", "all") if parts[name]]
            said += [(parts[name], "any") for name in ("rate", "low", "high") if parts[name]]
            yield found.start(), " ".join(found[0].split()), said
    for row in re.finditer(r"^\|.*\|$", text, re.MULTILINE):
        for cell in list(re.finditer(r"(?<=\|)[^|]*(?=\|)", row[0]))[1:]:  # the first names the line
            found = CELL.fullmatch(cell[0].strip())
            if found and not found["mark"] and found["unit"] is None:
                yield row.start() + cell.start(), found[0], [(found["listed"], "any")]


def numbers(record: Any, kind: str = "any") -> Iterator[tuple[str, float]]:
    """Pairs (kind, number) of a record: what it measured. Times are in seconds; "any" is of no kind."""
    if isinstance(record, dict):
        unit = record.get("unit", "")
        for key, value in record.items():
            if key == "value" and unit:
                yield KIND.get(unit, "any"), value * _seconds(unit)
            elif key not in LABELS:
                yield from numbers(value, KEYS.get(key, kind))
    elif isinstance(record, list):
        for each in record:
            yield from numbers(each, kind)
    elif isinstance(record, str):
        yield from (("any", _float(number)) for number in re.findall(NUMBER, record))
    elif isinstance(record, (int, float)):
        yield kind, float(record)


def _seconds(unit):
    """How many seconds a unit of time has; 1 of another unit."""
    return SECONDS.get(unit, SECONDS.get(unit.removesuffix("s"), 1))


def _float(text):
    return float(text.replace(",", ""))


def _known(number, unit, known):
    """Whether a number of a page is in a record, to the digits that the page has."""
    kind = KIND.get(unit, "any")
    digits = len(number.partition("e")[0].partition(".")[2])
    factor = _seconds(unit)
    return any(
        _float(number) in (round(value / (factor if other == "time" else 1), digits), value)
        for other, value in known
        if "any" in (kind, other) or kind == other
    )


def records_of(text: str) -> list[str]:
    """The names of a page's records: those that it renders and those that it names."""
    rendered = [found[2].split()[0] for found in BLOCK.finditer(text)]
    named = [name.strip() for found in re.findall(r"<!-- records: ([^>]*?) -->", text) for name in found.split(",")]
    return list(dict.fromkeys([*rendered, *named]))


def of_page(page: Path) -> list[Found]:
    """What a page says that is in none of its records."""
    text = page.read_text(encoding="utf-8")
    return unrecorded(text, [load(name) for name in records_of(text)], str(page.relative_to(ROOT)))


def of_specs() -> list[Found]:
    """What the descriptions of the specs say that is in no record at all."""
    records = [load(file.stem) for file in sorted(RESULTS.glob("*.json"))]
    described = {file: json.loads(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "specs").glob("*.json"))}
    told = [unrecorded(spec.get("description", ""), records, file.name) for file, spec in described.items()]
    return [each for found in told for each in found]


if __name__ == "__main__":
    found = [each for page in pages() for each in of_page(page)] + of_specs()
    print("\n".join(f"{each.page}:{each.line}: {each.text}" for each in found))
    sys.exit(bool(found))
