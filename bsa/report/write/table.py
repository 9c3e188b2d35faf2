"""A table of strings, written in every form that people ask for."""

import csv
import io
import re
from typing import NamedTuple

import rich.box
import rich.table

from bsa import files

FORMULA = ("=", "+", "-", "@", "\t")
# a number of ours, also with its interval, or the dash that stands for none
_ONE = r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?"
NUMBER = re.compile(rf"-|{_ONE}( %| \[{_ONE}(, |-){_ONE}\])?")
LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
)


class Table(NamedTuple):
    """A title, column heads, rows of strings and notes to stand below."""

    title: str
    columns: list
    rows: list
    notes: list

    def markdown(self):
        """The table as GitHub-flavoured Markdown."""
        heads, *rows = [[_cell(text) for text in row] for row in [self.columns, *self.rows]]
        lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n\n".join([f"### {_markdown(self.title)}", body, *map(_markdown, self.notes)]) + "\n"

    def csv(self):
        """Heads and rows as comma-separated values."""
        out = io.StringIO()
        lines = [[_csv(text) for text in row] for row in [self.columns, *self.rows]]
        csv.writer(out, lineterminator="\n").writerows(lines)
        return out.getvalue()

    def latex(self):
        """A `tabular` with booktabs rules."""
        lines = [_row(" & ".join(_latex(text) for text in row)) for row in [self.columns, *self.rows]]
        head = rf"\begin{{tabular}}{{l{'r' * (len(self.columns) - 1)}}}"
        body = [head, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"]
        notes = [f"% {_line(note)}" for note in [self.title, *self.notes]]
        return "\n".join([*notes, *body]) + "\n"

    def rich(self):
        """The table for a terminal."""
        table = rich.table.Table(title=self.title, box=rich.box.SIMPLE_HEAD, caption="\n".join(self.notes))
        table.title_justify = table.caption_justify = "left"
        for i, column in enumerate(self.columns):
            table.add_column(column, justify="right" if i else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def save(self, stem):
        """Write `stem`.md, .csv and .tex."""
        for suffix, text in ((".md", self.markdown()), (".csv", self.csv()), (".tex", self.latex())):
            files.write(stem.with_name(stem.name + suffix), lambda file, text=text: file.write(text.encode()))


# What a spec says, such as the source of published numbers, stands in tables as text, whatever a format makes of it.


def _line(text):
    """The text on one line: none of these formats has a line's end within a cell, a title or a comment."""
    return " ".join(text.splitlines())


def _markdown(text):
    """Text in Markdown without HTML."""
    return _line(text).translate({ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"})


def _cell(text):
    """Text in a cell of a Markdown table."""
    return _markdown(text.replace("\\", "\\\\").replace("|", "\\|"))


def _csv(text):
    """Text that no spreadsheet takes for a formula: one that seems to begin is marked as text by an apostrophe."""
    text = _line(text)
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text


def _latex(text):
    """Text in LaTeX, its special characters as such."""
    return _line(text).translate(LATEX)


def _row(text):
    """A row of a `tabular`: after the row before it, a bracket or a star would be an argument of its end."""
    return ("{}" if text.startswith(("[", "*")) else "") + text + r" \\"
