"""`bsa.evaluate` and `bsa.run`: what stands in memory is evaluated as what stands in files, by the same stages."""

import html
import inspect
import json
import sys
import types

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import bsa
from bsa import catalog, evaluation
from bsa.cli.commands import main
from bsa.engine.results import Results
from bsa.errors import UsageError
from bsa.evaluation import _progress
from bsa.networks import logits
from bsa.rewrites import wrapped

ATTACK = {"name": "pgd", "steps": 5}
ASKED = {"epsilon": "25/255", "cells": [(1, 0), (0.9, 0.05)], "images": 12, "sanity": False, "progress": False}


@pytest.fixture(scope="module")
def network(trained):
    """The shared network as people have theirs: from 0..255 to probabilities."""
    return keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Rescaling(1 / 255), trained, keras.layers.Softmax()]
    )


@pytest.fixture(scope="module")
def evaluated(network, digits):
    return bsa.evaluate(network, digits.x, digits.y, attack=ATTACK, certify=False, pixels=(0, 255), **ASKED)


def test_rates_are_those_of_the_network_on_the_images(evaluated, trained, digits):
    accuracy, success, *moved = evaluated.rates
    correct = (logits(trained, digits.x[:120]).argmax(-1) == digits.y[:120]).sum()
    assert (accuracy.metric, accuracy.count, accuracy.images) == ("accuracy", correct, 120)
    found = evaluated.adversarial["(1, 0)", "pgd"]
    broken = logits(trained, found.adversarial).argmax(-1) != found.y
    assert (success.threshold, success.count, success.images) == (25 / 255, broken.sum(), 12)
    assert success.count > 0  # otherwise nothing was compared
    assert np.abs(found.adversarial - found.x).max() <= 25 / 255 + 1e-6  # float32
    np.testing.assert_array_equal(found.x, digits.x[found.index])
    assert [str(rate.cell) for rate in moved] == ["(0.9, 0.05)"] * 2
    assert [*evaluated.adversarial] == [("(1, 0)", "pgd"), ("(0.9, 0.05)", "pgd")]


def test_files_are_evaluated_to_the_same_bits(evaluated, network, digits, tmp_path):
    network.save(tmp_path / "net.keras")
    np.savez(tmp_path / "test.npz", x=digits.x, y=digits.y)
    words = ["evaluate", tmp_path / "net.keras", "--data", tmp_path / "test.npz", "--epsilon", "25/255"]
    words += ["--pixels", "0,255", "--cells", "1,0 0.9,0.05", "--images", "12", "--no-certify", "--set", "sanity=false"]
    words += ["--set", f"attack=[{json.dumps(ATTACK | {'epsilon': '25/255', 'images': 12})}]"]
    words += ["--store", tmp_path / "store", "--out", tmp_path / "out"]
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == 0, done.output
    spec = json.loads((tmp_path / "out" / "run.json").read_text())["spec"]
    found = bsa.run(spec, store=tmp_path / "store", progress=False)
    assert isinstance(found, Results)
    saved = found.find(kind="attack")[0].arrays("attack.npz")
    own = evaluated.adversarial["(1, 0)", "pgd"]
    for name in ("index", "adversarial", "distance"):
        np.testing.assert_array_equal(saved[name], getattr(own, name))
    assert evaluated.verdict[0] in done.output


def test_pixels_that_the_network_does_not_expect_are_told_before_the_attack(network, digits, capsys):
    bsa.evaluate(network, digits.x, digits.y, attack=ATTACK, certify=False, pixels=(0, 1), **ASKED | {"progress": True})
    told = capsys.readouterr().err
    warning = next(line for line in told.splitlines() if "warning, accuracy" in line)
    assert "the network expects other pixels: given 255 * x" in warning
    assert warning.endswith("state pixels [0, 255]")
    assert told.index(warning) < told.index("pgd, network main, cell (1, 0)")
    assert told.count("warning") == 1  # a cell moves the pixels


