"""Tables and figures, one module each: `render(results, out) -> [Table or path]`. They read the store alone."""

from bsa.components import find


def render(results, out):
    """Render every report of the results' spec into the folder `out`; returns what there is to show."""
    out.mkdir(parents=True, exist_ok=True)
    shown = []
    for report in results.spec["report"]:
        params = {k: v for k, v in report.items() if k != "name"}
        shown += find("report", report["name"]).render(results, out, **params)
    return shown
