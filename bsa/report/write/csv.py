"""Tables as comma-separated values: heads and rows, for spreadsheets and programs."""

import csv
import io
import re

from bsa.report.page import Table, line

SUFFIX = ".csv"
FORMULA = ("=", "+", "-", "@", "\t")
# a number of ours, also with its interval, or the dash that stands for none
_ONE = r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?"
NUMBER = re.compile(rf"-|{_ONE}( %| \[{_ONE}(, |-){_ONE}\])?")


def table(found: Table) -> str:
    """Heads and rows; title and notes have no place in them."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([map(escaped, row) for row in [found.columns, *found.rows]])
    return out.getvalue()


def escaped(text: str) -> str:
    """Text that no spreadsheet takes for a formula: one that seems to begin is marked as text by an apostrophe."""
    text = line(text)
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text
