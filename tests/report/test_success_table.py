"""The table's numbers."""

import pytest

from bsa.judge import wilson
from bsa.report.write.table import Table


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    # Newcombe (1998), Table I, method 3: the score interval without continuity correction
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(count, n, low, high):
    assert wilson(count, n) == pytest.approx((low, high), abs=5e-5)


def test_no_images_say_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_table_in_every_form(tmp_path):
    table = Table("T", ["cell", "a_b"], [["1, 0", "5 %"]], ["A note."])
    table.save(tmp_path / "t")
    assert (tmp_path / "t.md").read_text() == "### T\n\n| cell | a_b |\n| --- | ---: |\n| 1, 0 | 5 % |\n\nA note.\n"
    assert (tmp_path / "t.csv").read_text() == 'cell,a_b\n"1, 0",5 %\n'
    assert r"1, 0 & 5 \% \\" in (tmp_path / "t.tex").read_text()
    assert r"a\_b" in (tmp_path / "t.tex").read_text()
