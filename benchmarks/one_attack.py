"""One attack for every network: what efforts, and settings chosen without it, find beside AutoAttack.

`python -m benchmarks.one_attack --out RESULTS` reads what `benchmarks.attacks` left there and runs nothing.
"""

import datetime
import json
from pathlib import Path

import click

from benchmarks import _report
from benchmarks._entries import CUSTOMARY, SETTINGS
from benchmarks._leave_one_out import CANDIDATE, LEVELS, QUICK, SHARE, best_autoattack, choices, whole
from benchmarks._work import SLACK

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
CANDIDATES = Path(__file__).parent / "candidates.json"
SAME = "They are the efforts themselves: so the table above shows, for each network, what was chosen without it."
POINTS = 5  # of a hundred images that "quick" may find fewer than "standard"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option(
    "--out", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True, help="The results."
)
@click.option("--candidates", type=FILE, default=CANDIDATES, help="Parameters of corner_descent that may be chosen.")
@click.option("--record", type=click.Path(path_type=Path), help="Write what the tables are rendered from, as JSON.")
@click.option("--docs", type=FILE, help="Put the tables there.")
def main(out, candidates, record, docs):
    """Choose settings leaving one network out, and print the tables as Markdown."""
    named = json.loads(candidates.read_text())
    results = gathered(out, named)
    text = page(results, list(named))
    if record:
        made = {"name": record.stem, "command": f"python -m {__package__}.one_attack", **_about(out)}
        record.write_text(json.dumps(made | {"networks": results}, indent=1) + "\n")
    if docs:
        _report.replace(docs, text)
    click.echo(text)


def gathered(out, candidates):
    """The results in a folder, as `_leave_one_out` takes them; of candidates those that have the parameters stated."""
    found = {}
    for place, rows in _loaded(out):
        if rows:
            most = max(row["n"] for row in rows)
            entries = {row["name"]: _entry(row) for row in rows if row["n"] == most and _stated(row, candidates)}
            cell = {"n": most, "thresholds": rows[0]["thresholds"], "entries": entries}
            found.setdefault(place.parent.name, {})[", ".join(f"{v:g}" for v in rows[0]["cell"])] = cell
    return found


def _loaded(out):
    """Pairs of the folder of each cell and the rows there."""
    return [(place, _report.load(place)) for place in sorted(Path(out).glob("*/*")) if place.is_dir()]


def _about(out):
    """When and where the results in a folder were made, and with which versions of what."""
    rows = [row for _, there in _loaded(out) for row in there]
    versions = {name: version for row in rows for name, version in row["versions"].items() if version}
    machine = rows[0]["machine"] if rows else {}
    return {"date": datetime.date.today().isoformat(), "machine": machine, "versions": dict(sorted(versions.items()))}


def _stated(row, candidates):
    name = row["name"].removeprefix(CANDIDATE)
    return name == row["name"] or candidates.get(name) == row["params"]


def _entry(row):
    found = [int((row["distance"] <= limit + SLACK).sum()) for limit in row["thresholds"]]
    return {"found": found, "passes": round(row["passes"], 1), "params": row["params"]}


def page(results, candidates):
    """The tables of the efforts and of what was chosen among the candidates, by name, and in words what misses."""
    picked, said = choices(results, candidates), []
    shipped = {network: {level: CANDIDATE + level for level in LEVELS} for network in whole(results, LEVELS[:2])}
    if shipped:
        said = ["## The efforts", table(results, shipped), _missed(results, shipped)]
    if len(picked) < 2:
        said.append("No network has been left out yet: every candidate and an AutoAttack must have run on two.")
    else:
        said += ["## Chosen without the network", settings(picked)]
        same = all(shipped.get(network) == levels for network, levels in picked.items())
        said += [SAME] if same else [table(results, picked), _missed(results, picked)]
    others = [name for name in CUSTOMARY if any(name in cell["entries"] for cell in _cells(results))]
    if others:
        said += ["## Other attacks", peers(results, [CANDIDATE + "standard", *others])]
    missing = [name for name in results if name not in picked]
    if missing:
        said.append(f"Not yet whole, and left out of this choice: {', '.join(f'`{name}`' for name in missing)}.")
    return "\n\n".join(said) + "\n"


def _cells(results):
    return [cell for there in results.values() for cell in there.values()]


def peers(results, names):
    """Images found and, in brackets, passes an image, in each cell that one of the entries has run in."""
    lines = [_row(["network", "cell", "n", *(f"`{name.removeprefix(CANDIDATE)}`" for name in names)])]
    lines.append("|---|---|" + "---:|" * (len(names) + 1))
    for network, there in results.items():
        for cell, ran in there.items():
            shown = [ran["entries"].get(name) for name in names]
            if any(shown):
                numbers = [f"{_found(entry)} ({entry['passes']:,.0f})" if entry else "" for entry in shown]
                lines.append(_row([f"`{network}`", f"({cell})", str(ran["n"]), *numbers]))
    return "\n".join(lines)


