"""The only modules that know a format.

What a spec says, such as the source of published numbers, stands in all of them as text, whatever a format makes of it.
"""

from pathlib import Path

from bsa import files
from bsa.report.page import Data, Figure, Part, Table
from bsa.report.write import csv, figure, json, latex, markdown

TABLES = (markdown, csv, latex)
SUFFIXES = (*(form.SUFFIX for form in TABLES), json.SUFFIX, *figure.SUFFIXES)


def part(found: Part, folder: Path) -> None:
    """Write the files of a part into a folder, each whole or absent, and named by its stem; a note has none."""
    if isinstance(found, Table):
        for form in TABLES:
            text = form.table(found)
            files.write(folder / (found.stem + form.SUFFIX), lambda file, text=text: file.write(text.encode()))
    elif isinstance(found, Figure):
        figure.save(found, folder)
    elif isinstance(found, Data):
        json.save(found, folder)
