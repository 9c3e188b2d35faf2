"""What was tried, survived and lost: a row for each campaign, printed and, on request, kept and rendered."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import filelock

SHOWN = 8  # of what was lost


class Tally:
    """Counts one campaign's tries."""

    def __init__(self, campaign):
        self.campaign, self.tried, self.lost, self.how = campaign, 0, [], {}

    def survived(self, how):
        """A try that ended well, and how."""
        self.tried += 1
        self.how[how] = self.how.get(how, 0) + 1

    def fell(self, what, how):
        """A try that did not: what was done, and what came of it."""
        self.tried += 1
        self.lost.append(f"{what}: {how}")

    def add(self, row):
        """Add what another process counted."""
        self.tried += row["tried"]
        self.lost += row["lost"]
        for how, count in row["survived"].items():
            self.how[how] = self.how.get(how, 0) + count

    def row(self):
        """As JSON."""
        return {"campaign": self.campaign, "tried": self.tried, "survived": self.how, "lost": self.lost}

    def __str__(self):
        how = ", ".join(f"{count} {how}" for how, count in sorted(self.how.items(), key=lambda each: -each[1]))
        lost = "; ".join(self.lost[:SHOWN]) + (f"; and {len(self.lost) - SHOWN} more" if len(self.lost) > SHOWN else "")
        return f"| {self.campaign} | {self.tried:,} | {how or '-'} | {(lost and f'{len(self.lost)}: {lost}') or '-'} |"


def versions():
    """Of what has a say in it."""
    from importlib.metadata import version

    names = ("tensorflow", "keras", "numpy", "filelock", "jsonschema", "click")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def keep(rows, folder):
    """Put the rows into `folder`/results/campaign.json, those of other campaigns left, and render campaign.md."""
    record = folder / "results" / "campaign.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(record.with_name("campaign.lock")):  # of several processes that test
        _kept(rows, record)


def _kept(rows, record):
    before = json.loads(record.read_text(encoding="utf-8"))["rows"] if record.is_file() else []
    made = {row["campaign"]: row for row in [*before, *rows]}
    cores = f"{len(os.sched_getaffinity(0))} cores, {platform.system()}"
    value = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": cores,
        "versions": versions(),
        "rows": [*made.values()],
    }
    record.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (record.parents[1] / "campaign.md").write_text(rendered(value), encoding="utf-8")


def rendered(value):
    """The page of a record."""
    lines = []
    for row in value["rows"]:
        tally = Tally(row["campaign"])
        tally.add(row)
        lines.append(str(tally))
    libraries = ", ".join(f"{name} {number}" for name, number in value["versions"].items())
    return "\n".join([
        "# Kills, full disks, changed bytes, broken specs and hostile files",
        "",
        "<!-- records: campaign -->",
        "",
        "What `pytest -m slow tests/campaign` tries on a cut-down quick start with every kind of stage, and what came",
        "of it. *Equal* means that arrays, weights, numbers and tables are those of an undisturbed run, bit for bit;",
        "*found* that one sentence says what is damaged. The last column is for wrong numbers, tracebacks, and runs",
        "that could not go on.",
        "",
        "| campaign | tried | survived | lost |",
        "|---|---:|---|---|",
        *lines,
        "",
        f"{value['date']}, {value['machine']}; {libraries}. Rendered from `results/campaign.json` by",
        "`BSA_CAMPAIGN_DOCS=docs pytest -m slow tests/campaign`.",
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    print(rendered(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), end="")
