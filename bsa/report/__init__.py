"""Pages of tables, figures and notes, from the store alone: a module each, `pages(results, **params) -> Page`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.text import Text

from bsa import files
from bsa.catalog import find
from bsa.engine.results import Collected, Results
from bsa.report import _control, _sanity, write
from bsa.report._difference import difference_json as difference_json
from bsa.report._difference import difference_table as difference_table
from bsa.report._finished import Finished as Finished
from bsa.report._finished import finished as finished
from bsa.report._finished import names as names
from bsa.report._folder import Folder as Folder
from bsa.report._index import index
from bsa.report._verdict import sentences as sentences
from bsa.report.page import Page, Table
from bsa.report.write import html, text


def render(
    results: Results | Collected,
    out: Path,
    about: dict[str, Any] | None = None,
) -> Iterator[str | Text | Table]:
    """Write the pages of the results' spec into the folder `out`, part by part; yields what a terminal shows.

    The control of cells and the sanity checks come last, whatever the reports are, so that warnings are not missed. A
    collection has a folder for each experiment. Finally all parts are joined on one page, index.html, with `about`,
    which describes the run.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, folder, page in _pages(results, out):
        for part in page.parts:
            folder.mkdir(exist_ok=True)
            write.part(part, folder)
            yield from text.shown(part, folder)
        if name:
            written.append((name, folder, page))
    joined = html.page(index(results, written, about or {}))
    files.write(out / html.FILE, lambda file: file.write(joined.encode()))


def shown(results: Results | Collected, out: Path) -> Iterator[str | Text | Table]:
    """What `render` yields, where all its files are in the folder `out` already: nothing is drawn or written."""
    for _, folder, page in _pages(results, out):
        for part in page.parts:
            yield from text.shown(part, folder)


def _pages(results, out) -> Iterator[tuple[str, Path, Page]]:
    """Each page with the name of its report, none for what the sanity checks found, and its folder."""
    for report in results.spec.reports:
        yield report.name, out, find("report", report.name).pages(results, **report.params)
    for experiment in results.experiments:
        folder = out if experiment is results else out / experiment.spec.name
        yield "", folder, _control.pages(experiment)
        yield "", folder, _sanity.pages(experiment)
