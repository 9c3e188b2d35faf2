"""What searches found, in records and in tables."""

import json

import pytest

from tools import record, render, searches

SPACE = {"sigma": {"neutral": 0}, "gamma": {"neutral": 1}}


def measured(correct, broken, largest=0.0, control=None):
    found = {"images": 1000, "correct": correct, "attacked": 200, "broken": [{"threshold": 0.1, "count": broken}]}
    return found | {"largest": largest, "control": control}


def search(network, label, broken):
    """One search as map.json has it, whose mildest point was not found."""
    ball = {"radius": 0.4, "count": 150, "images": 200}
    most = {"point": {"sigma": 0.8, "gamma": 1}, "size": 0.8, "unseen": measured(960, broken, 0.3, ball)}
    found = {"network": network, "search": label, "space": SPACE, "original": measured(970, 10), "most": most}
    return found | {"mildest": None, "probes": [{}] * 9}


@pytest.fixture
def one(tmp_path):
    value = [search("plain", "blur", 120), search("plain", "gamma", 40), search("trained", "blur", 20)]
    (tmp_path / "map.json").write_text(json.dumps({"searches": value}))
    return {"searches": list(searches.of_run(tmp_path, record.rate))}


def test_a_point_has_its_rates_of_images_that_the_search_did_not_see(one):
    original, most = one["searches"][:2]
    assert (original["point"], original["at"], original["moved"]) == ("original", "", 0)
    assert (most["point"], most["at"], most["probes"]) == ("most", "sigma 0.8", 9)
    assert most["accuracy"] == record.rate(1000, 960)
    assert most["success"] == record.rate(200, 120)
    assert most["larger ball"] == {"threshold": 0.4} | record.rate(200, 150)


def test_there_are_none_in_the_folder_of_a_run_without(tmp_path):
    assert list(searches.of_run(tmp_path, record.rate)) == []


def test_a_line_for_each_point(one, monkeypatch):
    monkeypatch.setattr(render, "load", lambda name: one)
    heads, _, *lines = render.block("made searches short network=plain search=blur").splitlines()
    assert heads == "| network | point | accuracy | success | moved by | larger ball |"
    assert lines == [
        "| plain | as it is | 97.00 | 5.00 |  |  |",
        "| plain | breaks most: sigma 0.8 | 96.00 | 60.00 | 0.3 | 75.00 at 0.4 |",
    ]


def test_networks_of_several_records_stand_side_by_side(one, monkeypatch):
    one["searches"].append(one["searches"][-2] | {"search": "zoom"})  # whose points all lose accuracy
    other = {"searches": [each for each in one["searches"] if each["network"] == "plain" and each["search"] == "gamma"]}
    monkeypatch.setattr(render, "load", lambda name: {"one": one, "other": other}[name])
    heads, _, *lines = render.block("one beside=other short").splitlines()
    assert heads == "| search | one: plain | one: trained | other: plain |"
    assert lines == [
        "| as it is | 5.00 | 5.00 | 5.00 |",
        "| blur | **60.00** | **10.00** |  |",
        "| gamma | 20.00 |  | **20.00** |",
        "| zoom |  | none found |  |",
    ]