def test_what_a_store_holds_is_doubted_again(network, tmp_path, capsys):
    network.save(tmp_path / "net.keras")
    model = {"name": "keras_file", "file": str(tmp_path / "net.keras"), "pixels": [0, 1]}
    spec = {"name": "own", "data": {"name": "digits"}, "model": model, "measures": [{"name": "accuracy"}]}
    for first in ("done in", "stored"):
        bsa.run(spec, store=tmp_path / "store")
        measured, doubted = (line for line in capsys.readouterr().err.splitlines() if "accuracy" in line)
        assert f"Z {first}" in measured
        assert "Z warning, accuracy" in doubted
        assert doubted.endswith("state pixels [0, 255]")


def test_it_is_saved_as_a_run_is(evaluated, tmp_path):
    out = evaluated.save(tmp_path / "out")
    page = html.unescape((out / "index.html").read_text())
    assert all(said in page for said in evaluated.verdict)
    about = json.loads((out / "run.json").read_text())
    assert about["spec"]["attack"][0]["epsilon"] == 25 / 255
    assert about["spec"]["model"]["pixels"] == [0, 255]
    assert len(about["stages"]) == len(evaluated.results.all)
    evaluated.save(out)  # its own results may be written again
    with pytest.raises(UsageError, match="expected no results, or those of this very run"):
        evaluated.save(_other(tmp_path / "other"))


def _other(folder):
    folder.mkdir()
    (folder / "success_table.json").write_text("{}")
    return folder


def test_it_is_shown_as_text_as_html_and_as_a_frame(evaluated):
    for shown in (str(evaluated), evaluated._repr_html_()):
        assert all(word in shown for word in ("(0.9, 0.05)", "success", "softmax", "Accuracy is"))
    pandas = pytest.importorskip("pandas")
    frame = evaluated.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["count"].tolist() == [rate.count for rate in evaluated.rates]


def test_without_pandas_a_sentence_says_so(evaluated, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="expected pandas for a DataFrame, found none: pip install pandas"):
        evaluated.to_frame()


class Subclassed(keras.Model):
    """A model that no file holds: its class is of this process alone."""

    def __init__(self, weights):
        super().__init__()
        self.own = keras.ops.convert_to_tensor(weights)

    def call(self, x):
        return keras.ops.matmul(keras.ops.reshape(x, (-1, 16)), self.own)


def test_a_model_that_cannot_be_saved_is_evaluated_where_it_is(linear):
    model, x, y, least = linear
    epsilon = float(np.median(least))
    own = Subclassed(model.get_weights()[0])
    found = bsa.evaluate(own, x, y, attack="pgd", **ASKED | {"epsilon": epsilon, "cells": [(1, 0)]})
    success = next(rate for rate in found.rates if rate.metric == "success")
    assert success.count == (least <= epsilon).sum()  # of a linear network PGD finds all there is
    assert any("outer_polytope was left out" in said for said in found.results.left_out())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 8}, "for 8 of 255 write"),
        ({"epsilon": "eight"}, 'a fraction such as "8/255"'),
        ({"cells": [(1.5, 0)]}, "a scale above 1 never fits"),
        ({"cells": np.ones((1, 2))}, r"\(1, 1\), which reaches"),
        ({"cells": []}, "/blind_spot/cells: expected at least 1"),
        ({"epsilon": float("nan")}, "expected a number, or a fraction such as .*, found NaN"),
        ({"class_names": ["one", "two"]}, "expected 3 class_names, one for each class, found 2"),
        ({"x": np.zeros((0, 4, 4, 1)), "y": []}, "expected images to compare on, found none"),
        ({"attack": "pdg"}, 'did you mean "pgd"'),
        ({"name": "My Net"}, "/name"),
        ({"x": np.full((12, 4, 4, 1), 2.0)}, r"pixels in \[0, 1\]"),
        ({"y": np.full(12, 7)}, "labels from 0 to 2, found 7"),
    ],
)
def test_wrong_calls_end_in_a_sentence(linear, change, message):
    model, x, y, _ = linear
    with pytest.raises((ValueError, bsa.BsaError), match=message):
        bsa.evaluate(**{"model": model, "x": x, "y": y} | ASKED | change)


