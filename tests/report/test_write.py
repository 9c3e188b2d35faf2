"""A page's text is text in every format, whatever a spec says."""

import csv as standard
import io
import json as plain
import re
import shutil
import subprocess

import pytest
import rich.console
from matplotlib.figure import Figure as Drawn
from rich.text import Text

from bsa.report import write
from bsa.report.page import Data, Figure, Note, Table
from bsa.report.write import csv, fit, latex, markdown, text

HOSTILE = "a | b\n<b>\\| & c"


def table(*rows, title="t", notes=()):
    return Table(title, ["label", "rate"], [list(row) for row in rows], list(notes))


def test_a_table_in_every_form(tmp_path):
    write.part(Table("T", ["cell", "a_b"], [["1, 0", "5 %"]], ["A note."], "t", ["Checked."]), tmp_path)
    head = "### T\n\n| cell | a_b |\n| --- | ---: |\n| 1, 0 | 5 % |\n\n"
    assert (tmp_path / "t.md").read_text() == head + "A note.\n\nChecked.\n"
    assert (tmp_path / "t.csv").read_text() == 'cell,a_b\n"1, 0",5 %\n'
    assert r"1, 0 & 5 \% \\" in (tmp_path / "t.tex").read_text()
    assert r"a\_b" in (tmp_path / "t.tex").read_text()
    assert len(list(tmp_path.iterdir())) == 3


def test_markdown_keeps_cells_apart_and_html_out():
    written = markdown.table(table([HOSTILE, "1"], title=HOSTILE, notes=[HOSTILE, "max |x' - x|"]))
    title, _, head, rule, row, _, first, _, second = written.splitlines()
    assert row == r"| a \| b &lt;b&gt;\\\| &amp; c | 1 |"
    assert (head, rule) == ("| label | rate |", "| --- | ---: |")
    assert title == r"### a | b &lt;b&gt;\| &amp; c"
    assert (first, second) == (title.removeprefix("### "), "max |x' - x|")


@pytest.mark.parametrize("said", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "-cmd|' /C calc'!A0", "\t=1", "+", "=\n1", "-a"])
def test_no_cell_of_a_csv_is_a_formula(said):
    rows = list(standard.reader(io.StringIO(csv.table(table([said, said])))))
    assert len(rows) == 2
    for cell in rows[1]:
        assert cell == "'" + said.replace("\n", " ")


@pytest.mark.parametrize("said", ["-0.5", "+12.3", "-1e-05", "-0.123 [-0.3, 0.1]", "-2.00 [-3.1-0.5]", "-", "a=b", ""])
def test_numbers_and_words_of_a_csv_stay_what_they_are(said):
    rows = list(standard.reader(io.StringIO(csv.table(table([said, said])))))
    assert rows[1] == [said, said]


def test_latex_shows_its_special_characters():
    found = table([r"\{}$&#%_^~<>|", "1"], ["[0] a", "*"], title="a\n\\input{b}", notes=["b\n\\input{c}"])
    title, note, *_, row, bracket, _, _ = latex.table(found).splitlines()
    assert row == (
        r"\textbackslash{}\{\}\$\&\#\%\_\textasciicircum{}\textasciitilde{}\textless{}\textgreater{}\textbar{} & 1 \\"
    )
    assert bracket == r"{}[0] a & * \\"
    assert (title, note) == (r"% a \input{b}", r"% b \input{c}")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("0.1 ± 0.04, 20° → 2×, a – b", r"0.1 $\pm$ 0.04, 20$^\circ$ $\to$ 2$\times$, a -- b"),  # noqa: RUF001
        ("Gül, naïve, Łódź, Ångström", r"G\"{u}l, na\"{\i}ve, \L{}\'{o}d\'{z}, \AA{}ngstr\"{o}m"),
        ("停, \U0001f600, \x1b, \u202e, \ud800", "U+505C, U+1F600, U+001B, U+202E, U+D800"),
        ("a\tb\u00a0c", "a b~c"),
    ],
)
def test_latex_knows_every_character_or_tells_its_number(said, written):
    assert latex.escaped(said) == written


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex: apt-get install texlive-latex-recommended")
def test_latex_compiles_whatever_a_table_holds(tmp_path):
    every = "".join(map(chr, [*range(1, 0x500), *range(0x2000, 0x2100)])) + "停\U0001f600\ud800"
    rows = [[every[at : at + 40], "[1]"] for at in range(0, len(every), 40)] + [["[0] a", "*"], ["*", "^^M"]]
    written = latex.table(table(*rows, title=every, notes=[every, r"\end{tabular}"]))
    shortened = r"\documentclass{article}\usepackage{booktabs}\begin{document}\tiny" + "\n" + written
    (tmp_path / "t.tex").write_bytes(f"{shortened}\\end{{document}}\n".encode(errors="replace"))
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 1000


def test_a_terminal_takes_no_command_no_markup_and_no_emoji():
    said = "[b]x[/b] :cat: \x1b[2J"
    console = rich.console.Console(file=io.StringIO(), width=100)
    console.print(text.table(Table(said, [said, "rate"], [[said, "1"]], [said])))
    shown = console.file.getvalue()
    assert shown.count(r"[b]x[/b] :cat: \x1b[2J") == 4
    assert "\x1b" not in shown


