"""Cells as points of a chain: how they are called, what they are for thresholds and keys, what is wrong with one."""

import pytest

from bsa import spec
from bsa.engine import plan

DATA = {"fingerprint": "f", "input_shape": [28, 28, 1], "num_classes": 10}
BASE = {
    "name": "moved",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "natural", "steps": 2},
    "attack": {"name": "pgd", "epsilon": 0.1, "thresholds": ["epsilon", "scale*epsilon"]},
    "measures": [{"name": "accuracy"}],
}
TWICE = ["scale_shift", {"name": "scale_shift", "pixel_range": [0, 1]}]  # towards grey, then towards black


def resolved(**changes):
    return spec.resolve(BASE | changes)


def moved(chain, **where):
    return resolved(transform={"chain": chain, **where})


def keys(experiment):
    return {stage.key: stage.kind for stage in plan.stages(experiment, DATA)}


def test_the_papers_cells_are_points_of_its_transformation_alone():
    short = resolved(blind_spot={"cells": [[1, 0], [0.9, 0.05], [0.9, 0]]})
    long = moved(["scale_shift"], cells=[{}, {"scale": 0.9, "shift": 0.05}, {"scale": 0.9}])
    assert short.cells == long.cells
    assert [str(cell) for cell in long.cells] == ["(1, 0)", "(0.9, 0.05)", "(0.9, 0)"]
    assert [cell.given for cell in long.cells] == [[1, 0], [0.9, 0.05], [0.9, 0]]
    assert [cell.stem for cell in long.cells] == ["1_0", "0.9_0.05", "0.9_0"]
    assert keys(short) == keys(long)


def test_a_point_of_a_longer_chain_is_called_by_what_is_not_neutral():
    names = {"scale_shift.scale": 0.9, "scale_shift_2.scale": 0.5}
    experiment = moved(TWICE, cells=[{"scale_shift.scale": 1}, names])
    original, both = experiment.cells
    assert (original.original, str(original), original.given) == (True, "original", {})
    assert (both.original, str(both)) == (False, "scale_shift.scale 0.9, scale_shift_2.scale 0.5")
    assert (both.given, both.stem) == (names, "scale_shift.scale_0.9_scale_shift_2.scale_0.5")
    assert dict(both.values) == names | {"scale_shift.shift": 0, "scale_shift_2.shift": 0}
    assert both.called(names | {"scale_shift.shift": 0})
    assert not both.called({"scale_shift.scale": 0.9})
    assert experiment.attacks[0].thresholds == {original: [0.1], both: [0.1, 0.045]}  # contractions multiply


def test_a_grid_is_each_with_each_after_the_cells_that_are_listed():
    listed, grid = [{"scale": 0.8}], {"scale": [1, 0.8], "shift": [0, 0]}
    found = moved(["scale_shift"], cells=listed, grid=grid).cells
    assert [cell.given for cell in found] == [[0.8, 0], [1, 0]]  # each cell once
    assert [cell.given for cell in moved(["scale_shift"]).cells] == [[1, 0]]


def test_a_cell_has_the_keys_of_what_moves_its_images_and_of_nothing_else():
    short = resolved(blind_spot={"cells": [[1, 0], [0.9, 0]]})
    assert keys(short) == keys(moved(TWICE, cells=[{}, {"scale_shift.scale": 0.9}]))
    both = moved(TWICE, cells=[{"scale_shift.scale": 0.9, "scale_shift_2.scale": 0.5}])
    (measure,) = [s for s in plan.stages(both, DATA) if s.kind == "measure"]
    steps = measure.params["transform"]["steps"]
    assert [(s["name"], s["version"], s["params"], s["point"]) for s in steps] == [
        ("scale_shift", 1, {"pixel_range": [-0.5, 0.5]}, {"scale": 0.9, "shift": 0}),
        ("scale_shift", 1, {"pixel_range": [0, 1]}, {"scale": 0.5, "shift": 0}),
    ]
    assert measure.params["transform"]["seed"] == 0
    assert "gain" not in measure.params


