"""Specs: what is right passes, and every kind of mistake gets a message that points at it."""

import copy
import json
import subprocess
import sys

import pytest

from bsa import spec
from bsa.catalog import shipped
from bsa.errors import UsageError

GOOD = {
    "name": "good",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "adversarial", "steps": 10, "epsilon": 0.1},
    "blind_spot": {"pixel_range": [-0.5, 0.5], "cells": [[1, 0], [0.9, 0.05]]},
    "attack": {"name": "pgd", "epsilon": 0.1},
}
WEIGHTS = {"name": "wong_kolter", "file": "mnist.pth"}
MOVED = {"chain": ["scale_shift"], "ranges": {"scale": [0.65, 1]}}
UPSIDE_DOWN = {"name": "scale_shift", "pixel_range": [1, 0]}
CERTIFY = {"name": "outer_polytope", "epsilon": 0.1}


def changed(path, value):
    """GOOD with one field set (or, for `...`, taken away)."""
    out = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    here = out
    for key in parents:
        here = here.setdefault(key, {})
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return out


def problems(value):
    with pytest.raises(spec.SpecError) as caught:
        spec.resolve(value)
    return caught.value.problems


BROKEN = [
    # (field, value, pointer, words that the message must hold)
    ("data", ..., "/data", ['a key "data"']),
    ("name", "Table 2", "/name", ["[a-z0-9_]", '"Table 2"']),
    ("trian", {}, "/trian", ["one of the keys", 'did you mean "train"?']),
    ("data.name", "mnits", "/data/name", ["mnist", 'did you mean "mnist"?']),
    ("model.name", "madry", "/model/name", ['did you mean "madry_mnist"?']),
    ("model", {}, "/model/name", ['a key "name"']),
    ("train.step", 5, "/train/step", ['did you mean "steps"?']),
    ("train.steps", ..., "/train/steps", ['a key "steps"', "none"]),
    ("train.steps", "10", "/train/steps", ["a whole number", "without quotes"]),
    ("train.steps", 0, "/train/steps", ["at least 1"]),
    ("train.epsilon", 8, "/train/epsilon", ["at most 1", "0.0313725"]),
    ("train.optimizer", "adamw", "/train/optimizer", ["adam, sgd", 'did you mean "adam"?']),
    ("train.transform", {"chain": ["scale_shift"]}, "/train/transform/ranges", ['a key "ranges"']),
    ("train.transform", {**MOVED, "chain": ["scale"]}, "/train/transform/chain/0", ['did you mean "scale_shift"?']),
    ("train.transform", {**MOVED, "ranges": {"scael": 1}}, "/train/transform/ranges/scael", ["one of scale, shift"]),
    ("train.transform", {**MOVED, "ranges": {"scale": [0.9, 2]}}, "/train/transform/ranges/scale", ["high <= 1"]),
    ("train.transform", {**MOVED, "ranges": {"scale": "fits"}}, "/train/transform/ranges/scale", ["for shift"]),
    ("train.transform", {**MOVED, "ranges": {"shift": "fit"}}, "/train/transform/ranges/shift", ['"fits"']),
    ("train.transform", {**MOVED, "chain": [UPSIDE_DOWN]}, "/train/transform/chain", ["[low, high] with low < high"]),
    ("train.learning_rate", [[0, 0.1], [0, 0.2]], "/train/learning_rate", ["begin at 0 and grow"]),
    ("train.learning_rate", [[5, 0.1]], "/train/learning_rate", ["begin at 0"]),
    ("train.epsilon_warmup", 11, "/train/epsilon_warmup", ["at most the 10", "11"]),
    ("blind_spot.cells", [[0.9, 0.2]], "/blind_spot/cells/0", ["[-0.25, 0.65]", "[-0.05, 0.05]"]),
    ("blind_spot.cells", [[0, 0]], "/blind_spot/cells/0", ["an image to see"]),
    ("sanity", True, "/sanity", ["expected false, found true"]),
    ("sanity", {"image": 8}, "/sanity/image", ['did you mean "images"?']),
    ("measures", [{"name": "sanity"}], "/measures/0/name", ["one of accuracy"]),
    ("measures", [{"name": "invariant"}], "/measures/0/name", ["one of accuracy"]),
    ("invariant", False, "/invariant", ["an object", "false"]),
    ("invariant", {"challenge": -1}, "/invariant/challenge", ["at least 0"]),
    ("certify", {"name": "outer_polytop"}, "/certify/name", ['did you mean "outer_polytope"?']),
    ("certify", CERTIFY | {"network": "robust"}, "/certify/network", ["networks main", '"robust"']),
    ("certify", [CERTIFY, CERTIFY], "/certify/1/label", ["each certificate", "twice"]),
    ("certify", CERTIFY | {"thresholds": ["eps"]}, "/certify/thresholds/0", ["epsilon, scale*epsilon"]),
    ("certify", CERTIFY | {"epsilon": 8}, "/certify/epsilon", ["at most 1"]),
    ("certify", CERTIFY | {"after": ["first"]}, "/certify/after/0", ["networks", '"first"']),
    ("measures", [{"name": "accuracy"}] * 2, "/measures/1", ["each measure once"]),
    ("blind_spot.cells", [[1.1, 0]], "/blind_spot/cells/0", ["a scale above 1 never fits"]),
    ("blind_spot.cells", [[1, 0], [1, 0]], "/blind_spot/cells", ["no repeated items"]),
    ("blind_spot.cells", [[1]], "/blind_spot/cells/0", ["at least 2 items"]),
    ("blind_spot.pixel_range", [1, 0], "/blind_spot/pixel_range", ["low < high"]),
    ("attack.epsilon", -0.1, "/attack/epsilon", ["above 0"]),
    ("attack", {"name": "corner_descent", "epsilon": 0.1, "leg": {"steps": 5}, "give_up": {"glance": 6}},
     "/attack/give_up/glance", ["the 5", "6"]),
    ("attack.starts", ["gray"], "/attack/starts/0", ['did you mean "grey"?']),
    ("attack.thresholds", ["eps"], "/attack/thresholds/0", ["epsilon, scale*epsilon"]),
    ("attack.network", "robust", "/attack/network", ["networks main", '"robust"']),
    ("attack", [GOOD["attack"], GOOD["attack"]], "/attack/1/label", ["label", "twice"]),
    ("attack", [], "/attack", ["at least 1 items"]),
    ("networks", {"a": {"model": {"name": "wong_small"}}}, "/model", ['"networks" and "model"']),
    ("model", ..., "/model", ["neither"]),
    ("reported", {"source": "T", "network": "x", "rows": []}, "/reported/network", ["main", '"x"']),
    ("report", [{"name": "success_table"}] * 2, "/report/1", ["each report once"]),
    ("attack.label", "a/b", "/attack/label", ['"a/b"']),
    ("train", ..., "/train", ['"train" or "weights" beside "model"', "neither"]),
    ("weights", WEIGHTS, "/weights", ['either "train" or "weights"', "both"]),
    ("weights.name", "wong_koltr", "/weights/name", ['did you mean "wong_kolter"?']),
    ("weights", WEIGHTS | {"indx": 1}, "/weights/indx", ['did you mean "index"?']),
    ("weights", {"name": "npz"}, "/weights/file", ['a "file", or a "url"', "neither"]),
    ("weights", {"name": "npz", "url": "https://example.org/w.npz"}, "/weights/sha256", ['a "sha256"', "none"]),
    ("weights", WEIGHTS | {"url": "ftp://example.org/w"}, "/weights/url", ["^(https|file)://"]),
    ("weights", WEIGHTS | {"sha256": "ABC"}, "/weights/sha256", ["[0-9a-f]{64}"]),
    ("networks", {"a": {"model": {"name": "wong_small"}, "train": GOOD["train"], "weights": WEIGHTS}},
     "/networks/a/weights", ["both"]),
    ("networks", {"a": {"model": {"name": "wong_small"}}}, "/networks/a/train", ["neither"]),
    ("model.std", [0], "/model/std/0", ["above 0"]),
    ("attack", {"name": "ensemble", "epsilon": 0.1, "attacks": [{"name": "pgd"}, {"name": "apgd", "losss": "dlr"}]},
     "/attack/attacks/1/losss", ['did you mean "loss"?']),
    ("attack", {"name": "ensemble", "epsilon": 0.1, "attacks": [{"name": "pgd", "epsilon": 0.1}]},
     "/attack/attacks/0/epsilon", ["the ensemble states it once"]),
    ("attack", {"name": "ensemble", "epsilon": 0.1, "attacks": [{"name": "ensemble"}]},
     "/attack/attacks/0/name", ["one of apgd", '"ensemble"']),
    ("attack", {"name": "ensemble", "epsilon": 0.1, "attacks": [{"name": "pgd"}, {"name": "pgd"}]},
     "/attack/attacks", ["no repeated items"]),
    ("attack", {"name": "ensemble", "epsilon": 0.1, "attacks": []}, "/attack/attacks", ["at least 1 items"]),
    ("attack", {"name": "corner_descent", "epsilon": 0.1, "give_up": {"near": "far"}}, "/attack/give_up/near",
     ["a number or null", '"far"']),
    ("attack", {"name": "corner_descent", "epsilon": 0.1, "give_up": {"close": 0.06}}, "/attack/give_up/close",
     ["a list or null", "0.06"]),
    ("attack", {"name": "corner_descent", "epsilon": 0.1, "later_steps": 6}, "/attack/later_steps",
     ["later_steps is leg.later_steps now"]),
    ("attack.batch_size", 50, "/attack/batch_size", ["batch_size is no parameter of an attack but of a run"]),
    ("attack.effort", "thorouh", "/attack/effort", ['did you mean "thorough"?']),
    ("seed", 1.5, "/seed", ["a whole number", "1.5"]),
    ("attack", {"name": "pgd", "epsilon": 0.1, "step_size": float("nan")}, "/attack/step_size", ["a number", "NaN"]),
    ("report", [{"name": "distance_shift"}], "/report/0", ['a measure "nearest"', '"distance_shift" shows', "none"]),
    ("reported", {"source": "T", "rows": [{"cell": [1, 0], "kl": {"mian": 0.1}}]}, "/reported/rows/0/kl/mian",
     ['did you mean "main"?']),
    ("report", [{"name": "sucess_table"}], "/report/0/name", ['did you mean "success_table"?']),
    ("reported", {"source": "T", "rows": [{"cell": [1, 0], "accuracy": 982}]}, "/reported/rows/0/accuracy", ["100"]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "pointer", "words"), BROKEN)
