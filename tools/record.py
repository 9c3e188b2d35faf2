"""A record: the numbers of one run in a small JSON file, docs/results/NAME.json, from the results folder of the run.

    python -m tools.record results/quickstart

A record has `name`, `source` (how its numbers came here), `spec`, `command`, `date`, `machine`, `versions`, `seconds`,
and any of

* `rows`: a dict for each rate or value of a cell: network, cell, quantity ("accuracy", "success", "larger ball",
  "error", "certified error", "median certified radius", "rho", "published accuracy", "published success"), by (the
  attack or the certificate), threshold, and images, count, percent, low, high (95 % Wilson) or, of no rate, value;
* `spent`: passes an image and seconds of each attack;
* `searches`: what searches for blind spots found, see `tools/searches.py`;
* `facts`: numbers with what they are, as {"what": "training, on 2 cores", "value": 31, "unit": "min"};
* `tables`: {name: {"columns": [...], "rows": [[text, ...], ...]}}, for what has no cells.
"""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bsa.criteria import wilson
from tools import searches

RESULTS = Path(__file__).parent.parent / "docs" / "results"
OWN = ("success_table", "control", "sanity", "map")  # of a run's tables, those that rows and facts have


def rate(images: int, count: int) -> dict[str, Any]:
    """`count` of `images` as a part of a row, in percent."""
    ends = (count / images, *wilson(count, images))
    percents = dict(zip(("percent", "low", "high"), (round(100 * end, 4) for end in ends), strict=True))
    return {"images": images, "count": count} | percents


def of_run(folder: Path) -> dict[str, Any]:
    """The record of a results folder; OSError or KeyError where it is none."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    table = folder / "success_table.json"
    found = json.loads(table.read_text(encoding="utf-8")) if table.exists() else {"networks": {}}
    stages = {stage["key"]: stage for stage in run["stages"]}
    facts = [
        {
            "what": f"checks of the attacks, {name.replace('_', ' ')}",
            "value": len(value) if name == "failed" else value,
            "unit": "checks",
        }
        for name, value in (found.get("sanity") or {}).items()
    ]
    for kind, seconds in _seconds(stages.values()).items():
        facts.append({"what": f"{kind}, all stages", "value": seconds, "unit": "s"})
    return {
        "name": run["name"],
        "source": "run",
        "spec": run["name"],
        "command": _command(run),
        "date": run["date"][:10],
        "machine": run["processor"],
        "versions": run["versions"],
        "seconds": run["seconds"],
        "rows": [row for network, cells in found["networks"].items() for cell in cells for row in _rows(network, cell)],
        "spent": [each for network, cells in found["networks"].items() for each in _spent(network, cells)],
        "searches": list(searches.of_run(folder, rate)),
        "facts": facts,
        "tables": {file.stem: _table(file) for file in sorted(folder.glob("*.csv")) if not file.stem.startswith(OWN)},
    }


def _command(run):
    """The command without the folders of the machine that it ran on."""
    words = run.get("command") or f"bsa run specs/{run['name']}.json"
    told = re.sub(r" --(store|out|data-dir|weights-dir)[ =]\S+", "", words)
    return told if run.get("command") else " ".join([told, *(f"--set {each}" for each in run["overrides"])])


def _seconds(stages):
    """Seconds by the kind of stage, which its title begins with."""
    sums: dict[str, float] = {}
    for stage in stages:
        kind = stage["title"].split(" ")[0].rstrip(":,")
        sums[kind] = round(sums.get(kind, 0) + stage["seconds"], 2)
    return sums


def _rows(network: str, cell: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one cell."""
    where = {"network": network, "cell": cell.get("name", str(tuple(cell["cell"]))).strip("()")}

    def row(quantity, rate_of, **more):
        return where | {"quantity": quantity} | more | rate(rate_of["images"], _count(rate_of))

    if cell["accuracy"]:
        yield row("accuracy", cell["accuracy"])
    reported = cell.get("reported", {})
    if "accuracy" in reported:
        yield where | {"quantity": "published accuracy", "value": reported["accuracy"]}
    for label, attack in cell["attacks"].items():
        at = [each["threshold"] for each in attack["success"]]
        yield from (row("success", each, by=label, threshold=each["threshold"]) for each in attack["success"])
        control = attack.get("control")
        if control:
            yield where | {"quantity": "rho", "by": label, "value": round(control["rho"]["largest"], 6)}
            for ball in control["balls"]:
                if ball["success"]:
                    yield row("larger ball", ball["success"], by=label, threshold=ball["threshold"])
    first = at if cell["attacks"] else []
    for threshold, percent in zip(first, reported.get("success", []), strict=False):
        yield where | {"quantity": "published success", "threshold": threshold, "value": percent}
    for label, proven in cell["certificates"].items():
        yield row("error", proven["error"], by=label)
        for each in proven["certified_error"]:
            yield row("certified error", each, by=label, threshold=each["threshold"])
        if proven["median_radius"] is not None:
            yield where | {
                "quantity": "median certified radius",
                "by": label,
                "value": round(proven["median_radius"], 4),
            }


