"""Tables as comma-separated values, for spreadsheets and programs: the numbers one a row, else heads and rows."""

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
    """The table's records or, where it has none, heads and rows; title and notes have no place in them."""
    rows = [found.columns, *found.rows]
    if found.records:
        rows = [list(found.records[0]), *([_plain(value) for value in one.values()] for one in found.records)]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([map(escaped, row) for row in rows])
    return out.getvalue()


def _plain(value):
    """A value of a record as text: empty where there is none."""
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def escaped(text: str) -> str:
    """Text that no spreadsheet takes for a formula: one that seems to begin is marked as text by an apostrophe."""
    text = line(text)
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text