def test_a_mistake_gets_a_message_that_points_at_it(field, value, pointer, words):
    found = problems(changed(field, value))
    at = [p for p in found if p.pointer == pointer]
    assert at, [str(p) for p in found]
    assert all(any(word in str(p) for p in at) for word in words), [str(p) for p in at]


def test_all_mistakes_are_reported_at_once():
    value = changed("train.steps", 0) | {"seed": -1, "blind_spot": {"cells": [[0.9, 0.2]]}, "name": "X"}
    assert {p.pointer for p in problems(value)} == {"/train/steps", "/seed", "/blind_spot/cells/0", "/name"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "a", "name": "b"}', ["/name", '"name" more than once']),
        ('{"data": {"x": 1, "x": 1}}', ["/data/x"]),
        ('{"train": {"epsilon": 1}, "attack": {"epsilon": 1, "epsilon": 2}}', ["/attack/epsilon"]),
        ('{"name": "a",}', ["line 1, column"]),
        ('{"seed": NaN}', ["NaN"]),
        ('{"seed": 1e999}', ["1e999"]),
        ('{"seed": ' + "9" * 5000 + "}", ["JSON numbers up to"]),
        ("[" * 100000, ["JSON of reasonable depth"]),
        ('{"\\ud800": 1, "\\ud800": 2}', ["every key once"]),
        ("[1]", ["an object"]),
    ],
)
def test_text_that_is_no_spec(text, words):
    with pytest.raises(spec.SpecError) as caught:
        spec.parse(text, "x.json")
    assert all(word in str(caught.value) for word in ["x.json", *words])


