"""Foreign weights from the command line: `bsa import`, and specs whose network has them."""

import hashlib
import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import bsa
from bsa.cli.commands import main


def call(*words):
    return CliRunner().invoke(main, [str(w) for w in words])


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with the weights of a network as `net.npz`, and the network."""
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10, seed=5)
    folder = tmp_path_factory.mktemp("weights")
    np.savez(folder / "net.npz", **{w.path: w.numpy() for w in model.weights})
    return folder, model


@pytest.fixture(scope="module")
def sha256(weights):
    return hashlib.sha256((weights[0] / "net.npz").read_bytes()).hexdigest()


def test_import_writes_a_network_and_says_what_it_is(weights, sha256, digits, tmp_path):
    file, out = weights[0] / "net.npz", tmp_path / "net.keras"
    done = call("import", "npz", file, "--model", "wong_small", "--set", "std=[0.5]", "--sha256", sha256, "--out", out)
    assert done.exit_code == 0, done.output
    assert "wong_small, 166,406 parameters" in done.output
    assert sha256 in done.output
    model = keras.saving.load_model(out, safe_mode=True)
    # std is squared and rooted: a unit in the last place of pixels up to 2
    np.testing.assert_allclose(model(digits.x[:5]), weights[1](digits.x[:5] * 2), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["npz", "net.npz", "--index", 1], 2, '/index: expected one of the keys name, found "index"'),
        (["npz", "net.npz", "--set", "mean=3"], 2, "/mean: expected a list, found 3"),
        (["np", "net.npz"], 2, 'no weights component named "np"'),
        (["npz", "none.npz"], 1, "none.npz: expected a file, a folder"),
        (["npz", "net.npz", "--input-shape", 32, 32, 1], 1, "expected the shape (2048, 100), found (1568, 100)"),
        (["npz", "net.npz", "--sha256", "0" * 64], 1, "expected sha256 000000"),
        (["npz", "net.npz", "--out", "net.h5"], 2, "ends in .keras, found net.h5"),
    ],
)
def test_what_import_refuses(words, code, message, weights, tmp_path):
    name, file, *rest = words
    out = [] if "--out" in rest else ["--out", tmp_path / "net.keras"]
    done = call("import", name, weights[0] / file, "--model", "wong_small", *rest, *out)
    assert done.exit_code == code
    assert message in done.output
    assert not (tmp_path / "net.keras").exists()


def spec(folder, **more):
    value = {
        "name": "released",
        "data": {"name": "digits"},
        "model": {"name": "wong_small"},
        "weights": {"name": "npz", "file": "net.npz", **more},
        "measures": [{"name": "accuracy", "images": 100}],
        "report": [],
    }
    (folder / "released.json").write_text(json.dumps(value))
    return folder / "released.json"


def test_a_spec_with_weights_runs_and_keeps_its_network_by_content(weights, sha256, digits, tmp_path):
    folder, model = weights
    words = ["--store", tmp_path / "store", "--weights-dir", folder]
    done = call("plan", spec(tmp_path), *words, "--format", "json")
    network, measure = json.loads(done.output)
    assert network["title"] == "network main: wong_small, npz weights"
    assert network["passes"] is None
    done = call("run", spec(tmp_path), *words, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert f'found sha256 {sha256}; state "sha256" in the spec' in done.output
    stored = tmp_path / "store" / network["key"]
    metrics = json.loads((stored / "record.json").read_text())["metrics"]
    assert metrics == {"parameters": 166_406, "sha256": sha256, "origin": {"file": "net.npz"}}
    found = keras.saving.load_model(stored / "network.keras")(digits.x[:5])
    np.testing.assert_array_equal(found, model(digits.x[:5]))
    # stated in the spec, the hash is all that is needed: neither the file nor its place
    words[-1] = tmp_path
    done = call("plan", spec(tmp_path, sha256=sha256, file="elsewhere.npz"), *words, "--format", "json")
    assert [row["state"] for row in json.loads(done.output)] == ["stored", "stored"]
    assert json.loads(done.output)[1]["key"] == measure["key"]


def test_a_spec_whose_weights_are_not_there_says_where_it_looked(tmp_path):
    done = call("run", spec(tmp_path), "--weights-dir", tmp_path, "--store", tmp_path / "store")
    assert done.exit_code == 1
    assert f"no weights {tmp_path / 'net.npz'}" in done.output
    assert call("validate", spec(tmp_path)).exit_code == 0
