"""Tables, JSON and figures of a benchmark, from its results folder alone."""

import json
from pathlib import Path

import numpy as np

from benchmarks import _figure
from benchmarks._entries import ENTRIES
from benchmarks._work import SLACK
from bsa.criteria import wilson

OURS = "corner_descent"  # ratios are relative to it
SHARED = ("weights_sha256", "architecture", "cell", "thresholds", "seed")  # what the entries of a table have in common
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
NOTES = """\
Success in percent with 95 % Wilson intervals: a float32 pass of the Keras network gives another class for the returned
image, clipped to [0, 1], and max |x' - x| in float64 is at most the threshold; what is not confirmed is tried once more
a ten-thousandth of the way beyond, for attacks that end on the boundary itself. Median: of the distortion over all n
images; an upper bound for attacks in a ball of fixed radius. F / B: images passed forward and backward for each image,
thresholds together: an attack in a ball of fixed radius is run for each threshold, the smaller one only where the
larger fell; bsa's do the same within one call. "passes" is (F + B) / 2, so that one pass is one forward and one
backward (bsa's `ensemble` counts the queries of its `square` as whole passes). Seconds: of the attack alone, after a
first call on two or three images, which traces or compiles most of it; memory: the peak of the whole process, its
library included. The last column compares with `corner_descent` on the same images: points of success at each threshold
(its minus the entry's), then how many times its passes, and its seconds an image, the entry took; for an entry of fewer
images, against its mean second over all of its own.
"""


def render(out, docs=None):
    """Write benchmarks.md, benchmarks.json and a figure for each network and cell; yields the paths.

    `docs` is a Markdown page whose lines between the two marks are replaced by the tables; figures go beside it.
    """
    sections, everything, figures = [], {}, []
    for place in sorted(p for p in Path(out).glob("*/*") if p.is_dir() and any(p.iterdir())):
        try:
            rows = load(place)
        except ValueError as error:
            sections.append(f"### {place.parent.name}, {place.name}\n\nNo table: {error}.\n")
            continue
        if rows:
            name = f"attacks_{place.parent.name}_{place.name}"
            figures.append((rows, title(rows, place), name))
            sections.append(f"### {title(rows, place)}\n\n{table(rows, failures(place))}\n\n{finding(rows)}\n")
            sections.append(f"![success against passes]({name}.svg)\n")
            everything[f"{place.parent.name}/{place.name}"] = {"entries": rows, "did_not_run": failures(place)}
    text = "\n".join([*sections, NOTES])
    (Path(out) / "benchmarks.md").write_text(text)
    (Path(out) / "benchmarks.json").write_text(json.dumps(everything, indent=1, default=lambda v: v.tolist()))
    yield from (Path(out) / "benchmarks.md", Path(out) / "benchmarks.json")
    if docs:
        replace(docs, text)
        yield docs
    for rows, heading, name in figures:
        for folder in [Path(out), *([docs.parent] if docs else [])]:
            yield from _figure.draw(rows, heading, folder / name)


def replace(page, text):
    """Put `text` between the two marks of a Markdown page."""
    old = page.read_text()
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        raise ValueError(f"expected the marks {BEGIN} and {END} once each in {page}")
    page.write_text(f"{old.split(BEGIN)[0]}{BEGIN}\n\n{text}\n{END}{old.split(END)[1]}")


def load(place):
    """Every finished entry of a cell as a dict of its record, its arrays and its measures, in the table's order."""
    rows = []
    done = [path.parent for path in place.glob("*/record.json") if path.parent.suffix != ".part"]
    for folder in sorted(done, key=_order):
        record = json.loads((folder / "record.json").read_text())
        with np.load(folder / "arrays.npz") as file:
            rows.append(measured(record, {k: file[k] for k in file.files}) | {"index": file["index"]})
    _same(place, rows)
    for row in rows:
        del row["index"]
    ours = next((row for row in rows if row["name"] == OURS), None)
    for row in rows:
        row["against"] = against(ours, row) if ours and row is not ours else None
    return rows


def _order(folder):
    """Where an entry stands in a table: as in the list of entries, candidates and what else there is behind."""
    name = folder.name.removesuffix(".failed")
    return [*ENTRIES, name].index(name), name


def _same(place, rows):
    """ValueError where entries cannot stand in one table: other weights, cells, thresholds, seeds or images."""
    for row in rows[1:]:
        n = min(rows[0]["n"], row["n"])
        fields = (*SHARED, "images_sha256") if row["n"] == rows[0]["n"] else SHARED
        same = all(row[field] == rows[0][field] for field in fields)
        if not (same and np.array_equal(row["index"][:n], rows[0]["index"][:n])):
            raise ValueError(
                f"{place}: expected entries on one network, cell, seed and images, found others in {row['name']} than "
                f"in {rows[0]['name']}: run one of them again, or take another --out"
            )


def measured(record, arrays):
    """A record with what the tables show: success, median, passes, seconds an image."""
    distance, n = arrays["distance"], record["n"]
    rates = []
    for threshold in record["thresholds"]:
        count = int((distance <= threshold + SLACK).sum())
        low, high = (100 * v for v in wilson(count, n))
        rates.append({"threshold": threshold, "percent": 100 * count / n, "interval": [low, high]})
    forwards, backwards = arrays["forwards"].sum(0), arrays["backwards"].sum(0)
    row = record | {"success": rates, "median": float(np.median(distance)), "distance": distance}
    row |= {"forwards_each": forwards, "backwards_each": backwards}
    row |= {"forwards": float(forwards.mean()), "backwards": float(backwards.mean())}
    row |= {"passes": float((forwards + backwards).mean() / 2), "total_seconds": sum(record["seconds"])}
    first = (arrays["forwards"][0] + arrays["backwards"][0]) / 2
    return row | {"first_passes": first}  # each image's, at the largest threshold; of one call, at all of them