def test_a_terminal_is_shown_tables_lines_and_warnings(tmp_path):
    found = table(["a", "1"])
    parts = [found, Table("wide", ["a"], [], apart=True), Figure("f", "one_k5", Drawn), Data("d", "one", {})]
    parts += [Note("sanity: 1 failed", table="sanity", holds="verdicts"), Note("WARNING", warning=True)]
    shown = [said for part in parts for said in text.shown(part, tmp_path)]
    assert shown[:3] == [
        found,
        f"figure {tmp_path / 'one_k5.png'}",
        f"sanity: 1 failed ({tmp_path}/sanity.md has verdicts)",
    ]
    assert shown[3:] == [Text("WARNING", style="bold red")]
    assert shown[3].style == "bold red"


def test_json_says_which_file_shows_a_figure(tmp_path):
    figure = Figure("f", "one_k5", Drawn, {"k": 5})
    write.part(Data("d", "one", {"name": 'a "b"\n<c>', "figures": [figure]}), tmp_path)
    found = plain.loads((tmp_path / "one.json").read_text())
    assert found == {"name": 'a "b"\n<c>', "figures": [{"file": "one_k5.png", "k": 5}]}


def test_what_json_cannot_hold_is_an_error_and_no_file(tmp_path):
    with pytest.raises(TypeError, match="JSON's types or a Figure, found Table"):
        write.part(Data("d", "one", {"table": table()}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_last_bits_of_a_layout_name_no_clip_path(tmp_path):
    for stem, more in (("one", 0), ("other", 1e-15)):

        def draw(more=more):
            drawn = Drawn()
            for at in (0.1037, 0.5919):
                axis = drawn.add_axes((at + more, 0.1, 0.3, 0.8))
                axis.imshow([[0, 1]])
                axis.set_axis_off()  # text may lie between two of the six digits that are written
                axis.plot([0, 1], "o")
            return drawn

        write.part(Figure("f", stem, draw), tmp_path)
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"other{suffix}").read_bytes()
    svg = (tmp_path / "one.svg").read_text()
    defined, used = (
        set(re.findall(pattern, svg)) for pattern in (r'<clipPath id="(\w+)"', r'clip-path="url\(#(\w+)\)"')
    )
    assert defined == used
    assert len(defined) == 2


HEADS = ["scale, shift", "accuracy", "Table 2 accuracy", "rho", "threshold"]
HEADS += [head for label in ("carlini_wagner_linf", "corner_descent") for head in (label, f"larger ball, {label}")]
RATES = [f"{n}8.40 [{n}7.1-{n}9.2]" for n in range(1, 6)]
ROW = ["0.9, 0.05", RATES[0], "97.2", "0.05", "0.27", *RATES[1:]]


@pytest.mark.parametrize("columns", [200, 120, 100, 80, 60, 40])
def test_no_terminal_cuts_a_number_or_the_head_of_a_column(columns):
    console = rich.console.Console(width=columns, file=io.StringIO())
    console.print(text.table(Table("t", HEADS, [ROW], ["a note"], keys=HEADS[:1])))
    lines = console.file.getvalue().splitlines()
    shown = "\n".join(lines)
    assert "…" not in shown
    assert max(map(len, lines)) <= columns
    for word in ("0.9, 0.05", "18.40", "97.2", "0.05", "0.27", "28.40", "38.40", "48.40", "58.40", "accuracy"):
        assert re.search(rf"(?<![\d.]){re.escape(word)}(?![\d.])", shown), word
    for word in ("carlini_", "wagner_", "linf", "corner_", "descent", "threshold", "larger", "ball"):
        assert word in shown
    intervals = re.findall(r"\[[^]]*\]", shown)
    assert intervals == re.findall(r"\[[^]]*\]", " ".join(RATES)) or "A wider terminal has the intervals." in shown


def test_a_cell_and_a_name_break_between_their_parts_alone():
    found = Table("t", ["cell", "what is broken"], [["(0.9, 0.05)", "a_long_name, 12.5 [1.0, 2.0]"]])
    (narrow,), (narrower,) = fit.fitted(found, 32), fit.fitted(found, 26)
    assert narrow.rows == [("(0.9, 0.05)", "a_long_name,\n12.5 [1.0, 2.0]")]
    assert narrower.rows == [("(0.9, 0.05)", "a_long_\nname, 12.5\n[1.0, 2.0]")]


def test_intervals_go_below_then_out_and_then_the_table_falls_into_parts():
    found = Table(
        "t", HEADS, [ROW, ["", "", "", "", "0.25", *RATES[1:]]], ["a note"], "t", keys=["scale, shift", "threshold"]
    )
    (wide,) = fit.fitted(found, 200)
    assert (wide.columns, wide.rows[0]) == (tuple(HEADS), tuple(ROW))
    (below,) = fit.fitted(found, 116)
    assert below.rows[0][1] == "18.40\n[17.1-19.2]"
    (out,) = fit.fitted(found, 90)
    assert out.rows[0][1] == "18.40"
    assert out.notes == ["a note", "t.md has the intervals."]
    first, second = fit.fitted(found, 70)
    assert first.rows[0][1] == below.rows[0][1]
    for part in (first, second):
        assert [row[list(part.columns).index("threshold")] for row in part.rows] == ["0.27", "0.25"]
    assert [*first.notes, *second.notes] == ["a note"]
    assert second.title == "t, continued"
