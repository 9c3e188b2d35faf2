"""The worst case of transformations and a ball: closed forms on a linear network, points that are what was attacked."""

import keras
import numpy as np
import pytest

import bsa
from bsa.checks import invariant
from bsa.criteria import linf
from bsa.engine import plan, stages
from bsa.engine.stages import attack as stage_of_attacks
from bsa.errors import UsageError
from bsa.networks import logits
from bsa.spec import SpecError, chained, resolve
from bsa.testing import trained
from bsa.transforms import move

RANGES = {"scale": [0.5, 1], "shift": [-0.05, 0.05]}
GRID = {"chain": ["scale_shift"], "ranges": RANGES, "moves": {"search": "grid", "points": 9, "worst": 9}}


@pytest.fixture
def centred(linear):
    """The shared linear network with its classes apart about mid-grey, so that shifts of all pixels change them."""
    weights = linear[0].get_weights()[0]
    model = keras.models.clone_model(linear[0])
    model.set_weights([weights, -weights.sum(0) / 2])
    return model, linear[1], logits(model, linear[1]).argmax(-1)


def margins(model, x, y, scale, shift):
    """The margin to each other class at a point, and what a radius of 1 takes of it: (n, 2) each, in float64."""
    weights = model.get_weights()[0].astype(np.float64)
    moved = bsa.blind_spot(x.astype(np.float64), scale, shift).reshape(len(x), -1) - 0.5
    others = [[j for j in range(3) if j != own] for own in y]
    gaps = np.array([[weights[:, own] - weights[:, j] for j in some] for own, some in zip(y, others, strict=True)])
    return np.einsum("nd,njd->nj", moved, gaps), np.abs(gaps).sum(-1)


def least(model, x, y):
    """The least radius at which each image falls at some point of the grid; 0 where it falls by the point alone."""
    allowed = [(1, 0), (0.75, 0), (0.5, 0), (0.75, 0.05), (0.75, -0.05), (0.5, 0.05), (0.5, -0.05)]
    found = [np.maximum(gap / reach, 0).min(-1) for gap, reach in (margins(model, x, y, *point) for point in allowed)]
    return np.min(found, axis=0)


def test_on_a_linear_network_it_finds_the_worst_point_and_the_corner_of_its_ball(centred):
    model, x, y = centred
    radius = least(model, x, y)
    epsilon = float(radius[radius > 0].mean())
    found = bsa.attack("spatial", model, epsilon=epsilon, **GRID, leg={"steps": 5, "starts": ["image"]})(x, y)
    clear = np.abs(radius - epsilon) > 1e-4
    np.testing.assert_array_equal(found.success[clear], radius[clear] < epsilon)
    alone = (margins(model, x, y, 1, 0)[0] / margins(model, x, y, 1, 0)[1]).min(-1)
    assert (found.success & (alone > epsilon)).any()  # the ball around the image would not do
    np.testing.assert_array_equal(found.distance == 0, radius == 0)
    fell = np.isfinite(found.distance)
    np.testing.assert_array_equal(linf(found.x, found.moved)[fell], found.distance[fell])
    transform = chained(["scale_shift"])
    point = {name: found.point[name][fell] for name in ("scale", "shift")}
    there, _ = move(transform, x[fell], point, 0, np.flatnonzero(fell))
    np.testing.assert_allclose(found.moved[fell], there, atol=1e-6)  # of float32
    np.testing.assert_array_equal(found.moved[~fell], x[~fell])
    assert set(found.point["scale"][~fell]) == {1}


@pytest.mark.parametrize("search", ["grid", "random", "gradient"])
def test_without_steps_it_is_the_transformation_alone(centred, search):
    model, x, y = centred
    how = {"moves": {"search": search, "points": 60}, "ranges": {"scale": 0.5, "shift": [-0.01, 0.01]}}
    run = bsa.attack("spatial", model, epsilon=0.1, **GRID | how, leg={"steps": 0})
    found = run(x, y)
    assert set(found.distance) <= {0.0, np.inf}
    np.testing.assert_array_equal(found.x, found.moved)
    guess = logits(model, found.moved).argmax(-1)
    np.testing.assert_array_equal(guess != y, found.success)
    corners = [margins(model, x, y, 0.5, shift)[0].min(-1) for shift in (-0.01, 0.01)]
    falls = np.min(corners, axis=0)  # the margin is linear in the point: its least value lies at an end
    assert 0 < (falls < 0).sum() < len(x)
    if search != "random":
        clear = np.abs(falls) > 1e-4  # an end of a range is written in full
        np.testing.assert_array_equal(found.success[clear], falls[clear] < 0)
    assert found.passes.max() <= run.params["moves"]["points"] + 1
    again = run(x[::-1], y[::-1], index=np.arange(len(x))[::-1])
    np.testing.assert_array_equal(again.point["shift"][::-1], found.point["shift"])


