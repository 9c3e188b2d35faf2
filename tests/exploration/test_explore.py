"""The search over points: what it finds on functions that are known, the same after a kill, within what is allowed."""

import itertools
import sys

import pytest

from bsa.errors import UsageError
from bsa.exploration import Probe, allowed, centre, drawn, explore, front, grid, narrowed, size
from bsa.spec import chained
from bsa.transforms import Range

pytest.importorskip("optuna", reason='Optuna is not installed: pip install "bsa[explore]"')

SPACE = {
    "scale": Range(0.5, 1, 1, "of the contrast"),
    "degrees": Range(-30, 30, 0, "degrees"),
    "sigma": Range(0, 1, 0, "pixels"),
}
SAMPLERS = ["tpe", "cma_es", "grid", "random"]


def tried(point):
    """A network that blur alone breaks, from sigma 0.3 on, and that turning by 10 degrees costs its accuracy."""
    accuracy = 0.95 - 0.004 * abs(point["degrees"])
    kept = accuracy >= 0.93 - 1e-9
    return Probe(point, accuracy, min(point["sigma"] / 0.6, 1.0) if kept else None, size(SPACE, point))


def made(sampler="tpe", budget=40, seed=0, **more):
    return explore.make(SPACE, budget=budget, seed=seed, accuracy=0.95, keep_accuracy=2, sampler=sampler, **more)


def run(search, count=1, kept=()):
    """The search to its end; probes that were `kept` are told again, and no point is tried twice."""
    kept = {str(probe.point): probe for probe in kept}
    while points := search.ask(count):
        for point in points:
            search.tell(kept.get(str(point)) or tried(point))
    return search.probes


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_it_finds_what_breaks_most_and_what_is_mild_enough(sampler):
    search = made(sampler)
    probes = run(search)
    assert len(probes) <= 40
    most, mildest = search.most, search.mildest
    assert search.kept(most.accuracy)
    assert most.success >= 0.9
    assert most == max((p for p in probes if p.success is not None), key=lambda p: (p.success, -p.size))
    assert mildest == min((p for p in probes if p.success is not None and p.success >= 0.5), key=lambda p: p.size)
    if sampler != "grid":  # whose points are what they are: at best at the end of the last third
        assert {name for name in SPACE if mildest.point[name] != SPACE[name].neutral} == {"sigma"}
        assert mildest.size < 0.35  # 0.3 breaks half
    assert all(p.success is None for p in probes if abs(p.point["degrees"]) > 5.01)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("count", [1, 3])
def test_killed_twice_it_asks_for_the_same_points(sampler, count):
    whole = run(made(sampler), count)
    for last in (4, 31):
        assert run(made(sampler), count, kept=whole[:last]) == whole
    assert run(made(sampler, seed=1), count) != whole or sampler == "grid"


def test_another_probe_than_the_one_that_was_asked_for_is_told():
    search = made()
    first, _ = search.ask(2)
    with pytest.raises(ValueError, match=r"expected the probe of .*, found that of"):
        search.tell(tried(first | {"sigma": 0.123}))


def test_a_milder_point_is_sought_with_half_of_what_moves_then_nearer():
    search = made("random", budget=4)  # three at random, one milder
    for _ in range(3):
        (point,) = search.ask()
        search.tell(Probe(point, 0.95, 1.0, size(SPACE, point)))
    mildest = search.mildest.point
    (point,) = search.ask()
    assert [name for name in SPACE if point[name] == mildest[name]] == ["scale"]
    assert point["degrees"] == point["sigma"] == 0
    assert search.ask() != [point]
    search = made("tpe", budget=400)
    run(search)
    assert search.mildest.point == {"scale": 1.0, "degrees": 0.0, "sigma": 0.3}  # to the digits that it writes
    assert len(search.probes) < 400  # nothing milder can be written


def test_once_everything_breaks_the_rest_goes_to_the_mildest():
    search = made("tpe")
    (point,) = search.ask()
    search.tell(Probe(point, 0.95, 1.0, size(SPACE, point)))
    (point,) = search.ask()
    assert sum(point[name] == SPACE[name].neutral for name in SPACE) >= 1


