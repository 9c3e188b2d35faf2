"""What the sanity checks found: a line and warnings for people, a table of the figures for who wants to know."""

import rich.text

from bsa import store
from bsa.measures._check import TOO_FEW
from bsa.report._table import Table

FIGURES = "sanity"  # the stem of the files with all figures
GAINS = {
    "converged": "gain of twice the steps",
    "giving up": "gain of giving up none early",
    "gain of the surrogate": "gain of the surrogate",
    "black-box never wins": "gain of a black-box attack",
}


def render(results, out):
    """Write `sanity.md`, .csv, .tex and .json; yields a line that counts the checks, and a warning for each failed."""
    found = results.find(kind="sanity")
    if not found:
        return
    out.mkdir(parents=True, exist_ok=True)
    store.write_json(out / f"{FIGURES}.json", {"name": results.spec["name"], "attacks": [_attack(r) for r in found]})
    _table(results, found).save(out / FIGURES)
    summary, *warnings = lines(results)
    yield f"{summary} ({out / FIGURES}.md has the figures)"
    yield from (rich.text.Text(warning, style="bold red") for warning in warnings)


def lines(results, **place):
    """The line that counts the checks, and one for each that failed; nothing where there are no checks."""
    found = results.find(kind="sanity", **place)
    if not found:
        return []
    checks = [check for r in found for check in r.record["metrics"]["checks"]]
    counts = {
        "checks passed": sum(check["passed"] is True for check in checks),
        "failed": sum(check["passed"] is False for check in checks),
        TOO_FEW: sum(check["message"].startswith(TOO_FEW) for check in checks),
    }
    counted = "sanity: " + ", ".join(f"{n} {what}" for what, n in counts.items() if n or what == "checks passed")
    return [counted, *(warning for r in found for warning in _warnings(r))]


def summary(results):
    """How many checks passed, and those that failed in full, as JSON; None where there are none."""
    found = [_attack(result) for result in results.find(kind="sanity")]
    if not found:
        return None
    named = [{"attack": f["attack"], "network": f["network"], **check} for f in found for check in f["checks"]]
    few = sum(c["message"].startswith(TOO_FEW) for c in named)
    failed = [c for c in named if c["passed"] is False]
    return {"passed": sum(c["passed"] is True for c in named), "failed": failed, "too_few_images": few}


def _warnings(result):
    """A line for each check that failed."""
    place = result.place
    for check in result.record["metrics"]["checks"]:
        if check["passed"] is False:
            where = f", cell {place['cells'][check['cell']]}" if check["cell"] is not None else ""
            yield f"WARNING {place['label']}, network {place['network']}{where}: {check['check']}: {check['message']}"


def _attack(result):
    """All checks of one attack on one network, as they stand in the JSON; a cell as [scale, shift]."""
    cells = [[cell.scale, cell.shift] for cell in result.place["cells"]]
    checks = result.record["metrics"]["checks"]
    named = [c | {"cell": None if c["cell"] is None else cells[c["cell"]]} for c in checks]
    key = result.record["key"]
    return {"attack": result.place["label"], "network": result.place["network"], "key": key, "checks": named}


def _table(results, found):
    """A line for each figure, a column for each attack on each network."""
    columns = [_figures(result) for result in found]
    heads = [f"{r.place['label']}, {r.place['network']}" for r in found]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
    notes = [
        "Dead: share of pixels whose gradient is below a thousandth of the image's largest. Zero gradients: share of "
        "images without any, in any cell and at any start. Gains are in points of success at epsilon; that of a start "
        "is what it adds to those before it. Success and gains are of a few images of all cells.",
        *lines(results),
    ]
    return Table(f"{results.spec['name']}: sanity of the evaluation", ["", *heads], rows, notes)


def _figures(result):
    """The figures of one attack that are worth a look, by name."""
    figures, checks = {}, result.record["metrics"]["checks"]
    none = [share["images"] for c in checks if c["check"] == "zero gradients" for share in c["found"].values()]
    for check in checks:
        name, found = check["check"], check["found"]
        cell = result.place["cells"][check["cell"]] if check["cell"] is not None else None
        if name == "dead gradients":
            figures[f"{cell}: dead at image / grey corner"] = (
                f"{_percent(found['image'])} / {_percent(found['grey'])} %"
            )
        elif name == "more room never hurts":
            figures |= {f"success at radius {r}": f"{_percent(share)} %" for r, share in found.items()}
        elif name in ("gain of starts", "other starts"):
            sort = "start" if name == "gain of starts" else "other start"
            figures |= {f"gain of {sort} {start}": _points(share) for start, share in found.items()}
        elif name in GAINS and found is not None:
            figures[GAINS[name]] = _points(found)
    return {"zero gradients, at most": f"{_percent(max(none))} %", **figures}


def _percent(share):
    return f"{100 * share:.1f}"


def _points(share):
    return f"{100 * share:+.1f}"
