"""A table's text is text in every format, whatever a spec says."""

import csv
import io

import pytest

from bsa.report.write.table import Table

HOSTILE = "a | b\n<b>\\| & c"


def table(*rows, title="t", notes=()):
    return Table(title, ["label", "rate"], [list(row) for row in rows], list(notes))


def test_markdown_keeps_cells_apart_and_html_out():
    text = table([HOSTILE, "1"], title=HOSTILE, notes=[HOSTILE, "max |x' - x|"]).markdown()
    title, _, head, rule, row, _, first, _, second = text.splitlines()
    assert row == r"| a \| b &lt;b&gt;\\\| &amp; c | 1 |"
    assert (head, rule) == ("| label | rate |", "| --- | ---: |")
    assert title == r"### a | b &lt;b&gt;\| &amp; c"
    assert (first, second) == (title.removeprefix("### "), "max |x' - x|")


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "-cmd|' /C calc'!A0", "\t=1", "+", "=\n1", "-a"])
def test_no_cell_of_a_csv_is_a_formula(text):
    rows = list(csv.reader(io.StringIO(table([text, text]).csv())))
    assert len(rows) == 2
    for cell in rows[1]:
        assert cell == "'" + text.replace("\n", " ")


@pytest.mark.parametrize("text", ["-0.5", "+12.3", "-1e-05", "-0.123 [-0.3, 0.1]", "-2.00 [-3.1-0.5]", "-", "a=b", ""])
def test_numbers_and_words_of_a_csv_stay_what_they_are(text):
    rows = list(csv.reader(io.StringIO(table([text, text]).csv())))
    assert rows[1] == [text, text]


def test_latex_shows_its_special_characters():
    text = table([r"\{}$&#%_^~<>|", "1"], ["[0] a", "*"], title="a\n\\input{b}", notes=["b\n\\input{c}"]).latex()
    title, note, *_, row, bracket, _, _ = text.splitlines()
    assert row == (
        r"\textbackslash{}\{\}\$\&\#\%\_\textasciicircum{}\textasciitilde{}\textless{}\textgreater{}\textbar{} & 1 \\"
    )
    assert bracket == r"{}[0] a & * \\"
    assert (title, note) == (r"% a \input{b}", r"% b \input{c}")