def _count(found):
    return found.get("count", round(found["percent"] * found["images"] / 100))


def _spent(network, cells):
    """Passes an image and seconds of each attack over all cells."""
    for label in cells[0]["attacks"]:
        every = [cell["attacks"][label] for cell in cells]
        passes, seconds = sum(each["passes"] for each in every) / len(every), sum(each["seconds"] for each in every)
        yield {"network": network, "by": label, "passes": round(passes, 1), "seconds": round(seconds, 2)}


def _table(file):
    with file.open(encoding="utf-8", newline="") as opened:
        columns, *rows = csv.reader(opened)
    return {"columns": columns, "rows": rows}


def dump(record: dict[str, Any]) -> str:
    """A record as JSON, a line for each row, so that changes are seen."""
    parts = []
    for key, value in record.items():
        if isinstance(value, list) and value:
            lines = ",\n".join(f"  {json.dumps(each, ensure_ascii=False)}" for each in value)
            parts.append(f' "{key}": [\n{lines}\n ]')
        elif key == "tables":
            parts.append(f' "tables": {{{",".join(_dumped(*each) for each in value.items())}\n }}')
        else:
            parts.append(f' "{key}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _dumped(name, table):
    rows = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in table["rows"])
    columns = json.dumps(table["columns"], ensure_ascii=False)
    return f'\n  {json.dumps(name)}: {{"columns": {columns}, "rows": [\n{rows}\n  ]}}'


def load(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """The record of that name; FileNotFoundError where there is none."""
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


@click.command()
@click.argument("results", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", help="Of the record, where it is another than the run's.")
@click.option(
    "--beside", help='What else the machine did, such as "other work beside it", where seconds would mislead.'
)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, help="Folder of the records.")
def main(results, name, beside, out):
    """Write the record of the run whose RESULTS folder this is; facts that people wrote into it before stay."""
    try:
        record = of_run(results)
    except (OSError, KeyError, ValueError) as error:
        raise click.ClickException(f"{results}: expected the results folder of a run, found none ({error!r})") from None
    record["name"] = name or record["name"]
    record["machine"] += f" with {beside}" if beside else ""
    file = out / f"{record['name']}.json"
    if file.exists():
        known = {fact["what"] for fact in record["facts"]}
        kept = [fact for fact in json.loads(file.read_text())["facts"] if fact["what"] not in known]
        record["facts"] += [fact for fact in kept if fact.get("source")]  # by hand, and it says from where
    file.write_text(dump(record), encoding="utf-8")
    click.echo(f"{file}: {len(record['rows'])} rows. `python -m tools.render` fills it into the pages.")


if __name__ == "__main__":
    main()
