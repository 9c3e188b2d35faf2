"""The README is true: its Python example runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.usefixtures("data_dir")
def test_the_library_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    exec(compile(code, str(README), "exec"), {})
    success, distance = map(float, capsys.readouterr().out.splitlines()[-1].split())
    assert success > 0.9  # a naturally trained network has no robustness at 0.1
    assert 0 < distance < 0.1
