"""The README is true: its Python example runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
SMALLER = {  # the same lines, on data that need no download, with a tenth of the training and of the images
    '"mnist"': '"digits"',
    '"madry_mnist"': '"wong_small"',
    "steps_per_epoch=200": "epochs=1",
    "[:100]": "[:20]",
}


def example():
    """The code of the README, in no more than ten lines without its imports."""
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    return code


def runs(code, capsys, least):
    exec(compile(code, str(README), "exec"), {})
    success, distance = map(float, capsys.readouterr().out.splitlines()[-1].split())
    assert success > least
    assert 0 < distance < 0.1


def test_the_library_example_runs_on_smaller_things(capsys):
    code = example()
    for word, smaller in SMALLER.items():
        assert word in code
        code = code.replace(word, smaller)
    runs(code, capsys, least=0)  # something falls


@pytest.mark.slow
@pytest.mark.usefixtures("data_dir")
def test_the_library_example_runs(capsys):
    runs(example(), capsys, least=0.9)  # a naturally trained network has no robustness at 0.1