def test_what_cannot_be_searched_is_said(linear):
    model = linear[0]
    with pytest.raises(ValueError, match="expected at least 4 points for a grid of 2 parameters, found 3"):
        bsa.attack("spatial", model, epsilon=0.1, **GRID | {"moves": {"search": "grid", "points": 3}})
    with pytest.raises(ValueError, match="expected either a space or a chain, found both"):
        bsa.attack("spatial", model, epsilon=0.1, **GRID, space="natural")
    with pytest.raises(ValueError, match="expected at least one parameter with a range"):
        bsa.attack("spatial", model, epsilon=0.1, chain=["scale_shift"], ranges={"scale": 1, "shift": 0})
    with pytest.raises(UsageError, match="expected images with 3 channels, found 1"):
        bsa.attack("spatial", model, epsilon=0.1, space="composite", moves={"points": 2})(linear[1], linear[2])
    with pytest.raises(UsageError, match="scale_shft"):
        bsa.attack("spatial", model, epsilon=0.1, chain=["scale_shft"])


SPEC = {"name": "moved", "data": {"name": "digits"}, "model": {"name": "wong_small"}, "sanity": False}
SPEC |= {"train": {"name": "natural", "steps": 1}}
DATA = {"fingerprint": "f", "input_shape": [28, 28, 1], "num_classes": 10}


def planned(**changes):
    spec = resolve(SPEC | {"attack": {"name": "spatial", "epsilon": 0.05, "images": 30, **GRID, **changes}})
    return next(stage for stage in plan.stages(spec, DATA) if stage.kind == "attack")


def test_a_stored_result_says_where_each_image_was_moved_to(tmp_path):
    (tmp_path / "work").mkdir()
    trained().save(tmp_path / "network.keras")
    desk = stages.Desk(progress=lambda *_, **__: None)
    stage_of_attacks.compute(
        planned(leg={"steps": 5, "starts": ["grey"]}, moves=GRID["moves"] | {"worst": 1}), [tmp_path], tmp_path, desk
    )
    with np.load(tmp_path / "attack.npz") as saved:
        found = dict(saved)
    fell = np.isfinite(found["distance"])
    assert fell.sum() > 0
    np.testing.assert_array_equal(linf(found["adversarial"], found["moved"])[fell], found["distance"][fell])
    assert found["point"].dtype.names == ("scale", "shift")
    assert (found["point"]["scale"][fell] >= 0.5).all()
    away = linf(found["adversarial"], found["x"])
    assert (away[fell] > found["distance"][fell]).any()
    proven = {"index": found["index"], "y": found["y"], "radius": away * fell, "bounds": np.zeros((30, 10))}
    compared = invariant.compare(proven, found)  # a certificate is about the image, not about the moved one
    assert (compared.broken, len(compared.witnesses["index"]), compared.gap) == (fell.sum(), 0, 0)


def test_keys_hang_on_the_chain_and_not_on_the_name_of_a_space():
    assert planned().key != planned(ranges={"scale": [0.6, 1]}).key
    assert "transforms" in planned().component


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"space": "natural"}, "/attack/space", 'either "space" or "chain"'),
        ({"moves": {"search": "grid", "points": 3}}, "/attack/moves/points", "at least 4"),
        ({"ranges": {"size": 1}}, "/attack/ranges", "ranges of scale, shift"),
        ({"moves": {"search": "descent"}}, "/attack/moves/search", "grid, random, gradient"),
    ],
)
def test_a_spec_is_told_what_cannot_be_searched(change, pointer, words):
    with pytest.raises(SpecError) as caught:
        planned(**change)
    (problem,) = caught.value.problems
    assert problem.pointer == pointer
    assert words in str(problem)
