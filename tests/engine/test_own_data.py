"""Data of one's own on the way of every run: keys by content, names in pictures, large sets read as they are needed."""

import json
import subprocess
import sys

import numpy as np
import pytest

import bsa
from bsa import spec
from bsa.data import LazyImages, _made
from bsa.engine import plan, run
from bsa.engine.results import Results
from bsa.engine.stages.desk import Desk
from bsa.engine.store import Store

CHAIN = {"chain": ["scale_shift", "noise"], "cells": [{}, {"scale": 0.9, "noise": 0.02}]}


@pytest.fixture
def own(tmp_path):
    """`own(name, **fields)`: an experiment on the digits in a file of that name."""
    train, test = (bsa.load("digits", split=split) for split in ("train", "test"))

    def experiment(name="digits.npz", **fields):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        np.savez(file, x_train=train.x[:200], y_train=train.y[:200], x_test=test.x[:40], y_test=test.y[:40])
        data = {"name": "arrays", "test": str(file), "class_names": [f"the {digit}" for digit in range(10)]}
        value = {"name": "own", "data": data, "model": {"name": "wong_small"}, "sanity": False}
        value |= {"train": {"name": "natural", "steps": 2, "batch_size": 20}, "report": [{"name": "examples"}]}
        return spec.resolve(value | {"attack": {"name": "pgd", "epsilon": 0.2, "steps": 1, "images": 4}} | fields)

    return experiment


def keys(experiment):
    return [stage.key for stage in plan.stages(experiment, run.describe(experiment))]


def test_keys_are_by_content_and_paths_are_seen_from_where_the_plan_was_made(own, tmp_path, monkeypatch):
    first, second = own(), own("elsewhere/copy.npz")
    assert keys(first) == keys(second)
    unnamed = first | {"data": {**first["data"], "class_names": None}}
    assert keys(unnamed) == keys(first)
    assert keys(first | {"data": {**first["data"], "pixels": [0, 2]}}) != keys(first)
    monkeypatch.chdir(tmp_path)
    near = first | {"data": {**first["data"], "test": "digits.npz"}}
    assert keys(near) == keys(first)
    *_, stage = plan.stages(near, run.describe(near))
    assert stage.params["data"]["params"]["test"] == str(tmp_path / "digits.npz")


def test_images_are_the_same_in_every_cell_whether_they_are_in_memory_or_not(own, monkeypatch):
    experiment = own(transform=CHAIN)
    first, *_, moved = (stage.params for stage in plan.stages(experiment, run.describe(experiment))
                        if stage.kind == "attack")  # fmt: skip
    for params in (first, moved, {"data": first["data"], "gain": 0.9, "offset": 0.1}):
        monkeypatch.setattr(_made, "MOST", 2**30)
        expected = Desk().cell(params)
        monkeypatch.setattr(_made, "MOST", 0)
        found = Desk().cell(params)
        assert isinstance(found.x, LazyImages)
        rows = np.array([30, 7, 8])
        for lazy, array in zip(found, expected, strict=True):
            np.testing.assert_array_equal(lazy[rows], array[rows])
            np.testing.assert_array_equal(np.asarray(lazy[5:12]), array[5:12])
    assert "transform" in moved
    assert expected.x.std() < Desk().images(first["data"]).x[np.arange(40)].std()


def test_a_run_reads_a_large_set_as_it_is_needed_and_its_classes_have_names(own, tmp_path, quiet, monkeypatch):
    monkeypatch.setattr(_made, "MOST", 0)
    experiment, artefacts = own(measures=[{"name": "accuracy"}]), Store(tmp_path / "store")
    run.run(experiment, artefacts, seen=quiet)
    results = Results(experiment, artefacts, run.describe(experiment))
    assert results.named(3) == "the 3"
    (found,) = results.find(kind="attack")
    arrays, test = found.arrays("attack.npz"), bsa.load("digits", split="test")
    np.testing.assert_array_equal(arrays["x"], test.x[arrays["index"]])
    assert str(tmp_path / "digits.npz") not in json.dumps([each.record for each in results.all])


def test_what_is_wrong_with_a_file_is_said_by_plan_in_a_line_and_not_by_validate(own, tmp_path):
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(dict(own("gone.npz"))))
    (tmp_path / "gone.npz").unlink()
    words = [sys.executable, "-m", "bsa"]
    assert subprocess.run([*words, "validate", file], capture_output=True).returncode == 0
    done = subprocess.run([*words, "plan", file], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"bsa: no file {tmp_path / 'gone.npz'}: expected an .npz file")
    assert done.stderr.count("\n") == 1