def test_adversarial_images_outlast_the_evaluation(linear):
    model, x, y, _ = linear
    asked = ASKED | {"cells": [(1, 0)], "images": 2, "attack": ATTACK, "certify": False}
    held = bsa.evaluate(model, x, y, **asked).adversarial
    assert held["(1, 0)", "pgd"].adversarial.shape == (2, *x.shape[1:])


def test_images_in_the_order_of_their_classes_are_told(linear):
    model, x = linear[0], np.random.default_rng(0).uniform(size=(12, 4, 4, 1))
    y = logits(model, x).argmax(-1)
    asked = ASKED | {"cells": [(1, 0)], "images": 2, "attack": ATTACK | {"steps": 1}, "certify": False}
    in_order = np.argsort(y, kind="stable")
    for rows, count in ((in_order, 1), (np.roll(in_order, 1), 0)):
        notes = bsa.evaluate(model, x[rows], y[rows], **asked).notes
        assert sum("shuffle images and labels together" in note for note in notes) == count


def test_defaults_are_those_of_the_command_line_and_of_the_fragment():
    fragment = catalog.fragment("models", "keras_file")["properties"]
    for function in (bsa.evaluate, bsa.wrap, bsa.from_torch):
        given = inspect.signature(function).parameters
        assert [*given["pixels"].default] == fragment["pixels"]["default"] == wrapped.UNIT
        assert given["outputs"].default == fragment["outputs"]["default"]
    assert fragment["outputs"]["enum"] == [*wrapped.OUTPUTS]
    ours, asked = (inspect.signature(function).parameters for function in (bsa.evaluate, evaluation.experiment))
    for name in ("images", "paper", "certify", "cells"):
        assert ours[name].default == asked[name].default


def test_a_spec_is_run_from_a_dict_and_from_a_file(tmp_path):
    spec = {
        "name": "small",
        "data": {"name": "digits"},
        "model": {"name": "wong_small"},
        "train": {"name": "natural", "steps": 1},
        "measures": [{"name": "accuracy", "images": 20}],
    }
    found = bsa.run(spec, store=tmp_path / "store", seed=3, out=tmp_path / "out", progress=False)
    assert found.spec.seed == 3
    assert (tmp_path / "out" / "index.html").is_file()
    (tmp_path / "small.json").write_text(json.dumps(spec))
    again = bsa.run(tmp_path / "small.json", overrides=["seed=3"], store=tmp_path / "store", progress=False)
    assert [r.record["sha256"] for r in again.all] == [r.record["sha256"] for r in found.all]
    assert "seed" not in spec


def test_a_notebook_has_a_line_that_changes(monkeypatch):
    pytest.importorskip("IPython")
    from IPython import display

    told = []
    shows = []

    def show(what, **_):
        shows.append(what.data)
        return types.SimpleNamespace(update=lambda h: told.append(h.data))

    monkeypatch.setattr(display, "display", show)
    monkeypatch.setattr("IPython.get_ipython", lambda: types.SimpleNamespace(kernel=None))
    shown = _progress.display()
    shown.began(types.SimpleNamespace(title="attack <1>"))(1, 4)
    shown.ended(None, 1.0)
    shown.warned(types.SimpleNamespace(title="accuracy"), "1 < 2")
    shown.close()
    assert shows == ["", "<b>warning, accuracy: 1 &lt; 2</b>"]  # apart: the line changes
    assert told[0] == "<progress></progress> attack &lt;1&gt;"
    assert told[1].startswith('<progress value="0.2500"></progress> attack &lt;1&gt;: 1 of 4')
    assert "1 stages in" in told[-1]
