"""Figures as PNG and SVG."""

import io
import re
from pathlib import Path
from typing import Any

from bsa import files
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

    with matplotlib.rc_context({"svg.hashsalt": "bsa"}):
        contents = [_content(drawn, format="png", dpi=found.dpi)]
        contents += [_numbered(_content(drawn, format="svg", dpi=found.dpi, metadata={"Date": None}))]
    pyplot.close(drawn)
    for suffix, content in zip(SUFFIXES, contents, strict=True):
        files.write(folder / (found.stem + suffix), lambda file, content=content: file.write(content))


def _content(drawn: Any, **how):
    content = io.BytesIO()
    drawn.savefig(content, **how)
    return content.getvalue()


def _numbered(svg):
    """An SVG whose clip paths are numbered: Matplotlib names them by coordinates, whose last bits a layout may vary."""
    names = re.findall(rb'<clipPath id="(\w+)"', svg)
    number = {name: b"clip%d" % i for i, name in enumerate(names)}
    return re.sub(rb'(<clipPath id="|url\(#)(\w+)', lambda found: found[1] + number.get(found[2], found[2]), svg)
