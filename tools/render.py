"""Fills tables from records into pages, between `<!-- record: NAME ... -->` and `<!-- end -->`.

    python -m tools.render            # writes README.md and docs/*.md again; --check only says which are not up to date

Words after the name choose what of the record is shown:

* nothing: accuracy and success in each cell, at each threshold, by each attack, beside what was published;
* `short`: without intervals; `network=NAME`, `by=ATTACK`, `cell=0.9,0`, `quantity=larger_ball`: these alone, several
  times for several;
* `searches`: what searches for blind spots found; `search=LABEL`, with _ for spaces, `point=most`, `network=NAME`:
  these alone;
* `beside=RECORD`, several times for several: what each search found most, a column for each network of all of them;
* `table=NAME`: one of the record's tables as it is;
* `chart`: success in all cells as a picture, docs/images/chart_NAME.svg;
* `about`: a sentence on where the numbers are from.
"""

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tools import chart, searches
from tools.record import load

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- record: ([^>]*?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
FIRST = ("accuracy", "published accuracy", "rho")  # columns before the threshold: of a cell, not of a threshold
LAST = ("published success", "error", "certified error", "median certified radius")
ONCE = (*FIRST, "error", "median certified radius")


class View(NamedTuple):
    """What a block asks for."""

    record: dict[str, Any]
    options: dict[str, list[str]]
    words: set[str]

    def number(self, row: dict[str, Any]) -> str:
        """A row's number as the block shows it."""
        return number(row, "short" in self.words)

    def shows(self, row: dict[str, Any]) -> bool:
        """Whether a row is among those asked for; what is of no attack belongs to all."""
        return all(row.get(key) in (None, *values) for key, values in self.options.items() if key != "cell") and (
            "cell" not in self.options or row["cell"].replace(" ", "") in self.options["cell"]
        )


def pages() -> list[Path]:
    """README and all pages of the docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def rendered(text: str, docs: str = "") -> str:
    """A page's text with its blocks filled; `docs` is the way from the page to docs/, such as "docs/".

    ValueError names a block that asks for what there is not.
    """
    return BLOCK.sub(lambda found: found[1] + block(found[2], docs) + found[4], text)


def filled(page: Path) -> str:
    """The text that a page should have."""
    return rendered(page.read_text(encoding="utf-8"), "docs/" if page.parent == ROOT else "")


def block(asked: str, docs: str = "") -> str:
    """What stands in a block that asks for `asked`, a record's name and words after it."""
    name, *words = asked.split()
    try:
        record = load(name)
    except FileNotFoundError:
        raise ValueError(f"<!-- record: {asked} -->: expected a record docs/results/{name}.json, found none") from None
    options: dict[str, list[str]] = {}
    for word in words:
        if "=" in word:
            options.setdefault(word.partition("=")[0], []).append(word.partition("=")[2].replace("larger_", "larger "))
    view = View(record, options, {word for word in words if "=" not in word})
    if "chart" in view.words:
        published = ", beside what was published" * any(row["quantity"] == chart.PUBLISHED for row in record["rows"])
        return f"![Attack success in each cell of {name}{published}]({docs}images/{chart.name(record)})\n"
    if "about" in view.words:
        return _about(record, f"{docs}results/{name}.json") + "\n"
    if "table" in options:
        (table,) = options["table"]
        if table not in record.get("tables", {}):
            raise ValueError(f"<!-- record: {asked} -->: expected one of {list(record.get('tables', {}))}")
        found = record["tables"][table]
        return _markdown(found["columns"], found["rows"])
    if "beside" in options:
        return _markdown(*searches.beside({each: load(each) for each in [name, *options["beside"]]}, view.number))
    if "searches" in view.words:
        named = [(each, each | {"search": each["search"].replace(" ", "_")}) for each in record["searches"]]
        chosen = [each for each, asked in named if view.shows(asked)]
        return _markdown(*searches.listed(chosen, view.number))
    return _cells(view)


def _about(record, file):
    """Where the numbers of a record are from, in a sentence or two."""
    if record["source"] != "run":
        return f"From [a record]({file}): {record['source']}"
    versions = f"TensorFlow {record['versions']['tensorflow']}, Keras {record['versions']['keras']}"
    ran = f"`{record['command']}` on {record['date']}, {record['machine']}, {versions}, {record['seconds']:.0f} s"
    return f"From [the record]({file}) of {ran}."


def _cells(view):
    """A line for each cell and threshold, a column for each quantity of each network and attack."""
    rows = [row for row in view.record["rows"] if view.shows(row)]
    columns = sorted(dict.fromkeys(map(_column, rows)), key=lambda each: _place(each, rows))
    split = sum(quantity in FIRST for network, quantity, _ in columns if network == columns[0][0])
    body = []
    for cell in dict.fromkeys(row["cell"] for row in rows):
        own = [row for row in view.record["rows"] if row["cell"] == cell]
        asked = {row["threshold"] for row in rows if row["cell"] == cell and "threshold" in row}
        thresholds = sorted(asked, reverse=True)
        for turn, at in enumerate(thresholds or [None]):
            entries = [_entry(own, column, at, turn == 0, "short" in view.words) for column in columns]
            if any("threshold" in row for row in rows):
                entries.insert(split, f"{at:g}" if at else "")
            body.append([cell if turn == 0 else "", *entries])
    heads = [_head(each, rows) for each in columns]
    if any("threshold" in row for row in rows):
        heads.insert(split, "threshold")
    where = "scale, shift" if all(re.fullmatch(r"[\d., -]*", line[0]) for line in body) else "cell"
    return _markdown([where, *heads], body)


def _column(row):
    """What tells a column from others: rho is the same for all attacks."""
    by = None if row["quantity"] in ("rho", "error", "published success") else row.get("by")
    return row["network"], row["quantity"], by


def _place(column, rows):
    """Where a column stands: cells' own first, then attacks with their controls beside them, then the others."""
    network, quantity, by = column
    group = 0 if quantity in FIRST else 2 if quantity in LAST else 1
    networks = list(dict.fromkeys(row["network"] for row in rows))
    labels = list(dict.fromkeys(row.get("by") for row in rows))
    order = [*FIRST, "success", "larger ball", *LAST]
    if group == 1:
        return networks.index(network), group, labels.index(by), order.index(quantity)
    return networks.index(network), group, order.index(quantity), labels.index(by) if by in labels else 0


def _head(column, rows):
    """The head of a column; what tells it from others of its quantity stands before it."""
    network, quantity, by = column
    labels = {row["by"] for row in rows if row["quantity"] == quantity and "by" in row}
    networks = {row["network"] for row in rows}
    if quantity in ("success", "larger ball") and not (len(networks) > 1 == len(labels)):
        said = by if quantity == "success" else f"larger ball, {by}"
    else:
        said = f"{by} {quantity}" if by and len(labels) > 1 else quantity
    return f"{network}: {said}" if len(networks) > 1 else said


def _entry(own, column, threshold, first, short):
    """One number as text; what is of a cell and not of a threshold stands in the cell's first line."""
    network, quantity, by = column
    if quantity in ONCE:
        threshold = None
        if not first:
            return ""
    alike = [row for row in own if row["network"] == network and row["quantity"] == quantity]
    found = [row for row in alike if by in (None, row.get("by")) and row.get("threshold") == threshold]
    if found:
        return number(found[0], short)
    moved = any(row["quantity"] == "rho" and row["value"] for row in own)
    return "-" if quantity == "larger ball" and moved else ""


def number(row: dict[str, Any], short: bool = False) -> str:
    """A row's number as tables show it."""
    if "value" in row:
        digits = {"published accuracy": ".1f", "published success": ".2f", "rho": ".3g"}
        return "" if not row["value"] else f"{row['value']:{digits.get(row['quantity'], '.4f')}}"
    percent = f"{row['percent']:.2f}"
    return percent if short else f"{percent} [{row['low']:.1f}-{row['high']:.1f}]"


def _markdown(columns, rows):
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def charts() -> dict[Path, str]:
    """The pictures that pages show, by their files."""
    asked = {found[2].split()[0] for page in pages() for found in BLOCK.finditer(page.read_text(encoding="utf-8"))
             if "chart" in found[2].split()}  # fmt: skip
    return {ROOT / "docs" / "images" / chart.name(load(name)): chart.draw(load(name)) for name in sorted(asked)}


def main(check: bool) -> int:
    """Write the pages again, or say which are not up to date: the exit code."""
    late = 0
    for file, after in ({page: filled(page) for page in pages()} | charts()).items():
        if not file.exists() or file.read_text(encoding="utf-8") != after:
            late += 1
            print(f"{file.relative_to(ROOT)}: {'not up to date' if check else 'written'}")
            if not check:
                file.write_text(after, encoding="utf-8")
    return int(check and late > 0)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
