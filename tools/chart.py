"""A chart of a record's rates, beside what was published, as SVG: drawn from the record alone, to the byte the same."""

import html
from collections.abc import Iterator
from typing import Any

WIDTH, LEFT, RIGHT, TOP, ROW = 720, 150, 20, 56, 24
INK = "#808080"  # is read on white and on black, as the colours are
COLOURS = ("#3f7fd0", "#e07b39", "#3a9a6b", "#a66fc9")
PUBLISHED = "published success"


def name(record: dict[str, Any]) -> str:
    """The file of a record's chart, in docs/images."""
    return f"chart_{record['name']}.svg"


def draw(record: dict[str, Any]) -> str:
    """Success in each cell, at each threshold: a dot and its 95 % interval for each attack, a diamond as published."""
    rows = [row for row in record["rows"] if row["quantity"] in ("success", PUBLISHED)]
    places = list(dict.fromkeys((row["cell"], row["threshold"]) for row in rows))
    series = list(dict.fromkeys(_series(row) for row in rows if row["quantity"] == "success"))
    one = len({threshold for _, threshold in places}) == 1
    height = TOP + ROW * len(places) + 30
    said = f"{record['name']}: attack success in percent, in each cell (scale, shift) and at each threshold"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="sans-serif" '
        f'font-size="12" fill="{INK}">',
        f"<title>{html.escape(said)}</title>",
        *_legend([*series, *([PUBLISHED] if any(row["quantity"] == PUBLISHED for row in rows) else [])]),
        *_axis(height),
    ]
    for turn, (cell, threshold) in enumerate(places):
        y = TOP + ROW * turn + ROW / 2
        parts.append(_said(LEFT - 10, y + 4, cell if one else f"{cell}  at {threshold:g}", "end"))
        for row in (row for row in rows if (row["cell"], row["threshold"]) == (cell, threshold)):
            parts += _mark(row, y, series)
    return "\n".join([*parts, "</svg>", ""])


def _series(row):
    return (row["network"], row["by"])


def _x(percent):
    return LEFT + (WIDTH - LEFT - RIGHT) * percent / 100


def _said(x, y, text, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _legend(series) -> Iterator[str]:
    """The colours in a line: of attacks, of networks, or of both where there are several of each."""
    networks, attacks = (len({each[part] for each in series if each != PUBLISHED}) for part in (0, 1))
    x = LEFT
    for turn, each in enumerate(series):
        named = each[:1] if attacks == 1 < networks else each if networks > 1 else each[1:]
        said = each if each == PUBLISHED else ": ".join(named)
        yield _diamond(x + 5, 18) if each == PUBLISHED else _dot(x + 5, 18, COLOURS[turn % len(COLOURS)])
        yield _said(x + 16, 22, said)
        x += 40 + 7 * len(said)


def _axis(height) -> Iterator[str]:
    """Lines at every fifth of the scale, with percent below."""
    for percent in range(0, 101, 20):
        x = _x(percent)
        yield f'<path d="M{x:.1f} {TOP}V{height - 26}" stroke="{INK}" stroke-opacity=".3"/>'
        yield _said(x, height - 10, f"{percent} %", "middle")


def _mark(row, y, series) -> Iterator[str]:
    """One rate; attacks in a row stand a little apart."""
    if row["quantity"] == PUBLISHED:
        yield _diamond(_x(row["value"]), y)
        return
    turn = series.index(_series(row))
    y, colour = y + 5 * (turn - (len(series) - 1) / 2), COLOURS[turn % len(COLOURS)]
    yield f'<path d="M{_x(row["low"]):.1f} {y:.1f}H{_x(row["high"]):.1f}" stroke="{colour}" stroke-width="2"/>'
    yield _dot(_x(row["percent"]), y, colour)


def _dot(x, y, colour):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def _diamond(x, y):
    return f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="none" stroke="{INK}" stroke-width="1.5"/>'