def test_a_good_spec_gets_its_defaults_from_the_fragments():
    resolved = spec.resolve(GOOD)
    assert resolved["seed"] == 0
    assert resolved["train"]["batch_size"] == 128
    assert resolved["attack"]["starts"] == ["uniform", "grey"]
    assert resolved["attack"]["images"] == 2000
    assert "batch_size" not in GOOD["train"]


def test_members_of_an_ensemble_get_their_own_defaults():
    members = [{"name": "pgd", "steps": 3, "comment": "short"}, {"name": "square"}]
    attack = {"name": "ensemble", "epsilon": 0.1, "attacks": members}
    pgd, square = spec.resolve(GOOD | {"attack": attack})["attack"]["attacks"]
    assert pgd == {"name": "pgd", "steps": 3, "loss": "cross_entropy", "starts": ["uniform", "grey"], "restarts": 1}
    assert square["queries"] == 1000
    assert not {"epsilon", "thresholds", "batch_size", "jit_compile", "images"} & set(square)
    by_default = spec.resolve(GOOD | {"attack": {"name": "ensemble", "epsilon": 0.1}})["attack"]["attacks"]
    assert [member["name"] for member in by_default] == ["corner_descent", "apgd", "square"]
    assert by_default[1]["loss"] == "cross_entropy"
    given = {"epsilon": 0.1, "attacks": members}
    assert spec.parameters("attacks", "ensemble", given)["attacks"] == [pgd, square]


