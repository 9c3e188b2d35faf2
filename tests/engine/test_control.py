"""A cell's images and its control as stages, on a linear network whose least distortions are known."""

import numpy as np
import pytest

from bsa import catalog, spec
from bsa.criteria import SLACK
from bsa.engine import plan
from bsa.engine.run import describe, outlook
from bsa.engine.stages import Desk, attack, control, measure
from bsa.engine.store import Store

SIXTEEN = """
import numpy as np
from bsa.data import Dataset

def describe(*, file, data_dir=None):
    return {"fingerprint": file, "input_shape": [4, 4, 1], "num_classes": 3}

def load(*, file, split, data_dir=None):
    saved = np.load(file)
    return Dataset(saved["x"], saved["y"], 3)
"""
LIGHTER = """
from bsa.transforms import Range, Transform, per_image

def make():
    def apply(x, point, seed, index):
        return x + per_image(point["light"], x)

    space = {"light": Range(-1, 1, 0, "of the range of pixels")}
    return Transform(space, apply, lambda point: None, lambda point: 1.0, smooth=True)
"""


def fragment(name, **properties):
    return {"version": 1, "type": "object", "properties": {"name": {"const": name}} | properties}


@pytest.fixture
def experiment(plugins, tmp_path, linear):
    """`experiment(cells, threshold, images)`: a spec on the linear network's images, lighter in every cell."""
    _, x, y, _ = linear
    np.savez(tmp_path / "images.npz", x=x, y=y.astype(np.int32))
    file = {"type": "string", "default": str(tmp_path / "images.npz")}
    folder = plugins(
        {
            "own/data/sixteen.py": SIXTEEN,
            "own/data/sixteen.json": fragment("sixteen", file=file),
            "own/transforms/lighter.py": LIGHTER,
            "own/transforms/lighter.json": fragment("lighter"),
        }
    )
    catalog.add_folder(folder / "own")

    def make(light, threshold, images=200):
        return spec.resolve(
            {
                "name": "lighter",
                "data": {"name": "sixteen"},
                "model": {"name": "wong_small"},
                "train": {"name": "natural", "steps": 1},
                "transform": {"chain": ["lighter"], "grid": {"light": light}},
                "attack": {"name": "pgd", "epsilon": threshold, "steps": 20, "starts": ["image"]},
                "measures": [{"name": "accuracy"}],
                "control": {"images": images},
            }
        )

    return make


@pytest.fixture
def computed(tmp_path, linear):
    """`computed(experiment)`: the folder and the numbers of the stages in its cells, in the linear network's place."""
    folder = tmp_path / "network"
    folder.mkdir()
    linear[0].save(folder / "network.keras")

    def compute(found):
        made, results, desk = {}, {}, Desk()
        for stage in plan.stages(found, describe(found)):
            if stage.kind in ("network", "sanity"):
                made[stage.key] = folder
                continue
            made[stage.key] = part = tmp_path / stage.key
            (part / "work").mkdir(parents=True)
            module = {"attack": attack, "control": control, "measure": measure}[stage.kind]
            metrics = module.compute(stage, [made[need] for need in stage.needs], part, desk)
            results.setdefault(stage.kind, []).append((part, metrics))
        return results

    return compute


def arrays(found):
    folder, _ = found
    (file,) = folder.glob("*.npz")
    with np.load(file) as saved:
        return dict(saved)


def test_the_control_finds_what_lies_in_the_larger_ball(experiment, computed, linear):
    """At the median least distortion + rho half the images fall; the cell moves them all by rho."""
    _, x, _, least = linear
    rho, threshold = 0.02, float(np.median(least))
    found = computed(experiment([0, rho], threshold))
    ((_, metrics),) = found["control"]
    saved, cell = arrays(found["control"][0]), arrays(found["attack"][1])
    assert metrics["rho"] == pytest.approx({"mean": rho, "largest": rho}, abs=1e-6)  # of float32 pixels
    np.testing.assert_array_equal(saved["index"], cell["index"])  # all are correct there and as they are
    ((ball),) = metrics["balls"]
    assert ball["radius"] == pytest.approx(threshold + rho, abs=1e-6)  # it is rounded
    own = least[saved["index"]]
    clear = np.abs(own - ball["radius"]) > 1e-3  # PGD comes that near on a linear network
    fallen = saved["distance"] <= ball["radius"] + SLACK
    np.testing.assert_array_equal(fallen[clear], own[clear] < ball["radius"])
    there = cell["distance"] <= threshold + SLACK
    assert ball["both"] + ball["ball"] == fallen.sum()
    assert ball["both"] + ball["cell"] == there.sum() > 0
    assert ball["cell"] == 0  # the larger ball holds the cell's
    away = np.abs(saved["adversarial"] - x[saved["index"]]).max((1, 2, 3))
    assert away.max() <= ball["radius"] + SLACK  # around the original images


def test_it_is_of_so_many_images_and_says_nothing_where_grey_is_in_the_ball(experiment, computed, linear):
    threshold = float(np.median(linear[-1]))
    found = computed(experiment([0, 0.02, 0.45], threshold, images=5))
    (_, few), (_, far) = found["control"]
    assert (few["images"], few["balls"][0]["threshold"]) == (5, threshold)
    assert sum(few["balls"][0][name] for name in ("both", "cell", "ball", "neither")) == 5
    assert far["balls"] == [{"threshold": threshold, "radius": None}]
    assert "adversarial" not in arrays(found["control"][1])  # nothing was attacked


def test_clipping_is_told_of_every_stage(experiment, computed, linear):
    x = linear[1]
    found = computed(experiment([0, 0.5], 0.01))
    share = (x > 0.5).mean()
    assert 0 < share < 1
    original, lighter = (metrics for _, metrics in found["measure"])
    assert "clipped" not in original
    assert lighter["clipped"] == pytest.approx(share, abs=1e-6)
    attacked = arrays(found["attack"][1])
    np.testing.assert_allclose(attacked["x"], np.minimum(x[attacked["index"]] + np.float32(0.5), 1), atol=1e-6)
    assert found["attack"][1][1]["clipped"] == pytest.approx((x[attacked["index"]] > 0.5).mean(), abs=1e-6)


def test_there_is_none_of_the_originals_and_none_where_it_is_not_asked_for(experiment):
    def kinds(found):
        return [stage.kind for stage in plan.stages(found, describe(found))]

    assert kinds(experiment([0, 0.1], 0.1)).count("control") == 1
    assert "control" not in kinds(experiment([0], 0.1))
    assert "control" not in kinds(experiment([0, 0.1], 0.1) | {"control": False})


def test_the_plan_tells_its_passes(experiment, tmp_path):
    """As many for an image as the attack takes: of 7 images in place of 2,000."""
    rows = {row["title"]: row["passes"] for row in outlook(experiment([0.1], 0.1, images=7), Store(tmp_path / "store"))}
    title = "pgd, network main, cell lighter 0.1"
    assert rows[f"control of {title}"] == 7 * rows[title] / 2000 > 0


def test_a_transformation_of_a_plug_in_is_in_the_keys_with_its_origin(experiment):
    found = [s for s in plan.stages(experiment([0.1], 0.1), DATA) if s.kind == "measure"]
    (step,) = found[0].params["transform"]["steps"]
    assert step["sha256"] == catalog.identity("transforms", "lighter")["sha256"]
    assert step["point"] == {"light": 0.1}


DATA = {"fingerprint": "f", "input_shape": [4, 4, 1], "num_classes": 3}
