"""The page of a run as one HTML file that asks nothing of anybody: styles, script and pictures are in it.

Whatever a spec or a data set says is text: Jinja escapes it, characters that turn the direction of the text around or
control a terminal are shown by their numbers, and a policy in the page lets no other script run than its own.
"""

import base64
import functools
import hashlib
import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import jinja2

from bsa.report.page import Figure, Mark, Note, Table
from bsa.report.write import figure, png

FILE = "index.html"
TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LARGE = 300_000  # bytes of an SVG above which the PNG beside it is taken
NUMBER = re.compile(r"\(?([-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)")
SHOWN = (Table, Figure, Note)  # data are for programs


def page(index: Any) -> str:
    """The text of the file, of the `Index` of a run."""
    made = _environment()
    style, script = (made.loader.get_source(made, name)[0] for name in ("style.css", "script.js"))
    policy = f"default-src 'none'; img-src data:; style-src {_allowed(style)}; script-src {_allowed(script)}; "
    policy += "base-uri 'none'; form-action 'none'"
    return made.get_template("index.html").render(index=index, style=style, script=script, policy=policy)


def escaped(text: Any) -> Any:
    """Text without characters that turn the direction of what follows, control anything, or are half of one."""
    if not isinstance(text, str) or hasattr(text, "__html__"):
        return text
    odd = (c for c in text if c in TURNING or (unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"))
    return text.translate({ord(c): repr(c)[1:-1] if not c.isprintable() else f"\\u{ord(c):04x}" for c in odd})


@functools.cache
def _environment():
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=escaped,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"filled": filled, "key": key, "picture": picture, "pretty": pretty, "kind": kind}
    made.filters |= {"spent": spent, "without": without, "sentence": sentence}
    made.globals |= {"png": png, "across": across, "described": described, "hue": hue}
    return made


def _allowed(text):
    """The hash by which the page's policy lets a style or a script of its own pass."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def kind(part: Any) -> str:
    """What a part is, for the template: "table", "figure", "note" or nothing."""
    return next((each.__name__.lower() for each in SHOWN if isinstance(part, each)), "")


def filled(table: Table) -> list[list[str]]:
    """The rows of a table, each whole: sorted, none may lean on the one before it."""
    rows, before = [], [""] * len(table.columns)
    for row in table.rows:
        leans = bool(before) and table.grouped and not row[0]
        whole = [text or (before[at] if leans and at < table.grouped else "") for at, text in enumerate(row)]
        rows.append(whole)
        before = whole
    return rows


def key(text: str) -> str:
    """By what a cell of a table is sorted as a number: the number that it begins with; empty where it is none."""
    found = NUMBER.match(text.strip())
    return found[1] if found else ""


def picture(part: Figure, folder: Path) -> str:
    """The file of a figure as a data URI."""
    drawn = folder / (part.stem + figure.LINES)
    if drawn.stat().st_size <= LARGE:
        return "data:image/svg+xml;base64," + base64.b64encode(drawn.read_bytes()).decode()
    return "data:image/png;base64," + base64.b64encode((folder / figure.file(part)).read_bytes()).decode()


def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=1, ensure_ascii=False)


def without(title: str, name: str) -> str:
    """A title that does not begin with the experiment's name, which stands above it."""
    return title.removeprefix(f"{name}: ")


def sentence(line: str) -> str:
    """A line of a terminal, such as "control: in 2 of 3 cells", as a sentence."""
    said = line.partition(": ")[2] or line
    return f"{said[:1].upper()}{said[1:]}."


def spent(stages: list[dict[str, Any]]) -> list[list[str]]:
    """What run.json says of stages as rows: title, seconds, the beginning of the key."""
    return [[one.get("title", ""), f"{one['seconds']:.1f}", one["key"][:12]] for one in stages]


def across(percent: float) -> str:
    """Where a rate lies in a chart, of its width: there is room beside 0 and 100 for marks."""
    return f"{3 + 0.94 * percent:.3f}%"


def hue(number: int) -> int:
    """The colour of a line of a chart: with its shape, number % 4, no two of the first 16 look the same."""
    return (number + number // 4) % 4


def described(name: str, place: str, mark: Mark) -> str:
    """A mark of a chart in words."""
    what = f"{name}, {place}" + (f", {mark.note}" if mark.note else "")
    return f"{what}: {mark.percent:.2f} [{mark.low:.1f}-{mark.high:.1f}] %"
