"""The guide is true: its code runs as it stands, from a file on disk to a page."""

import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from bsa.cli.commands import main

GUIDE = Path(__file__).parent.parent / "docs" / "your_own_network.md"


def blocks():
    """Pairs (language, code) in their order."""
    return re.findall(r"^```(python|sh)\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_from_a_file_to_a_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BSA_STORE", str(tmp_path / "store"))
    names, shown = {}, []
    for language, code in blocks():
        if language == "python":
            exec(compile(code, str(GUIDE), "exec"), names)
            continue
        for line in code.replace("\\\n", "").splitlines():
            command, *words = shlex.split(line)
            assert command == "bsa"
            words += ["--set", "sanity=false"] * (words[0] == "evaluate")  # of the checks there are tests enough
            done = CliRunner().invoke(main, words)
            assert done.exit_code == 0, done.output
            shown.append(done.output)
    first, again, *_, plan = shown
    assert "Accuracy is" in first
    assert (tmp_path / "results" / "digits" / "index.html").is_file()
    assert "done in" not in again  # the second command computes nothing
    assert "sanity" in plan
    assert plan.count("stored") > plan.count("to do")
    assert "Accuracy is" in capsys.readouterr().out
    assert (tmp_path / "page" / "index.html").is_file()
