"""Kills, full disks, changed bytes, broken specs, hostile files, runs at once, memory: nothing wrong, nothing lost.

Each campaign is a test with its counts, behind the marker `slow`, and has a small twin for every day. The whole, and
its page: `BSA_CAMPAIGN_DOCS=docs pytest -m slow tests/campaign`, with `-n 2` two at a time. BSA_CAMPAIGN_SHARE=0.1 is a
tenth of it.
"""

import os

import pytest
from campaign import hostile, kills, specs, together

SHARE = float(os.environ.get("BSA_CAMPAIGN_SHARE", 1))
SIZES = (10_000, 60_000, 300_000, 690_000)  # bytes of a file


def counts(small, whole):
    """A small twin's count, and the whole campaign's behind `slow`; None in a small one is for leaving it out."""
    cases = [pytest.param("small", small, id="small")] if small else []
    many = whole and max(1, round(whole * SHARE))
    return pytest.mark.parametrize(
        ("size", "count"), [*cases, pytest.param("whole", many, marks=pytest.mark.slow, id="whole")]
    )


@counts(3, 100)
def test_kills_at_random_moments_of_every_stage(bench, tally, count):
    kills.at_random(bench, tally("random kills over all stages (KILL, TERM, INT)"), count)


@counts(5, 400)
def test_kills_at_every_file_primitive(bench, tally, count):
    kills.at_every_primitive(bench, tally("kills at every file primitive (open, write, fsync, rename)"), count)


@counts(5, 400)
def test_a_full_disk_at_every_file_primitive(bench, tally, count, size):
    kills.at_every_write(bench, tally("a full disk at every file primitive"), count)
    if size == "whole":
        kills.with_small_files(bench, tally("a bound on the size of files"), SIZES)


@counts(60, 2000)
def test_changed_bytes_of_stored_files(bench, tally, count):
    stored = tally("artefacts: one byte changed; otherwise damaged")
    stored.add(bench.call("stored", **bench.places, count=count // 2, seed=1))
    stored.add(bench.call("stored", **bench.places, count=count // 5, seed=2, otherwise=True))
    tally("two artefacts' folders exchanged").add(bench.call("exchanged", **bench.places, count=count // 20, seed=3))


@counts(24, 2000)
def test_changed_bytes_of_the_work_of_killed_runs(bench, tally, count):
    work = tally("work files of killed runs: one byte changed; otherwise damaged")
    given = bench.places | {"kept": str(bench.kept)}
    work.add(bench.call("work", **given, count=count // 4, seed=4))
    work.add(bench.call("work", **given, count=count // 10, seed=5, otherwise=True))


@counts(20, 600)
def test_changed_bytes_of_weights_and_data(bench, tally, count, size):
    weights_dir, data_dir = os.environ.get("BSA_WEIGHTS_DIR"), os.environ.get("BSA_DATA_DIR")
    tally("weights: one byte changed").add(bench.call("foreign_weights", count=count, seed=6, weights_dir=weights_dir))
    if data_dir:
        loads = 20 if size == "whole" else 0
        row = bench.call("prepared", data_dir=data_dir, count=count // 4, loads=loads, seed=7)
        tally("prepared data sets: one byte changed, cut").add(row)


@counts(40, 2000)
def test_mutated_specs(tally, count, tmp_path):
    specs.mutate(tally("mutated specs"), tmp_path, count, seed=8)
    specs.mutate(tally("--set with mutated arguments"), tmp_path, count // 2, seed=9, changes=True)


@counts(6, None)
def test_hostile_weights_and_addresses(server, tally, count, tmp_path):
    hostile.of_weights(server, tmp_path, tally("hostile weights (pickles, zips, npz)"), count, seed=10)
    hostile.of_urls(server, tmp_path, tally("hostile urls"), count)


@counts(3, 24)
def test_three_runs_at_once(bench, tally, count):
    together.at_once(bench, tally("three runs at once into one store and one folder of results"), count)


@counts(None, 100)
def test_memory_over_many_attacks_built(bench, tally, count, server, tmp_path):
    job = {"call": "campaign.memory:attacks_built", "given": {"count": count}, "folder": str(tmp_path)}
    (ended,) = server.run(job)
    assert ended.code == 0, ended.err[-2000:]
    tally(f"memory over attacks built: {ended.result['what']}").add(ended.result)
