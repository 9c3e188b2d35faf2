"""Settings chosen leaving one network out: the rule, and the page that is rendered from results."""

import json

import numpy as np
import pytest

from benchmarks import _leave_one_out, _report, one_attack


def cell(autoattack, **candidates):
    """Results of ten images at one threshold: `autoattack` and each candidate find (images, in so many passes)."""
    entries = {f"candidate_{name}": {"found": [found], "passes": cost} for name, (found, cost) in candidates.items()}
    found, cost = autoattack
    entries["torchattacks_autoattack_100"] = {"found": [found], "passes": cost}
    return {"n": 10, "thresholds": [0.1], "entries": entries}


RESULTS = {
    # `own` is by far the best here, and is not chosen here
    "first": {"1, 0": cell((5, 1000), own=(9, 50), wide=(5, 50), dear=(5, 500))},
    "second": {"1, 0": cell((4, 1000), own=(2, 50), wide=(4, 50), dear=(6, 500))},
    "third": {"1, 0": cell((4, 1000), own=(2, 50), wide=(4, 90), dear=(6, 500))},
}


def test_what_is_chosen_for_a_network_does_not_hang_on_it():
    picked = _leave_one_out.choices(RESULTS, ["own", "wide", "dear"])
    assert picked["first"] == {
        # of the others `wide` exceeds 60 passes in one cell, and a tenth of AutoAttack's in none; it finds as many
        "quick": "candidate_own",
        "standard": "candidate_wide",
        "thorough": "candidate_dear",
    }
    assert picked["second"]["standard"] == "candidate_wide"  # `own` finds 9 and 2, and so once less than AutoAttack
    changed = RESULTS | {"first": {"1, 0": cell((0, 10), own=(0, 9), wide=(0, 9), dear=(0, 9))}}
    assert _leave_one_out.choices(changed, ["own", "wide", "dear"])["first"] == picked["first"]


def test_of_candidates_that_find_equally_much_the_cheapest_is_chosen():
    there = {"1, 0": cell((5, 1000), costly=(5, 40), cheap=(5, 30))}
    picked = _leave_one_out.choices({"one": there, "other": there}, ["costly", "cheap"])
    assert set(picked["one"].values()) == {"candidate_cheap"}


def test_the_best_autoattack_is_the_one_that_finds_most():
    there = cell((5, 1000))
    there["entries"]["art_autoattack_10000"] = {"found": [6], "passes": 3000}
    assert _leave_one_out.best_autoattack(there) == "art_autoattack_10000"
    assert _leave_one_out.limit("standard", there) == 300


def test_networks_that_lack_a_candidate_or_an_autoattack_are_left_out():
    lacking = RESULTS | {"fourth": {"1, 0": cell((5, 1000), own=(2, 50), wide=(4, 50))}}
    del lacking["third"]["1, 0"]["entries"]["torchattacks_autoattack_100"]
    picked = _leave_one_out.choices(lacking, ["own", "wide", "dear"])
    assert list(picked) == ["first", "second"]
    assert "Not yet whole, and left out of this choice: `third`, `fourth`." in one_attack.page(
        lacking, ["own", "wide", "dear"]
    )


@pytest.fixture
def folder(tmp_path):
    """Results of four images as `benchmarks.attacks` leaves them, of two networks with one cell."""
    common = dict.fromkeys(_report.SHARED, 0) | {"thresholds": [0.2, 0.1], "cell": [1.0, 0.0], "seconds": [1], "n": 4}
    common |= {"images_sha256": "a", "library": "bsa"}
    passes = {"candidate_few": 5, "candidate_many": 90, "torchattacks_autoattack_100": 500, "settings": 50}
    distances = {"candidate_few": [0.1, 0.2, 1, 1], "candidate_many": [0.1] * 4, "settings": [0.1] * 3 + [0.3]}
    for network in ("one", "other"):
        for name, spent in passes.items():
            place = tmp_path / network / "1_0" / name
            place.mkdir(parents=True)
            (place / "record.json").write_text(json.dumps(common | {"name": name, "params": {"steps": spent}}))
            each = np.full((1, 4), spent)
            distance = np.array(distances.get(name, [0.1, 0.1, 0.1, 0.2]))
            np.savez(place / "arrays.npz", distance=distance, forwards=each, backwards=each, index=np.arange(4))
    return tmp_path


def test_the_page_says_what_was_found_and_what_misses(folder):
    results = one_attack.gathered(folder, {"few": {"steps": 5}, "many": {"steps": 90}})
    text = one_attack.page(results, ["few", "many"])
    # a tenth of AutoAttack's 500 passes is 50: `many` takes more, but `few` finds less than it at both thresholds
    assert "| `one` | (1, 0) | 4 | 0.2 / 0.1 | 2 / 1 | 4 / 4 | 4 / 4 | 4 / 3 | 3 / 3 | 5 / 90 / 90 | 500 / 50 |" in text
    assert "| `other` | `few` | `many` | `many` |" in text
    assert "* `one`, (1, 0), at 0.2: quick finds 2 of 4, standard 4." in text
    assert "* `one`, (1, 0): standard takes 90 passes an image, not 50, a tenth of AutoAttack's." in text
    assert "`standard` finds what it is to find in 2 of 2 cells, in no more passes than it may in 0" in text
    assert "`thorough` finds what it is to find in 2 of 2 cells, in no more passes than it may in 0" in text
    assert "standard finds" not in text
    assert "| network | cell | n | `standard` | `torchattacks_autoattack_100` |" in text
    assert "| `one` | (1, 0) | 4 |  | 4 / 3 (500) |" in text  # none of the candidates is called standard


def test_where_the_efforts_are_chosen_their_table_stands_once():
    efforts = {"quick": (4, 50), "standard": (7, 90), "thorough": (8, 900)}
    results = {name: {"1, 0": cell((7, 1000), **efforts)} for name in ("first", "second")}
    text = one_attack.page(results, list(efforts))
    assert "| `first` | `quick` | `standard` | `thorough` |" in text
    assert one_attack.SAME in text
    assert text.count("| `first` | (1, 0) | 10 | 0.1 |") == 1


def test_a_candidate_whose_parameters_changed_has_to_run_again(folder):
    results = one_attack.gathered(folder, {"few": {"steps": 6}, "many": {"steps": 90}})
    assert "candidate_few" not in results["one"]["1, 0"]["entries"]
    assert one_attack.page(results, ["few", "many"]).startswith("No network has been left out yet")


def test_the_efforts_are_shown_where_quick_and_standard_have_run():
    results = {"first": {"1, 0": cell((7, 1000), quick=(4, 50), standard=(6, 90))}, "second": {"1, 0": cell((7, 1000))}}
    text = one_attack.page(results, ["quick", "standard", "thorough"])
    assert "| `first` | (1, 0) | 10 | 0.1 | 4 | 6 |  | 7 |  | 50 / 90 / - | 1,000 / - |" in text
    assert "* `first`, (1, 0), at 0.1: standard finds 6 of 10, AutoAttack 7." in text
    assert "`second`" not in text.split("No network")[0]
