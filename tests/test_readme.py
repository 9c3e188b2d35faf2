"""The README and the page on the library are true: their Python runs as it stands, on smaller things."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
LIBRARY = ROOT / "docs" / "library.md"
SMALLER = {  # the same lines, on data that need no download, with a tenth of the training and of the images
    '"mnist"': '"digits"',
    '"madry_mnist"': '"wong_small"',
    "steps_per_epoch=200": "epochs=1",
    "[:100]": "[:20]",
}
FEWER = ', images=5, cells=[(1, 0), (0.9, 0)], attack="pgd", sanity=False)'


def example(page):
    """The first code of a page, in no more than ten lines without its imports."""
    code = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    return code


def runs(code, capsys, least):
    exec(compile(code, str(LIBRARY), "exec"), {})
    success, distance = map(float, capsys.readouterr().out.splitlines()[-1].split())
    assert success > least
    assert 0 < distance < 0.1


def test_the_library_example_runs_on_smaller_things(capsys):
    code = example(LIBRARY)
    for word, smaller in SMALLER.items():
        assert word in code
        code = code.replace(word, smaller)
    runs(code, capsys, least=0)  # something falls


@pytest.mark.slow
@pytest.mark.usefixtures("data_dir")
def test_the_library_example_runs(capsys):
    runs(example(LIBRARY), capsys, least=0.9)  # a naturally trained network has no robustness at 0.1


def test_the_example_of_a_network_of_ones_own_runs(tmp_path, monkeypatch, capsys):
    import keras

    import bsa

    monkeypatch.chdir(tmp_path)
    test = bsa.load("digits", split="test")
    layers = [keras.Input((28, 28, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10)]
    net = keras.Sequential(layers)
    net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    net.fit(255 * test.x, test.y, epochs=3, verbose=0)
    net.save("net.keras")
    np.savez("test.npz", x=np.uint8(255 * test.x), y=test.y)
    code = example(README)
    assert 'epsilon="8/255")' in code
    exec(compile(code.replace('"8/255")', '"8/255"' + FEWER), str(README), "exec"), {})
    assert "(0.9, 0) success " in capsys.readouterr().out
    assert (tmp_path / "page" / "index.html").is_file()


def test_it_fits_on_a_few_screens():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def test_its_test_command_is_the_one_of_continuous_integration():
    assert "```sh\npip install tox && tox\n```" in README.read_text(encoding="utf-8")
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").endswith("pip install --quiet tox\npython -m tox\n")


def test_what_it_names_is_there():
    text = README.read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(r"\b(?:specs|weights)/[\w.]+\w", text)
    assert len(linked) > 10
    assert named
    assert [path for path in [*linked, *named] if not (ROOT / path).exists()] == []
