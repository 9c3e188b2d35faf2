"""The benchmark's judgement, order of runs and arithmetic; no peer and no PyTorch is needed."""

import json

import numpy as np
import pytest

from benchmarks import _figure, _report, _work


def logits(x):
    """Class 1 wins where the first pixel is above 1/2; at 1/2 both classes are equal."""
    first = x.reshape(len(x), -1)[:, 0]
    return np.stack([np.full(len(x), 0.5), first], 1)


def images(*first):
    return np.array(first, np.float32)[:, None, None, None] * np.ones((1, 1, 2, 1), np.float32)


def test_a_candidate_counts_where_another_class_wins_strictly():
    found = _work.distances(logits, images(0.75, 0.5, 0.25), images(0.25, 0.25, 0.25), np.zeros(3, int))
    assert found.tolist() == [0.5, np.inf, np.inf]


def test_a_candidate_on_the_boundary_gets_a_second_chance_beyond_it():
    found = _work.judged(logits, images(0.75, 0.5, 0.4999), images(0.25, 0.25, 0.25), np.zeros(3, int))
    assert found[0] == 0.5
    assert found[1] == pytest.approx(0.25 * (1 + _work.FARTHER), abs=1e-7)  # float32 pixels
    assert found[2] == np.inf


def test_a_candidate_is_clipped_before_it_is_judged():
    assert _work.distances(logits, images(3.0), images(0.25), np.zeros(1, int)).tolist() == [0.75]


def test_a_smaller_radius_is_run_only_where_the_larger_fell_and_not_within_it():
    x, asked = images(0.45, 0.35, 0.15), []

    def attack(x, y, index, radius, params):
        asked.append((radius, index.tolist()))
        moved = np.full(len(x), radius)
        moved[index == 0] = 0.0625  # this one stops early, within both
        return x + moved[:, None, None, None].astype(np.float32), np.full(len(x), 3), np.full(len(x), 2)

    job = {"kind": "radius", "thresholds": [0.25, 0.125], "params": {}}
    runs, seconds = _work.descend(job, x, np.zeros(3, int), attack, logits)
    assert asked == [(0.25, [0, 1, 2]), (0.125, [1])]
    assert runs["forwards"].tolist() == [[3, 3, 3], [0, 3, 0]]
    assert runs["backwards"].sum(0).tolist() == [2, 4, 2]
    assert runs["ran"].tolist() == [[True] * 3, [False, True, False]]
    assert len(seconds) == 2


def test_a_least_norm_attack_is_run_once():
    job = {"kind": "least", "thresholds": [0.25, 0.125], "params": {}}
    runs, seconds = _work.descend(job, images(0.25), np.zeros(1, int), lambda x, *_: (x, 1, 1), logits)
    assert runs["ran"].tolist() == [[True]]
    assert len(seconds) == 1


def row(distance, passes, **more):
    """A measured row of four images at the thresholds 0.2 and 0.1, every pass forward and backward."""
    record = {"n": len(distance), "thresholds": [0.2, 0.1], "seconds": [2.0], "kind": "radius", **more}
    spent = np.array([passes], float)
    return _report.measured(record, {"distance": np.array(distance), "forwards": spent, "backwards": spent})


def test_measures_of_an_entry():
    found = row([0.1, 0.2, 0.3, np.inf], [10, 20, 30, 40])
    assert [rate["percent"] for rate in found["success"]] == [50, 25]
    assert found["median"] == pytest.approx(0.25)
    assert found["passes"] == 25


def test_ours_is_compared_on_the_images_of_the_other():
    ours = row([0.1, 0.2, 0.2, 0.2], [10, 10, 100, 100])
    other = row([0.2, np.inf], [50, 50])
    # on the first two images ours breaks 2 and 1 where the other breaks 1 and 0; seconds are an image, 0.5 against 1
    assert _report.against(ours, other) == {"points": [50, 50], "passes": 5, "seconds": 2}
    assert _report.against(other, ours) is None


def named(name, distance, passes, library="peers"):
    return row(distance, passes, name=name, library=library)


def test_the_strongest_peers_are_those_with_the_most_images_and_a_tie_is_said():
    ours = named("corner_descent", [0.1, 0.2, 0.2, 0.2], [10] * 4, "bsa")
    few = named("few", [0.1, 0.2], [10] * 2)  # ties on its two images
    dear, cheap = named("dear", [0.1, 0.3, 0.15, 0.15], [400] * 4), named("cheap", [0.2, 0.2, 0.1, 0.3], [40] * 4)
    rows = [ours, few, dear, cheap]
    for each in rows:
        each["against"] = _report.against(ours, each) if each is not ours else None
    text = _report.finding(rows)
    assert "At 0.2, on 4 images, 2 peers find equally much; the strongest of them" in text
    assert "`dear`: `corner_descent` stands +25.0 points to it, and it takes 40 times the passes" in text
    assert text.index("`cheap`, takes 4 times the passes") < text.index("the dearest, `dear`, 40 times")
    assert "`few`" not in text
    assert text.endswith("More success than `corner_descent` at some threshold: none.")


def test_nothing_is_said_of_ours_where_it_has_not_run():
    peer = named("peer", [0.1, 0.2], [10] * 2) | {"against": None}
    assert _report.finding([peer]) == ""


@pytest.mark.parametrize("field", [*_report.SHARED, "images_sha256", "index"])
def test_entries_on_another_network_or_other_images_do_not_share_a_table(field, tmp_path):
    place = tmp_path / "net" / "1_0"
    common = dict.fromkeys(_report.SHARED, 0) | {"thresholds": [0.1], "n": 3, "seconds": [1], "images_sha256": "a"}
    common |= {"index": [0, 1, 2], "library": "bsa"}
    for name, more in (("pgd", {}), ("fmn", {field: [0.2, 0.1, 0.3]})):
        (place / name).mkdir(parents=True)
        record = common | {"name": name} | more
        one, index = np.ones((1, 3)), np.array(record.pop("index"))
        (place / name / "record.json").write_text(json.dumps(record))
        np.savez(place / name / "arrays.npz", distance=one[0], forwards=one, backwards=one, index=index)
    with pytest.raises(ValueError, match="one network, cell, seed and images, found others in fmn"):
        _report.load(place)
    list(_report.render(tmp_path))
    assert "No table: " in (tmp_path / "benchmarks.md").read_text()


def test_the_curve_counts_what_fell_within_so_many_passes():
    passes, percent = _figure.curve(row([0.2, np.inf, 0.1, 0.3], [30, 100, 5, 100]), 0.2)
    assert passes.tolist() == [5, 30, 100, 100]
    assert percent.tolist() == [25, 50, 50, 50]


def test_labels_are_spread_and_stay_in_order():
    assert _figure.spread([0.1, 0.5], 0.1) == pytest.approx([0.1, 0.5])
    assert _figure.spread([0.5, 0.5, 0.5], 0.1) == pytest.approx([0.4, 0.5, 0.6])


def test_a_page_keeps_all_but_its_tables(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{_report.BEGIN}\nof yesterday\n{_report.END}\nafter\n")
    out = tmp_path / "out"
    out.mkdir()
    list(_report.render(out, page))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "of yesterday" not in text