def test_what_is_not_allowed_is_pulled_in_to_what_is():
    made = chained(["scale_shift"])
    space = narrowed(made.space, {"scale": [0.6, 1], "shift": [-0.2, 0.2]})
    points = [drawn(space, made.problem, 0, number) for number in range(200)]
    assert [made.problem(point) for point in points] == [None] * 200
    pulled = [point for point in points if abs(abs(point["shift"]) - (1 - point["scale"]) / 2) < 2e-4]
    assert 50 < len(pulled) < 150  # half of the ranges is not allowed: to its edge, and no further
    assert len({str(point) for point in points}) > 190  # and few at one place
    assert allowed(space, made.problem, {"scale": 0.8, "shift": 0.123456}) == {"scale": 0.8, "shift": 0.1}
    both = chained(["scale_shift", "scale_shift"])
    asked = {name: 0.8 if name.endswith("scale") else 0.2 for name in both.space}
    assert both.problem(allowed(both.space, both.problem, asked)) is None  # no single parameter mends it
    with pytest.raises(ValueError, match="expected ranges whose point nearest to neutral is allowed: expected a cell"):
        drawn(narrowed(made.space, {"scale": [0.9, 1], "shift": [0.2, 0.3]}), made.problem, 0, 0)


def test_size_is_one_at_the_end_of_one_range():
    assert size(SPACE, centre(SPACE)) == 0
    for name, end in (("scale", 0.5), ("degrees", -30), ("degrees", 30), ("sigma", 1)):
        assert size(SPACE, centre(SPACE) | {name: end}) == 1
    assert size(SPACE, {"scale": 0.75, "degrees": 15, "sigma": 0.5}) == pytest.approx(3**0.5 / 2)
    away = narrowed(SPACE, {"scale": [0.5, 0.6]})  # a region without the neutral point
    assert centre(away)["scale"] == 0.6
    assert size(away, centre(away)) == pytest.approx(0.8)


def test_a_grid_has_both_ends_and_no_more_points_than_asked_for():
    points = grid(SPACE, lambda point: None, 30)
    assert len(points) == 27
    assert [sorted({point[name] for point in points}) for name in SPACE] == [[0.5, 0.75, 1], [-30, 0, 30], [0, 0.5, 1]]
    still = narrowed(SPACE, {"degrees": [10, 10]})
    assert {point["degrees"] for point in grid(still, lambda point: None, 9)} == {10}
    with pytest.raises(ValueError, match="expected at least 8 points for a grid of 3 parameters, found 7"):
        grid(SPACE, lambda point: None, 7)


@pytest.mark.parametrize(
    ("ranges", "sentence"),
    [
        ({"degree": [0, 1]}, 'expected ranges of scale, degrees, sigma, found degree: did you mean "degrees"'),
        ({"sigma": [0, 2]}, r"expected a range \[low, high\] within \[0, 1\] of sigma \(pixels\), found \[0, 2\]"),
        ({"sigma": [0.5, 0.2]}, r"found \[0.5, 0.2\]"),
    ],
)
def test_ranges_that_are_none_are_told(ranges, sentence):
    with pytest.raises(ValueError, match=sentence):
        narrowed(SPACE, ranges)


def test_a_space_in_which_nothing_moves_is_no_space_to_search():
    still = narrowed(SPACE, {name: [each.neutral, each.neutral] for name, each in SPACE.items()})
    with pytest.raises(ValueError, match="expected at least one parameter with a range to search"):
        explore.make(still, budget=4, seed=0, accuracy=1, keep_accuracy=2, sampler="random")


def test_the_front_is_what_nothing_beats():
    values = list(itertools.product([0.9, 0.92, 0.94], [None, 0.1, 0.5, 0.8]))
    probes = [Probe({"sigma": n / 10}, a, s if a != 0.94 or s != 0.8 else 0.5, n) for n, (a, s) in enumerate(values)]
    assert [(p.accuracy, p.success) for p in front(probes)] == [(0.94, 0.5), (0.92, 0.8)]


def test_without_optuna_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        UsageError, match=r'expected optuna for the sampler "tpe", found none: pip install "bsa\[explore\]"'
    ):
        made("tpe")
    assert run(made("random"))
