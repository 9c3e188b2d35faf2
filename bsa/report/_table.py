"""A table of strings, written in every form that people ask for."""

import csv
import io
from typing import NamedTuple

import rich.box
import rich.table

from bsa import store


class Table(NamedTuple):
    """A title, column heads, rows of strings and notes to stand below."""

    title: str
    columns: list
    rows: list
    notes: list

    def markdown(self):
        """The table as GitHub-flavoured Markdown."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.rows]  # labels hold no "|"
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n\n".join([f"### {self.title}", body, *self.notes]) + "\n"

    def csv(self):
        """Heads and rows as comma-separated values."""
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([self.columns, *self.rows])
        return out.getvalue()

    def latex(self):
        """A `tabular` with booktabs rules."""
        lines = [" & ".join(_escape(v) for v in row) + r" \\" for row in [self.columns, *self.rows]]
        head = rf"\begin{{tabular}}{{l{'r' * (len(self.columns) - 1)}}}"
        body = [head, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"]
        notes = [f"% {note}" for note in [self.title, *self.notes]]
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
            store.write(stem.with_name(stem.name + suffix), lambda file, text=text: file.write(text.encode()))


def _escape(text):
    for sign in ("\\", "&", "%", "_", "#", "$"):
        text = text.replace(sign, r"\textbackslash{}" if sign == "\\" else f"\\{sign}")
    return text
