"""The histogram's numbers, from distances and attacks that are known."""

import json

import numpy as np
import pytest

from bsa.criteria import wilson
from bsa.report import distance_histogram, render
from bsa.report.page import Figure, Table

# 100 test images at distances 0 to 99; the attack's are the even ones from 20 on, broken from 60 on.
DISTANCE = np.arange(100.0)
INDEX = np.arange(20, 100, 2)
CLASSES = np.arange(100) % 4 // 2  # even images: 0, 1, 0, 1, ...
BROKEN = np.where(INDEX >= 60, 0.1, np.inf)
PGD = {"name": "pgd", "network": "robust", "epsilon": 0.1}
REPORT = {"name": "distance_histogram", "bins": 10, "thin": 7, "resamples": 1000}


def content(place):
    if place["kind"] == "measure":
        near = DISTANCE if place["network"] == "robust" else 2 * DISTANCE[::-1]
        return {"distance": np.stack([near, near + 1]), "k": (5, 20)}
    return attack() if place["kind"] == "attack" else {}


def attack(distance=BROKEN):
    return {"index": INDEX, "distance": distance, "y": CLASSES[INDEX]}


def with_measured(distance):
    """Content where both networks measure these distances, for k = 5."""
    return lambda place: {"distance": distance} if place["kind"] == "measure" else content(place)


def read(results):
    """The numbers of the figures, and the tables, of a page of which nothing is drawn."""
    page = distance_histogram.pages(results, **{k: v for k, v in REPORT.items() if k != "name"})
    figures, tables = ([part for part in page.parts if isinstance(part, kind)] for kind in (Figure, Table))
    assert page.parts[-1].value == {"name": "made", "figures": figures}
    return [figure.data for figure in figures], tables


@pytest.fixture
def results(made):
    measure = {"name": "nearest", "network": ["natural", "robust"], "k": [5, 20]}
    return made({"report": [REPORT], "measures": [measure]}, content)


def test_counts_rates_and_intervals_are_those_of_the_bins(results):
    made, _ = read(results)
    assert [(f["k"], f["network"], f["attack"], f["threshold"]) for f in made] == [
        (5, "robust", "pgd", 0.1),
        (20, "robust", "pgd", 0.1),
    ]
    mirrored, panel = made[0]["panels"]
    assert (mirrored["embedding"], panel["embedding"]) == ("natural", "robust")
    np.testing.assert_allclose(panel["edges"], np.linspace(0, 99, 11))
    assert panel["images"] == [10] * 10
    assert panel["attacked"] == [0, 0, 5, 5, 5, 5, 5, 5, 5, 5]
    assert panel["broken"] == [0, 0, 0, 0, 0, 0, 5, 5, 5, 5]
    assert panel["rate"] == [None, None, 0, 0, 0, 0, 100, 100, 100, 100]
    np.testing.assert_allclose(panel["interval"][6], [100 * e for e in wilson(5, 5)])
    assert mirrored["attacked"] == panel["attacked"][::-1]
    assert mirrored["edges"][-1] == 198
    # broken images are the farther ones for one network, the nearer ones for the other
    assert panel["all"]["auroc"]["value"] == 1
    assert mirrored["all"]["auroc"]["value"] == 0
    assert panel["all"]["spearman"]["value"] == -mirrored["all"]["spearman"]["value"] > 0.8
    assert {c: (said["images"], said["flagged"]) for c, said in panel["classes"].items()} == {
        "0": (20, 10),
        "1": (20, 10),
    }


def test_figures_and_a_table_are_written(results, tmp_path):
    *figures, table = list(render(results, tmp_path))
    found = {(r["k"], r["embedding"], r["group"], r["statistic"]): r["value"] for r in table.records}
    assert len(found) == len(table.records) == 2 * 2 * 3 * 2  # k, networks, groups, statistics
    assert (found[5, "robust", "all", "auroc"], found[20, "natural", "1", "auroc"]) == (1, 0)
    stem = "distance_histogram_robust_pgd"
    for k in (5, 20):
        assert (tmp_path / f"{stem}_k{k}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / f"{stem}_k{k}.svg").read_text()
    assert {p.name for p in tmp_path.glob(f"{stem}.*")} == {f"{stem}.md", f"{stem}.csv", f"{stem}.tex"}
    assert table.columns == ["group", "attacked", "broken"] + [
        f"{s}, {n}" for n in ("natural", "robust") for s in ("Spearman", "AUROC")
    ]
    assert [row[0] for row in table.rows] == ["all, k = 5", "all, k = 20", "class 0, k = 5", "class 1, k = 5"]
    assert table.rows[0][1:3] == ["40", "20"]
    assert table.rows[0][-1] == "1.000 [1.000, 1.000]"
    assert figures == [f"figure {tmp_path / stem}_k{k}.png" for k in (5, 20)]
    saved = json.loads((tmp_path / "distance_histogram.json").read_text())["figures"]
    assert [figure["file"] for figure in saved] == [f"{stem}_k{k}.png" for k in (5, 20)]


def test_the_same_numbers_give_the_same_files(made, tmp_path):
    results = made({"report": [REPORT]}, with_measured(DISTANCE))
    for out in ("once", "again"):
        list(render(results, tmp_path / out))
    for file in (tmp_path / "once").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


@pytest.mark.parametrize("broken", [np.full(40, np.inf), np.full(40, 0.05)])
def test_where_no_attack_or_every_attack_succeeds_nothing_is_said_of_ranks(made, broken):
    def extreme(place):
        return attack(broken) if place["kind"] == "attack" else with_measured(DISTANCE)(place)

    measure = {"name": "nearest", "network": "robust", "k": [5]}
    _, (table,) = read(made({"report": [REPORT], "measures": [measure]}, extreme))
    assert all(row[3:] == ["-", "-"] for row in table.rows)
    assert any(note.startswith("A dash: fewer than 5") for note in table.notes)


def test_attacked_images_that_were_not_measured_are_left_out(made):
    results = made({"report": [REPORT]}, with_measured(DISTANCE[:30]))
    _, (table,) = read(results)
    assert table.rows[0][1] == "5"  # 20, 22, ..., 28
    attacked = len(results.find(kind="attack")[0].arrays("attack.npz")["index"])
    assert f"{attacked - 5} attacked images are left out: their distance was not measured." in table.notes


def test_nor_does_it_matter_if_none_was(made, tmp_path):
    (_, table) = render(made({"report": [REPORT]}, with_measured(DISTANCE[:10])), tmp_path / "none")
    assert table.rows == [["all, k = 5", "0", "0", "-", "-", "-", "-"]]


def test_several_attacks_and_cells_have_files_of_their_own(made):
    attacks = [PGD | {"label": "as in v1.0"}, PGD | {"label": "ours", "steps": 2}]
    change = {"report": [REPORT], "attack": attacks, "blind_spot": {"cells": [[1, 0], [0.9, 0.05]]}}
    *parts, _ = distance_histogram.pages(made(change, with_measured(DISTANCE)), bins=10, thin=7, resamples=9).parts
    stems = [f"distance_histogram_robust_{label}_{c}" for label in ("as_in_v1.0", "ours") for c in ("1_0", "0.9_0.05")]
    assert [(type(part), part.stem) for part in parts] == [(kind, stem) for stem in stems for kind in (Figure, Table)]
