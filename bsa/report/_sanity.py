"""The results of the sanity checks: a line and warnings for people, and a table of all figures."""

from bsa.checks import STRONGEST, TOO_FEW, asks
from bsa.engine.results import Results
from bsa.report.page import Data, Note, Page, Table

PASSED, FAILED = "passed", "failed"
STEM = "sanity"
GAINS = {
    "converged": "gain of twice the steps",
    "giving up": "gain of giving up none early",
    "gain of the surrogate": "gain of the surrogate",
    "black-box never wins": "gain of a black-box attack",
    "reference attack": "gain of the reference attack",
}


def pages(results: Results) -> Page:
    """A line that counts the checks, a warning for each that failed, and a table apart; no part without checks."""
    title = f"{results.spec.name}: sanity of the evaluation"
    if not results.sanity:
        return Page(title, [])
    value = {"name": results.spec.name, "attacks": [_attack(*found) for found in results.sanity]}
    counted, *warnings = lines(results)
    notes = [Note(counted, table=STEM, holds="verdicts and figures"), *(Note(said, warning=True) for said in warnings)]
    return Page(title, [_table(results, title), Data(title, STEM, value), *notes])


def lines(results: Results, network: str | None = None) -> list[str]:
    """The line that counts the checks, and one for each that failed; nothing where there are no checks."""
    found = [(r, checks) for r, checks in results.sanity if network in (None, r.place["network"])]
    if not found:
        return []
    verdicts = [_verdict(check) for _, checks in found for check in checks]
    counts = {
        "checks passed": verdicts.count(PASSED),
        "failed": verdicts.count(FAILED),
        TOO_FEW: verdicts.count(TOO_FEW),
        "not judged": sum(v.startswith("not judged") and v != TOO_FEW for v in verdicts),
    }
    counted = "sanity: " + ", ".join(f"{n} {what}" for what, n in counts.items() if n or what == "checks passed")
    return [counted, *(warning for result, checks in found for warning in _warnings(result, checks))]


def summary(results: Results) -> dict | None:
    """How many checks passed, and those that failed in full, as JSON; None where there are none."""
    found = [_attack(*each) for each in results.sanity]
    if not found:
        return None
    named = [{"attack": f["attack"], "network": f["network"], **check} for f in found for check in f["checks"]]
    few = sum(c["message"].startswith(TOO_FEW) for c in named)
    failed = [c for c in named if c["passed"] is False]
    return {"passed": sum(c["passed"] is True for c in named), "failed": failed, "too_few_images": few}


def _warnings(result, checks):
    """A line for each check that failed."""
    place = result.place
    for check in checks:
        if check["passed"] is False:
            where = f", cell {place['cells'][check['cell']]}" if check["cell"] is not None else ""
            yield f"WARNING {place['label']}, network {place['network']}{where}: {check['check']}: {check['message']}"


def _attack(result, checks):
    """All checks of one attack on one network, as they stand in the JSON; a cell as specs state it."""
    cells = [cell.given for cell in result.place["cells"]]
    named = [c | {"cell": None if c["cell"] is None else cells[c["cell"]]} for c in checks]
    key = result.record["key"]
    return {"attack": result.place["label"], "network": result.place["network"], "key": key, "checks": named}


def _verdict(check):
    """What became of a check: passed, failed, not judged and why, or that it only informs."""
    if check["passed"] is not None:
        return PASSED if check["passed"] else FAILED
    message = check["message"]
    return (
        TOO_FEW if message.startswith(TOO_FEW) else message if message.startswith("not judged") else "for information"
    )


def _verdicts(result, checks):
    """The verdicts by name of the check; one that was made in several cells says where it is another one."""
    found = {}
    for check in checks:
        found.setdefault(check["check"], {}).setdefault(_verdict(check), []).append(check["cell"])
    cells = result.place["cells"]

    def where(verdict, at):
        return f"{verdict} in {', '.join(str(cells[number]) for number in at)}"

    return {
        name: next(iter(by)) if len(by) == 1 else "; ".join(where(*each) for each in by.items())
        for name, by in found.items()
    }


def _table(results, title):
    """The verdict of each check, then a line for each figure; a column for each attack on each network."""
    heads = [f"{r.place['label']}, {r.place['network']}" for r, _ in results.sanity]
    rows = []
    for column, missing in ((_verdicts, "not judged"), (_figures, "")):
        columns = [column(*found) for found in results.sanity]
        names = dict.fromkeys(name for each in columns for name in each)
        said = asks if column is _verdicts else lambda _: ""
        rows += [[name, *(each.get(name, missing) for each in columns), said(name)] for name in names]
    notes = [
        "First the result of each check, then figures. docs/checks.md says what to do where one fails. "
        "Accuracy: on the first test images of a cell, with its 95 % Wilson interval. "
        "Dead: share of pixels whose gradient is below a thousandth of the image's largest. Zero gradients: share of "
        "images without any gradient, the largest over cells and starts. Gains are points of success at epsilon: that "
        "of a start is added to those before it, that of the strongest of the spec is on all images of a cell. Success "
        "and other gains are on a few images of all cells.",
        *lines(results),
    ]
    return Table(title, ["", *heads, "what it asks"], rows, notes, STEM, apart=True)


def _figures(result, checks):
    """The figures of one attack that are worth a look, by name."""
    figures = {}
    none = [share["images"] for c in checks if c["check"] == "zero gradients" for share in c["found"].values()]
    for check in checks:
        name, found = check["check"], check["found"]
        cell = result.place["cells"][check["cell"]] if check["cell"] is not None else None
        if name == "accuracy":
            low, high = found["interval"]
            figures[f"{cell}: accuracy"] = f"{_percent(found['accuracy'])} [{_percent(low)}-{_percent(high)}] %"
        elif name == STRONGEST and found is not None:
            figures[f"{cell}: gain of {found['attack']}"] = _points(found["other"] - found["success"])
        elif name == "dead gradients":
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
    return ({"zero gradients, at most": f"{_percent(max(none))} %"} if none else {}) | figures


def _percent(share):
    return f"{100 * share:.1f}"


def _points(share):
    return f"{100 * share:+.1f}"