def _found(entry):
    return " / ".join(map(str, entry["found"])) if entry else ""


def _missed(results, picked):
    counted = "; ".join(summary(results, picked))
    return "\n".join([f"{counted}.", "", *misses(results, picked)]).strip()


def table(results, picked):
    """Images found and passes an image, in each cell of each network."""
    columns = ["network", "cell", "n", "at", *LEVELS, "AutoAttack", "spec", "passes: " + ", ".join(LEVELS)]
    lines = [_row([*columns, "AutoAttack, spec"]), "|---|---|" + "---:|" * (len(columns) - 1)]
    for network in picked:
        for cell, there in results[network].items():
            shown = list(_columns(there, picked[network]).values())
            limits = " / ".join(f"{limit:.3g}" for limit in there["thresholds"])
            found = [_found(entry) for entry in shown]
            passes = [f"{entry['passes']:,.0f}" if entry else "-" for entry in shown]
            cost = [" / ".join(passes[: len(LEVELS)]), " / ".join(passes[len(LEVELS) :])]
            where = [f"`{network}`", f"({cell})", str(there["n"]), limits]
            lines.append(_row([*where, *found, *cost]))
    return "\n".join(lines)


def _row(cells):
    return "| " + " | ".join(cells) + " |"


def _columns(there, chosen):
    """The entries of a cell by column: of the efforts, of the best AutoAttack and of the settings of a spec."""
    entries = there["entries"]
    found = {level: entries.get(chosen[level]) for level in LEVELS}
    return found | {"AutoAttack": entries[best_autoattack(there)], "spec": entries.get(SETTINGS)}


def settings(picked):
    """Which candidate was chosen without each network."""
    lines = [_row(["chosen without", *LEVELS]), "|---|" + "---|" * len(LEVELS)]
    for network, levels in picked.items():
        names = [f"`{entry.removeprefix(CANDIDATE)}`" if entry else "" for entry in levels.values()]
        lines.append(_row([f"`{network}`", *names]))
    return "\n".join(lines)


def misses(results, picked):
    """A sentence for each cell and level in which the goal is not reached."""
    for network in picked:
        for cell, there in results[network].items():
            columns, where = _columns(there, picked[network]), f"* `{network}`, ({cell})"
            for number, low, high in _fewer(there, columns):
                limit, found = there["thresholds"][number], [columns[name]["found"][number] for name in (low, high)]
                yield f"{where}, at {limit:.3g}: {low} finds {found[0]} of {there['n']}, {high} {found[1]}."
            for level, (limit, why) in _most(columns).items():
                spent = columns[level]["passes"]
                if level != "thorough" and spent > limit:  # of that one the summary counts the cells
                    yield f"{where}: {level} takes {spent:,.0f} passes an image, not {limit:,.0f}{why}."


def summary(results, picked):
    """For each level in how many cells it finds what it should, and in how many it takes no more passes."""
    cells = [(there, _columns(there, picked[network])) for network in picked for there in results[network].values()]
    for low, high, _ in _goals(1):
        shown = [(there, columns) for there, columns in cells if columns[low] and columns[high]]
        found = sum(low not in [short for _, short, _ in _fewer(there, columns)] for there, columns in shown)
        cheap = sum(columns[low]["passes"] <= _most(columns)[low][0] for _, columns in shown)
        if shown:
            reached = f"`{low}` finds what it is to find in {found} of {len(shown)} cells"
            yield f"{reached}, in no more passes than it may in {cheap}"


def _fewer(there, columns):
    """Triples of a threshold's number, what finds too few there and what finds more."""
    for number in range(len(there["thresholds"])):
        found = {name: entry["found"][number] for name, entry in columns.items() if entry}
        for low, high, room in _goals(there["n"]):
            if low in found and high in found and found[low] < found[high] - room:
                yield number, low, high


def _goals(n):
    """Triples: what should find, within `room` images of n, as many as what."""
    return [("quick", "standard", POINTS * n / 100), ("standard", "AutoAttack", 0), ("thorough", "spec", n / 100)]


def _most(columns):
    """The passes that each level may take, and why, for those levels that ran."""
    most = {"quick": (QUICK, ""), "standard": (columns["AutoAttack"]["passes"] / SHARE, ", a tenth of AutoAttack's")}
    if columns["spec"]:
        most["thorough"] = (columns["spec"]["passes"], "")
    return {level: limit for level, limit in most.items() if columns[level]}


if __name__ == "__main__":
    main()
