"""Pages show what their records hold."""

from xml.etree import ElementTree

import pytest

from tools import chart, record, render

HEADS = "| scale, shift | accuracy | rho | threshold | pgd | larger ball, pgd | published success |"


def made():
    """A record of two cells, one of them moved so far that its control says nothing at the larger threshold."""
    where = {"network": "main", "cell": "1, 0"}
    moved = where | {"cell": "0.9, 0"}
    success = {"quantity": "success", "by": "pgd", "threshold": 0.1}
    rows = [
        where | {"quantity": "accuracy"} | record.rate(200, 190),
        where | success | record.rate(100, 2),
        where | {"quantity": "published success", "threshold": 0.1, "value": 9.7},
        moved | {"quantity": "accuracy"} | record.rate(200, 188),
        moved | success | record.rate(100, 50),
        moved | success | {"threshold": 0.09} | record.rate(100, 25),
        moved | {"quantity": "rho", "by": "pgd", "value": 0.05},
        moved | {"quantity": "larger ball", "by": "pgd", "threshold": 0.09} | record.rate(50, 20),
    ]
    return {
        "name": "made",
        "source": "run",
        "rows": rows,
        "tables": {"own": {"columns": ["a", "b"], "rows": [["1", "2"]]}},
    }


@pytest.fixture
def shown(monkeypatch):
    monkeypatch.setattr(render, "load", lambda name: made())
    return lambda asked: render.block(asked).splitlines()


@pytest.mark.parametrize("page", render.pages(), ids=lambda page: page.stem)
def test_every_page_is_up_to_date(page):
    assert page.read_text(encoding="utf-8") == render.filled(page), "run `python -m tools.render`"


def test_every_chart_is_up_to_date():
    assert render.charts()
    for file, drawn in render.charts().items():
        assert file.read_text(encoding="utf-8") == drawn, "run `python -m tools.render`"


def test_a_chart_has_each_rate_at_its_place():
    drawn = chart.draw(made())
    ElementTree.fromstring(drawn)
    assert drawn.count("<circle") == 1 + 3  # the legend's, and one for each success
    assert 'cx="425.0"' in drawn  # 50 % is midway between 150 and 700
    assert "0.9, 0  at 0.09" in drawn


def test_cells_have_a_line_for_each_threshold(shown):
    heads, _, *lines = shown("made short")
    assert heads == HEADS
    assert lines == [
        "| 1, 0 | 95.00 |  | 0.1 | 2.00 |  | 9.70 |",
        "| 0.9, 0 | 94.00 | 0.05 | 0.1 | 50.00 | - |  |",
        "|  |  |  | 0.09 | 25.00 | 40.00 |  |",
    ]


def test_intervals_are_wilsons(shown):
    assert "| 50.00 [40.4-59.6] |" in shown("made")[3]


def test_a_block_shows_what_it_asks_for(shown):
    assert len(shown("made cell=1,0")) == 3
    assert shown("made table=own") == ["| a | b |", "| --- | ---: |", "| 1 | 2 |"]


def test_two_renderings_are_one():
    text = "<!-- record: quickstart short -->\nBEFORE\n<!-- end -->\nprose\n"
    once = render.rendered(text)
    assert render.rendered(once) == once
    assert "BEFORE" not in once
    assert once.endswith("<!-- end -->\nprose\n")


@pytest.mark.parametrize(
    ("asked", "said"), [("nosuch", "docs/results/nosuch.json"), ("quickstart table=no", "expected one of")]
)
def test_what_there_is_not_is_told(asked, said):
    with pytest.raises(ValueError, match=said):
        render.block(asked)


@pytest.mark.parametrize("file", sorted(record.RESULTS.glob("*.json")), ids=lambda file: file.stem)
def test_every_record_says_where_it_is_from(file):
    found = record.load(file.stem)
    if "source" not in found:  # another form, rendered by what wrote it
        assert found["date"]
        assert found["versions"]
        return
    assert found["name"] == file.stem
    assert found["source"] == "run" or "transcribed" in found["source"]
    if found["source"] == "run":
        assert found["machine"]
        assert found["date"]
        assert found["versions"]["bsa"]
    for row in found["rows"]:
        if "count" in row:
            assert {key: row[key] for key in ("images", "count", "percent", "low", "high")} == record.rate(
                row["images"], row["count"]
            )