def against(ours, row):
    """A row beside ours on the row's images (the first of ours): points, times the passes, times the seconds."""
    n, limits = row["n"], row["thresholds"]
    if n > ours["n"] or limits != ours["thresholds"]:
        return None
    fell = [[(d[:n] <= t + SLACK).mean() for d in (ours["distance"], row["distance"])] for t in limits]
    times = row["total_seconds"] / n / (ours["total_seconds"] / ours["n"])
    passes = row["passes"] / ((ours["forwards_each"] + ours["backwards_each"])[:n].mean() / 2)
    return {"points": [100 * float(a - b) for a, b in fell], "passes": float(passes), "seconds": times}


def table(rows, failed):
    """The Markdown table of one cell."""
    limits = rows[0]["thresholds"]
    columns = ["attack", "library", "n", *(f"success at {t:g}" for t in limits), "median", "F / B", "passes", "seconds"]
    columns += ["images/s", "memory, MB", f"against {OURS}: points; passes; seconds"]
    lines = ["| " + " | ".join(columns) + " |", "|---|---|" + "---:|" * (len(columns) - 2)]
    lines += ["| " + " | ".join(_line(row)) + " |" for row in rows]
    lines += [f"\n`{name}` did not run: {why}" for name, why in failed.items()]
    return "\n".join(lines)


def _line(row):
    version = next((v for v in row["versions"].values() if v), "")
    rates = [f"{r['percent']:.1f} [{r['interval'][0]:.1f}-{r['interval'][1]:.1f}]" for r in row["success"]]
    seconds = row["total_seconds"]
    cost = [f"{row['forwards']:,.0f} / {row['backwards']:,.0f}", f"{row['passes']:,.0f}", f"{seconds:,.1f}"]
    cost += [f"{row['n'] / seconds:,.3g}", f"{row['peak_bytes'] / 2**20:,.0f}"]
    beside = row["against"]
    if beside:
        cost.append(
            f"{' / '.join(_points(p) for p in beside['points'])}; {beside['passes']:.3g}; {beside['seconds']:.3g}"
        )
    else:
        cost.append("")
    return [f"`{row['name']}`", f"{row['library']} {version}", str(row["n"]), *rates, _median(row), *cost]


def _median(row):
    if np.isfinite(row["median"]):
        bound = row["kind"] != "least"
        return f"{'≤ ' * bound}{row['median']:.4f}"
    return f"> {row['thresholds'][0]:g}"


def _points(value):
    return f"{value:+.1f}" if abs(value) > 1e-9 else "0"


def finding(rows):
    """Sentences: at each threshold the strongest peers and how they stand to ours, and who finds more than ours.

    Among the peers with the most images, because the rates of those with fewer are of other images. Nothing without
    ours.
    """
    if all(row["name"] != OURS for row in rows):
        return ""
    peers = [row for row in rows if row["library"] != "bsa" and row["against"]]
    peers = [row for row in peers if row["n"] == max(row["n"] for row in peers)]
    said = []
    for number, limit in enumerate(rows[0]["thresholds"] if peers else []):
        least = min(row["against"]["points"][number] for row in peers)
        tied = sorted(
            (row for row in peers if row["against"]["points"][number] < least + 1e-9), key=lambda row: row["passes"]
        )
        said.append(f"At {limit:g}, on {tied[0]['n']} images, {_strongest(tied, _points(least))}")
    above = [row["name"] for row in rows if row["against"] and min(row["against"]["points"]) < -1e-9]
    said.append(f"More success than `{OURS}` at some threshold: {', '.join(f'`{n}`' for n in above) or 'none'}.")
    return " ".join(said)


def _strongest(tied, points):
    """A sentence or half of one on the peers that find equally much, the cheapest first; the median breaks the tie."""

    def cost(row):
        return f"{row['against']['passes']:.3g} times the passes and {row['against']['seconds']:.3g} times the seconds"

    first = min(tied, key=lambda row: row["median"])
    alone = f"`{first['name']}`: `{OURS}` stands {points} points to it, and it takes {cost(first)}."
    if len(tied) == 1:
        return f"the strongest peer is {alone}"
    return (
        f"{len(tied)} peers find equally much; the strongest of them, with the least median distortion, is {alone} The "
        f"cheapest, `{tied[0]['name']}`, takes {cost(tied[0])}, the dearest, `{tied[-1]['name']}`, {cost(tied[-1])}."
    )


def failures(place):
    """Entries of a cell that did not run, each with the reason."""
    paths = sorted((path.parent for path in place.glob("*.failed/error.txt")), key=_order)
    return {path.name.removesuffix(".failed"): (path / "error.txt").read_text().strip() for path in paths}


def title(rows, place):
    """What a table or figure shows."""
    cell = ", ".join(f"{v:g}" for v in rows[0]["cell"])
    return f"{place.parent.name} ({rows[0]['architecture']}), cell ({cell})"


def sentence(folder):
    """A finished entry in a line."""
    record = json.loads((folder / "record.json").read_text())
    with np.load(folder / "arrays.npz") as file:
        row = measured(record, {k: file[k] for k in file.files})
    rates = ", ".join(f"{r['percent']:.1f} % at {r['threshold']:g}" for r in row["success"])
    spent = f"{row['forwards']:,.0f} forwards and {row['backwards']:,.0f} backwards an image"
    return f"{rates}; {spent}; {row['total_seconds']:.1f} s; logits within {row['largest_logit_difference']:.1g}"
