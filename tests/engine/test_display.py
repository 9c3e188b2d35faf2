"""What a person sees while a stage is at work."""

import io
import json
import re

import pytest
import rich.console

from bsa.engine import display, lines
from bsa.engine.plan import Stage

STAGE = Stage("attack", "pgd, network main, cell (1, 0)", {}, {}, (), "0123456789abcdef")


def test_a_terminal_gets_a_bar_with_time_left_and_numbers():
    out = io.StringIO()
    shown = display.Display(rich.console.Console(file=out, force_terminal=True, width=140, highlight=False))
    report = shown.began(STAGE)
    report(30, 100, success=0.25)
    shown.bar.refresh()
    shown.ended(STAGE, 61)
    text = out.getvalue()
    for words in ("pgd, network main", "30/100", "left", "success 0.25", "done in 1 min 01 s"):
        assert words in text
    shown.close()  # a second time does no harm


@pytest.mark.parametrize("columns", [140, 80, 50])
def test_a_bar_cuts_no_number(columns):
    out = io.StringIO()
    shown = display.Display(rich.console.Console(file=out, force_terminal=True, width=columns, highlight=False))
    stage = STAGE._replace(title="attack carlini_wagner_linf, network main, cell (0.9, 0)")
    report = shown.began(stage)
    report(1234, 5678, success=0.2512, loss=12.75, queries=1717)
    shown.bar.refresh()
    shown.close()
    text = out.getvalue()
    assert "…" not in text
    assert "1234/5678" in text
    assert "cell (0.9, 0)" in " ".join(text.split())
    found = set(re.findall(r"(?:success|loss|queries) \S*", text))
    assert found <= {"success 0.2512", "loss 12.75", "queries 1717"}
    assert len(found) == {140: 3, 80: 3, 50: 1}[columns]


def test_a_warning_stays_on_a_terminal_in_a_file_and_for_a_program(capsys):
    out = io.StringIO()
    display.Display(rich.console.Console(file=out, force_terminal=True, highlight=False)).warned(STAGE, "[0, 255]")
    assert "warning, pgd, network main, cell (1, 0): [0, 255]" in out.getvalue()
    objects = []
    said = [display.Display(rich.console.Console(file=io.StringIO())), lines.Objects(objects.append)]
    lines.Several(said).warned(STAGE, "[0, 255]")
    assert capsys.readouterr().err.endswith("Z warning, pgd, network main, cell (1, 0): [0, 255]\n")
    told = json.loads(objects[0])
    assert (told["event"], told["key"], told["text"]) == ("warning", STAGE.key, "[0, 255]")


def test_a_file_gets_a_line_now_and_then(capsys, monkeypatch):
    shown = display.Display(rich.console.Console(file=io.StringIO()))
    monkeypatch.setattr(lines, "BETWEEN", 0.0)
    report = shown.began(STAGE)
    report(50, 100, loss=1.5)
    report(75, 100, loss=1.25)
    first, second = capsys.readouterr().err.splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ pgd, network main", first)
    assert "50/100" in first
    for words in ("75/100", "left 0.0 s", "loss 1.25"):
        assert words in second


@pytest.mark.parametrize(
    ("seconds", "text"), [(5.34, "5.3 s"), (61, "1 min 01 s"), (3599.7, "1 h 00 min"), (11220, "3 h 07 min")]
)
def test_clock(seconds, text):
    assert lines.clock(seconds) == text
