"""The report of a search: what was measured on unseen images beside what the search saw, and its probes in a figure."""

import pytest

from bsa.errors import UsageError
from bsa.report import map as report
from bsa.report import sentences, write
from bsa.report.page import Data, Figure, Table

SPACE = {
    "scale": {"low": 0.5, "high": 1, "neutral": 1, "unit": "of the contrast"},
    "shift": {"low": -0.2, "high": 0.2, "neutral": 0, "unit": "of the range"},
}
SEARCH = {"explore": {"chain": ["scale_shift"], "epsilon": 0.1}, "report": [{"name": "map"}]}
SEARCH |= {"networks": {"main": {"model": {"name": "wong_small"}, "train": {"name": "natural", "steps": 1}}}}
SEARCH |= {"attack": {"name": "pgd", "epsilon": 0.1}, "measures": []}


def probe(scale, shift, accuracy, success):
    size = ((2 - 2 * scale) ** 2 + (5 * shift) ** 2) ** 0.5
    return {"point": {"scale": scale, "shift": shift}, "accuracy": accuracy, "success": success, "size": size}


def measured(correct, broken, largest=0.0, control=None):
    counts = [{"threshold": threshold, "count": count} for threshold, count in broken]
    found = {"images": 1000, "correct": correct, "attacked": 200, "broken": counts, "largest": largest, "mean": largest}
    return found | {"clipped": 0.0, "control": control, "notes": ["a note"]}


PROBES = [
    probe(0.6, 0.1, 0.95, 0.9), probe(0.8, 0.0, 0.96, 0.5), probe(0.9, -0.05, 0.97, 0.2), probe(0.5, 0.2, 0.6, None),
    probe(0.7, -0.1, 0.955, 0.4),
]  # fmt: skip
FOUND = {
    "space": SPACE,
    "keep_accuracy": 2,
    "accuracy": 0.97,
    "original": measured(968, [(0.1, 10)]),
    "most": PROBES[0]
    | {"unseen": measured(949, [(0.1, 170), (0.06, 20)], 0.3, {"radius": 0.4, "count": 198, "images": 200})},
    "mildest": PROBES[1] | {"unseen": measured(961, [(0.1, 90)], 0.45)},
    "probes": PROBES,
}


def filled(made, **changes):
    found = FOUND | changes

    def content(place):
        if place["kind"] == "attack":
            return {"index": [0], "distance": [0.5], "y": [0]}
        return found if place["kind"] == "explore" else {}

    return made(SEARCH, content)


def test_the_table_has_both_the_searches_numbers_and_those_on_unseen_images(made):
    table, figure, data = report.pages(filled(made)).parts
    assert [type(part) for part in (table, figure, data)] == [Table, Figure, Data]
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows if row[0]}
    original = rows["the images as they are"]
    assert (original["accuracy"], original["success"]) == ("96.80 [95.5-97.7]", "5.00 [2.7-9.0]")
    assert original["control"] == ""  # they are the originals
    most = rows["breaks most: scale 0.6, shift 0.1"]
    assert (most["accuracy, search"], most["success, search"]) == ("95.0", "90.0")
    assert (most["accuracy"], most["success"]) == ("94.90 [93.4-96.1]", "85.00 [79.4-89.3]")
    assert most["control"] == "99.00 [96.4-99.7] at 0.400"
    assert rows["the mildest that breaks half: scale 0.8"]["control"] == "says nothing"  # at 0.55
    assert [row[5:7] for row in table.rows if not row[0]] == [["0.06", "10.00 [6.6-14.9]"]]
    assert [(r["point"], r["threshold"], r["percent"]) for r in table.records] == [
        ("original", 0.1, 5.0), ("most", 0.1, 85.0), ("most", 0.06, 10.0), ("mildest", 0.1, 45.0),
    ]  # fmt: skip
    assert any("tried 5 points" in note and "at the 4 of them" in note for note in table.notes)
    assert table.notes.count("a note") == 1
    assert data.value["searches"][0]["most"]["unseen"]["correct"] == 949


def test_the_verdict_says_what_was_found_on_unseen_images(made):
    said = " ".join(sentences(filled(made)))
    assert (
        "The search found scale 0.6, shift 0.1: on images that it did not see, accuracy is 94.9 % there and 96.8 % as "
        "they are, and 85.0 % (79.4 to 89.3) break there, 5.0 % (2.7 to 9.0) as they are."
    ) in said
    assert "half of its own images broke is scale 0.8; of others 45.0 % (38.3 to 51.9)." in said


def test_what_the_search_did_not_find_is_said(made):
    results = filled(made, most=None, mildest=None, probes=[PROBES[3]])
    table, figure, _ = report.pages(results).parts
    assert [row[0] for row in table.rows][1:] == ["breaks most: none found", "the mildest that breaks half: none found"]
    figure.draw()
    assert any(
        "The search found no point that keeps accuracy within 2 points: try" in said for said in sentences(results)
    )


def test_the_figure_shows_every_probe_and_the_contour_of_kept_accuracy(made, tmp_path):
    _, figure, _ = report.pages(filled(made)).parts
    assert figure.data["over"] == ["scale", "shift"]
    assert [p["success"] for p in figure.data["front"]] == [0.2, 0.5, 0.9]
    drawn = figure.draw()
    left, right = drawn.axes[:2]
    shown = {tuple(place) for each in left.collections for place in getattr(each, "get_offsets", list)()}
    assert {(p["point"]["scale"], p["point"]["shift"]) for p in PROBES} <= shown
    assert [text.get_text() for text in left.texts if "accuracy" in text.get_text()] == ["accuracy 95.0 %"]
    assert [text.get_text() for text in right.texts] == ["accuracy kept", "1 of 5 probes lose more"]
    write.part(figure, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} >= {"map.png", "map.svg"}


def test_one_parameter_is_drawn_along_a_line(made):
    still = SPACE | {"shift": SPACE["shift"] | {"low": 0, "high": 0}}
    probes = [probe(0.6, 0, 0.95, 0.9), probe(0.8, 0, 0.96, 0.5), probe(0.5, 0, 0.6, None)]
    most = probes[0] | {"unseen": FOUND["most"]["unseen"]}
    _, figure, _ = report.pages(filled(made, space=still, probes=probes, most=most, mildest=None)).parts
    left = figure.draw().axes[0]
    assert [list(line.get_xdata()) for line in left.lines] == [[0.5, 0.6, 0.8], [0.6, 0.8]]


def test_the_two_parameters_may_be_named(made):
    results = filled(made)
    _, figure, _ = report.pages(results, over=["shift", "scale"]).parts
    assert figure.data["over"] == ["shift", "scale"]
    with pytest.raises(UsageError, match='expected "over" of scale, shift, found shft: did you mean "shift"'):
        report.pages(results, over=["shft", "scale"])
