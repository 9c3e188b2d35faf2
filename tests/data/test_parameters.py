"""A parameter of a data set reaches all that it concerns: its description, its images and the keys of stages."""

import json
import shutil
import sys
import types

import numpy as np
import pytest

import bsa
from bsa import catalog, spec
from bsa import catalog as components
from bsa.data import Dataset, digits
from bsa.engine import plan, run
from bsa.engine.stages import Desk, desk
from bsa.errors import UsageError
from bsa.spec import schema


@pytest.fixture
def shaded(tmp_path, monkeypatch):
    """A data set of its own, "shaded", with a parameter: the digits at a share of their brightness."""
    schemas = shutil.copytree(catalog.shipped("schemas"), tmp_path / "schemas")
    light = {"type": "number", "minimum": 0, "maximum": 1, "default": 1}
    fragment = {"version": 1, "type": "object", "properties": {"name": {"const": "shaded"}, "light": light}}
    (schemas / "data" / "shaded.json").write_text(json.dumps(fragment))
    module = types.ModuleType("bsa.data.shaded")

    def describe(*, light, data_dir=None):
        return digits.describe() | {"fingerprint": f"digits at {light}"}

    def load(*, light, split, data_dir=None):
        data = digits.load(split=split)
        return Dataset(data.x * np.float32(light), data.y, data.num_classes)

    module.describe, module.load = describe, load
    monkeypatch.setitem(sys.modules, "bsa.data.shaded", module)
    monkeypatch.setattr(components, "shipped", lambda folder: tmp_path / folder)
    caches = (catalog.names, catalog.fragment, schema.combined, desk._dataset)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def resolved(light):
    return spec.resolve(
        {
            "name": "shaded",
            "data": {"name": "shaded", "light": light},
            "model": {"name": "wong_small"},
            "train": {"name": "natural", "steps": 2, "batch_size": 4},
            "measures": [{"name": "accuracy"}],
        }
    )


def test_it_reaches_the_description_and_every_key(shaded):
    light, dark = (run.planned(resolved(share)) for share in (1, 0.5))
    assert light[0].params["data"]["fingerprint"] == "digits at 1"
    assert not {stage.key for stage in light} & {stage.key for stage in dark}
    same = dict.fromkeys(("fingerprint", "input_shape"), "same") | {"num_classes": 10}
    keys = [{stage.key for stage in plan.stages(resolved(share), same)} for share in (1, 0.5)]
    assert not keys[0] & keys[1]  # whatever the description says


@pytest.mark.parametrize("share", [1, 0.5])
def test_it_reaches_the_images_of_every_stage(shaded, share):
    network, measured = run.planned(resolved(share))
    desk, original = Desk(), bsa.load("digits", split="test")
    x, y = desk.cell_images(measured, desk)
    np.testing.assert_array_equal(x, original.x * np.float32(share))
    np.testing.assert_array_equal(y, original.y)
    assert desk.dataset(network.params["data"], "train", None).x.max() == share
    assert bsa.load("shaded", split="test", light=share).x.max() == share


def test_it_is_checked(shaded):
    with pytest.raises(spec.SpecError, match="/data/light: expected a number of at most 1"):
        resolved(2)
    with pytest.raises(UsageError, match='did you mean "light"'):
        bsa.load("shaded", split="test", lihgt=1)
