"""Another backend of Keras than TensorFlow is one sentence, before anything is imported that could not be."""

import json
import os
import subprocess
import sys

import pytest

from bsa import backend
from bsa.errors import UsageError

SPEC = {
    "name": "mini",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "natural", "steps": 1},
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder for keras.json, as in a process that has not imported Keras."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    return tmp_path


@pytest.mark.parametrize("settings", [None, "no JSON", '{"backend": "tensorflow"}', "{}"])
def test_tensorflow_is_what_keras_takes_by_itself(settings, home, monkeypatch):
    if settings:
        (home / "keras.json").write_text(settings)
    backend.check()
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(UsageError, match='found "jax" in KERAS_BACKEND: set KERAS_BACKEND=tensorflow'):
        backend.check()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "torch"}, r'found "torch" in .*keras\.json'),
        ({"floatx": "bfloat16"}, "expected floatx to be one of float16, float32, float64, found 'bfloat16'"),
        ({"image_data_format": []}, r"expected image_data_format to be one of .*, found \[\]"),
        ({"epsilon": 1}, "expected epsilon to be a number like 1e-07, found 1"),
        ([], r"expected a JSON object, found \[\]"),
    ],
)
def test_settings_that_keras_cannot_use_are_told(settings, message, home, monkeypatch):
    (home / "keras.json").write_text(json.dumps(settings))
    with pytest.raises(UsageError, match=message):
        backend.check()
    if "backend" in settings:  # the environment goes first
        monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
        backend.check()


def test_every_command_that_computes_says_so_and_no_other_does(tmp_path):
    (tmp_path / "mini.json").write_text(json.dumps(SPEC))
    (tmp_path / "w.npz").write_bytes(b"")
    program = """
import sys
from click.testing import CliRunner
from bsa.cli import main
import bsa
def told(call):
    try:
        call()
    except bsa.errors.UsageError as error:
        return str(error)
import bsa.errors
commands = {0: [["validate", "mini.json"], ["schema"], ["--help"]],
            2: [["plan", "mini.json"], ["run", "mini.json"],
                ["import", "npz", "w.npz", "--model", "wong_small", "--out", "o.keras"]]}
for code, lines in commands.items():
    for words in lines:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == code, (words, done.output)
        assert code == 0 or 'found "jax" in KERAS_BACKEND' in done.output, done.output
        assert code == 0 or len(done.output.splitlines()) == 1, done.output
calls = [lambda: bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10), lambda: bsa.attack("pgd", None),
         lambda: bsa.fit("natural", None, None), lambda: bsa.certificate("outer_polytope", None),
         lambda: bsa.measure("accuracy", None, None, None), lambda: bsa.sanity("pgd", None, None, None),
         lambda: bsa.import_weights("npz", None, "w.npz")]
assert all('found "jax"' in told(call) for call in calls)
assert "keras" not in sys.modules and "tensorflow" not in sys.modules
"""
    environment = os.environ | {"KERAS_BACKEND": "jax", "BSA_STORE": str(tmp_path / "store")}
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
