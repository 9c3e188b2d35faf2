"""Tables and figures, one module each: `render(results, out)` gives `Table`s and sentences, from the store alone."""

from bsa.catalog import find
from bsa.report import _sanity
from bsa.report._folder import Folder as Folder


def render(results, out):
    """Render the reports of the results' spec into the folder `out`, one after the other; yields what to show.

    What the sanity checks found comes last, whatever the reports are: a warning is not to be missed. In a collection
    it stands in a folder for each experiment.
    """
    out.mkdir(parents=True, exist_ok=True)
    for report in results.spec.reports:
        yield from find("report", report.name).render(results, out, **report.params)
    for experiment in results.experiments:
        yield from _sanity.render(experiment, out if experiment is results else out / experiment.spec.name)