def test_comments_are_legal_everywhere_and_stripped():
    noted = changed("train.comment", "why") | {"comment": "what"}
    assert spec.resolve(spec.parse(json.dumps(noted))) == spec.resolve(GOOD)


def test_equal_specs_have_one_canonical_text():
    assert (
        spec.canonical({"b": 1.0, "a": [0.5, 2.0]}) == spec.canonical({"a": [0.5, 2], "b": 1}) == '{"a":[0.5,2],"b":1}'
    )


def test_a_number_is_what_it_is_however_it_is_written():
    resolved = spec.resolve(changed("train.steps", 6e2) | {"seed": 1.0})
    assert repr(resolved["train"]["steps"]) == "600"
    assert repr(resolved["seed"]) == "1"


def write(tmp_path, value=GOOD):
    path = tmp_path / "good.json"
    path.write_text(json.dumps(value))
    return path


def test_overrides_change_fields_and_fail_on_unknown_ones(tmp_path):
    path = write(tmp_path)
    assert spec.load(path, ["train.steps=7", "data.name=mnist"])["train"]["steps"] == 7
    with pytest.raises(spec.SpecError, match='did you mean "steps"'):
        spec.load(path, ["train.stepz=7"])
    with pytest.raises(UsageError, match="no '='"):
        spec.load(path, ["train.steps"])
    assert spec.load(path, ["train.comment=hi"]) == spec.load(path)
    with pytest.raises(spec.SpecError, match="NaN"):
        spec.load(path, ["train.epsilon=NaN"])
    with pytest.raises(UsageError, match="an object at name"):
        spec.load(path, ["name.first=7"])
    listed = write(tmp_path, changed("attack", [GOOD["attack"]]))
    assert spec.load(listed, ["attack.0.epsilon=0.2"])["attack"][0]["epsilon"] == 0.2
    with pytest.raises(UsageError, match="an index from 0 to 0"):
        spec.load(listed, ["attack.epsilon=0.2"])


def test_a_missing_file_names_the_shipped_specs():
    assert spec.load("quickstart")["name"] == "quickstart"
    with pytest.raises(UsageError, match='did you mean "quickstart"'):
        spec.load("quickstat.json")
    with pytest.raises(UsageError, match="no spec"):
        spec.load("/no/such/folder/quickstart.json")


@pytest.mark.parametrize("path", sorted(shipped("specs").glob("*.json")), ids=lambda p: p.stem)
def test_shipped_specs_are_valid_and_named_after_their_files(path):
    assert spec.load(path)["name"] == path.stem


def test_reading_specs_and_asking_for_help_do_not_import_tensorflow():
    code = (
        "import sys, bsa, bsa.cli, bsa.spec, bsa.engine.plan, bsa.report, bsa.engine.results\n"
        "bsa.spec.load('quickstart')\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'matplotlib.pyplot'} & set(sys.modules), 'heavy imports'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