def test_what_is_resolved_is_the_same_spec_again():
    both = moved(TWICE, cells=[{}, {"scale_shift.scale": 0.9}], grid={"scale_shift_2.scale": [0.5]})
    again = spec.resolve(spec.parse(spec.canonical(both.resolved)))
    assert again.cells == both.cells
    assert keys(again) == keys(both)
    assert "blind_spot" not in both.resolved
    assert both["transform"]["chain"][0] == {"name": "scale_shift", "pixel_range": [-0.5, 0.5]}


def test_published_numbers_are_found_by_pair_and_by_point():
    rows = [{"cell": [0.9, 0], "accuracy": 90}, {"cell": {"scale": 0.8, "shift": 0}, "accuracy": 80}]
    experiment = resolved(
        transform={"chain": ["scale_shift"], "grid": {"scale": [1, 0.9, 0.8]}},
        reported={"source": "Table 9", "rows": rows},
    )
    assert [experiment.reported.row("main", cell).get("accuracy") for cell in experiment.cells] == [None, 90, 80]


SHORT = {"cells": [[0.9, 0]]}


@pytest.mark.parametrize(
    ("where", "pointer", "words"),
    [
        ({"chain": ["scale_shfit"]}, "/transform/chain/0", 'did you mean "scale_shift"'),
        ({"chain": [{"name": "scale_shift", "range": 1}]}, "/transform/chain/0/range", "one of the keys"),
        ({"chain": []}, "/transform/chain", "at least 1 items"),
        (
            {"chain": ["scale_shift", {"name": "scale_shift", "pixel_range": [1, 0]}]},
            "/transform/chain/1",
            "low < high",
        ),
        ({"chain": ["scale_shift"], "cells": [{}, {"scael": 0.9}]}, "/transform/cells/1", 'did you mean "scale"'),
        ({"chain": ["scale_shift"], "cells": [{"scale": 2}]}, "/transform/cells/0", "scale from -1 to 1"),
        ({"chain": ["scale_shift"], "cells": [{"scale": 0.9, "shift": 0.1}]}, "/transform/cells/0", "[-0.05, 0.05]"),
        ({"chain": ["scale_shift"], "cells": [{"scale": 0}]}, "/transform/cells/0", "an image to see"),
        ({"chain": ["scale_shift"], "cells": [{}, {"scale": 1}]}, "/transform/cells/1", "each cell once"),
        ({"chain": ["scale_shift"], "cells": [[0.9, 0]]}, "/transform/cells/0", "expected an object"),
        ({"chain": ["scale_shift"], "grid": {"scael": [0.9]}}, "/transform/grid", 'did you mean "scale"'),
        ({"chain": ["scale_shift"], "grid": {"scale": [1, 0.9], "shift": [0.05]}}, "/transform/grid", "(1, 0.05)"),
        ({"chain": ["scale_shift"], "grid": {"scale": [1] * 40, "shift": [0] * 40}}, "/transform/grid", "found 1600"),
    ],
)
def test_a_wrong_cell_is_told_with_its_place(where, pointer, words):
    with pytest.raises(spec.SpecError) as caught:
        resolved(transform=where)
    (problem,) = caught.value.problems
    assert problem.pointer == pointer
    assert words in str(problem)


def test_both_forms_at_once_are_an_error():
    with pytest.raises(spec.SpecError, match=r'/transform: expected "transform" or "blind_spot", .*, found both'):
        resolved(transform={"chain": ["scale_shift"]}, blind_spot=SHORT)


def test_a_report_of_blind_spots_needs_the_original_and_another():
    needs = {"report": [{"name": "distance_shift"}], "measures": [{"name": "nearest"}]}
    for cells, words in ([{}], "a cell beside {}"), ([{"scale": 0.9}], "the cell {}, the originals"):
        with pytest.raises(spec.SpecError, match=words):
            resolved(transform={"chain": ["scale_shift"], "cells": cells}, **needs)
