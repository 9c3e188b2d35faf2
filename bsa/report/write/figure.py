"""Figures as PNG and SVG."""

from pathlib import Path

from bsa.report.page import Figure

PIXELS, LINES = SUFFIXES = (".png", ".svg")


def file(found: Figure) -> str:
    """The name of the file that is shown; the other one stands beside it."""
    return found.stem + PIXELS


def save(found: Figure, folder: Path) -> None:
    """Draw a figure and write it as .png and as .svg, which is the same for the same figure."""
    drawn = found.draw()
    import matplotlib
    from matplotlib import pyplot

    drawn.savefig(folder / file(found), dpi=found.dpi)
    with matplotlib.rc_context({"svg.hashsalt": "bsa"}):
        drawn.savefig(folder / (found.stem + LINES), dpi=found.dpi, metadata={"Date": None})
    pyplot.close(drawn)
