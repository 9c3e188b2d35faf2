"""The whole way on real digits: run, kill, go on, run again, show."""

import json
import re
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from bsa import plan, run, spec
from bsa.results import Results
from bsa.store import WORK, Store

# An attack of several chunks, so that one can be killed between two, in the first, second and last cell.
SMALLER = ["attack.0.batch_size=16", "blind_spot.cells=[[1, 0], [0.9, 0], [0.7, 0.15]]"]
QUICKSTART, UNCHECKED = (spec.load("quickstart", [*SMALLER, *more]) for more in ([], ["sanity=false"]))


def command(*words):
    """A bsa command on the quick start, made smaller."""
    verb, *rest = map(str, words)
    changes = [word for change in SMALLER for word in ("--set", change)]
    return [sys.executable, "-m", "bsa", verb, "quickstart", *changes, *rest]


def bsa(*words):
    return subprocess.run(command(*words), check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The quick start, run once to its end: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = bsa("run", "--store", folder / "store", "--out", folder / "out")
    return folder, done


def results(store, asked=QUICKSTART):
    return Results(asked, Store(store), run.describe(asked))


def table(folder):
    return json.loads((folder / "out" / "success_table.json").read_text())["networks"]["main"]


def test_the_quick_start_shows_what_the_paper_shows(undisturbed):
    cells = table(undisturbed[0])
    accuracy = [cell["accuracy"]["percent"] for cell in cells]
    assert accuracy[0] > 93
    # about kept: the last cell, where digits of 16 grey values fade most, loses most
    assert min(accuracy) > accuracy[0] - 6
    for label in ("carlini_wagner_linf", "corner_descent"):
        success = [cell["attacks"][label]["success"][0]["percent"] for cell in cells]
        strict = [cell["attacks"][label]["success"][-1]["percent"] for cell in cells]
        assert success[-1] > success[0] + 40
        assert strict[-1] > strict[0] + 20
        assert success[1] > success[0]


def test_what_is_printed_and_written(undisturbed):
    folder, done = undisturbed
    for words in ("quickstart: digits, network main", "0.7, 0.15", "carlini_wagner_linf", "95 % Wilson"):
        assert words in done.stdout
    assert "oneDNN" not in done.stderr
    assert "retracing" not in done.stderr
    assert re.search(r"^sanity: \d+ checks passed", done.stdout, re.MULTILINE)
    assert "WARNING" not in done.stdout  # the quick start is a sound evaluation
    names = {p.name for p in (folder / "out").iterdir()}
    assert {f"{stem}.{form}" for stem in ("success_table", "sanity") for form in ("md", "csv", "tex", "json")} <= names
    for label in ("carlini_wagner_linf", "corner_descent"):
        assert {f"examples_main_{label}.png", f"examples_main_{label}.svg"} <= names


def test_records_tell_how_a_result_came_about(undisturbed):
    for result in results(undisturbed[0] / "store").all:
        record = result.record
        assert re.match(r"2\.\d+", record["versions"]["tensorflow"])
        assert record["seconds"] > 0
        assert record["peak_memory_bytes"] > 1e8
        assert result.place["kind"] == record["kind"]


def test_every_adversarial_image_is_confirmed_by_the_saved_network(undisturbed):
    found = results(undisturbed[0] / "store")
    (trained,) = found.find(kind="network")
    model = keras.saving.load_model(trained.folder / "network.keras", safe_mode=True)
    for result in found.find(kind="attack"):
        saved = result.arrays("attack.npz")
        broken = np.isfinite(saved["distance"])
        guess = model(saved["adversarial"]).numpy().argmax(-1)
        assert (guess[broken] != saved["y"][broken]).all()
        assert (model(saved["x"]).numpy().argmax(-1) == saved["y"]).all()
        away = np.abs(saved["adversarial"].astype(float) - saved["x"].astype(float)).max((1, 2, 3))
        np.testing.assert_array_equal(away[broken], saved["distance"][broken])


def test_a_second_run_does_nothing_but_print(undisturbed):
    folder, _ = undisturbed
    before = {p: p.stat().st_mtime_ns for p in (folder / "store").rglob("*") if p.is_file() and p.suffix != ".lock"}
    again = bsa("run", "--store", folder / "store", "--out", folder / "again")
    after = {p: p.stat().st_mtime_ns for p in (folder / "store").rglob("*") if p.is_file() and p.suffix != ".lock"}
    assert before == after
    assert "done in" not in again.stderr
    assert table(folder) == json.loads((folder / "again" / "success_table.json").read_text())["networks"]["main"]
    shown = bsa("show", "--store", folder / "store", "--out", folder / "again")
    assert shown.stdout == again.stdout


def test_as_tasks_of_ray_it_gives_the_same_table(undisturbed, tmp_path):
    pytest.importorskip("ray", reason='Ray is not installed: pip install "bsa[ray]"')
    bsa("run", "--executor", "ray", *without_checks(tmp_path))
    assert [rates(cell) for cell in table(tmp_path)] == [rates(cell) for cell in table(undisturbed[0])]


def test_on_two_devices_it_gives_the_same_table_but_for_chance(undisturbed, tmp_path):
    """Another rounding makes another network in 600 steps of signs: measured, 4 of 100 images and 0.4 % accuracy."""
    bsa("run", "--strategy", "mirrored", *without_checks(tmp_path))
    for ours, theirs in zip(table(tmp_path), table(undisturbed[0]), strict=True):
        for one, other in zip(rates(ours), rates(theirs), strict=True):
            assert other["interval"][0] <= one["percent"] <= other["interval"][1]


def without_checks(folder):
    return ["--set", "sanity=false", "--store", folder / "store", "--out", folder / "out"]


def rates(cell):
    """The accuracy of a cell and its success rates."""
    return [cell["accuracy"], *(rate for found in cell["attacks"].values() for rate in found["success"])]


def test_plan_tells_what_the_store_holds(undisturbed):
    rows = json.loads(bsa("plan", "--store", undisturbed[0] / "store", "--format", "json").stdout)
    assert {row["state"] for row in rows} == {"stored"}
    changed = ["plan", "--store", undisturbed[0] / "store", "--set", "attack.0.epsilon=0.05"]
    rows = json.loads(bsa(*changed, "--format", "json").stdout)
    assert [row["state"] for row in rows].count("to do") == 4  # three cells, and the checks
    assert rows[0]["passes"] == 600 * 128 * 8


KILLED = """
import os, signal, sys
from bsa import cli, progress
from bsa.train import _checkpoint

kind, at = sys.argv.pop(1), int(sys.argv.pop(1))
_checkpoint.SECONDS_BETWEEN = 0.0
began = progress.Display.began

def kill_in_time(self, stage):
    report = began(self, stage)
    def progressed(done, total, **metrics):
        report(done, total, **metrics)
        if stage.kind == kind and done >= at:
            os.kill(os.getpid(), signal.SIGKILL)
    return progressed

progress.Display.began = kill_in_time
cli.main()
"""


def run_and_kill(kind, at, *words):
    """The quick start, which kills itself with SIGKILL once a stage of that kind reports `at` steps or images."""
    _, _, _, *rest = command("run", *words)
    process = subprocess.run([sys.executable, "-c", KILLED, kind, str(at), *rest], capture_output=True)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()


def test_killed_in_training_and_in_an_attack_it_gives_the_same_to_the_bit(undisturbed, tmp_path):
    store, where = Store(tmp_path / "store"), without_checks(tmp_path)
    stages = plan.stages(UNCHECKED, run.describe(UNCHECKED))
    network = stages[0]
    attack = next(s for s in stages if s.kind == "attack")
    run_and_kill("network", 300, *where)
    assert (store.part(network.key) / WORK / "checkpoint.npz").is_file()
    assert network.key not in store
    run_and_kill("attack", 32, *where)
    assert network.key in store
    assert [p.name for p in (store.part(attack.key) / WORK).glob("chunk_*")] == ["chunk_0000.npz"]
    done = bsa("run", *where)
    assert re.search(r"stored: network main", done.stderr)
    ours, theirs = (results(at, UNCHECKED) for at in (store.root, undisturbed[0] / "store"))
    for a, b in zip(ours.all, theirs.all, strict=True):
        assert a.record["key"] == b.record["key"]
        assert a.record["metrics"] == b.record["metrics"]
        for file in a.folder.glob("*.npz"):
            x, y = a.arrays(file.name), b.arrays(file.name)
            for name in x:
                np.testing.assert_array_equal(x[name], y[name])
    nets = [keras.saving.load_model(r.find(kind="network")[0].folder / "network.keras") for r in (ours, theirs)]
    for x, y in zip(*(net.get_weights() for net in nets), strict=True):
        np.testing.assert_array_equal(x, y)


def attack_stage(store, batch_size):
    """The quick start's first corner_descent and the folders it needs, with another size of batches."""
    stages = plan.stages(QUICKSTART, run.describe(QUICKSTART))
    stage = next(s for s in stages if s.component["name"] == "corner_descent")
    attack = stage.component | {"params": stage.component["params"] | {"batch_size": batch_size}}
    return stage._replace(component=attack), [store.path(need) for need in stage.needs]


def same_arrays(one, other):
    with np.load(one / "attack.npz") as a, np.load(other / "attack.npz") as b:
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_an_attack_goes_on_from_its_finished_chunks(undisturbed, tmp_path):
    from bsa import stages

    stage, needs = attack_stage(Store(undisturbed[0] / "store"), 15)
    whole, half = tmp_path / "whole", tmp_path / "half"
    for part in (whole, half):
        (part / WORK).mkdir(parents=True)
    stages.compute(stage, needs, whole, stages.Desk())

    class Killed(Exception):
        pass

    def kill(done, total, **_):
        if done == 60:  # two chunks of 30 are saved
            raise Killed

    with pytest.raises(Killed):
        stages.compute(stage, needs, half, stages.Desk(progress=kill))
    assert len(list((half / WORK).glob("chunk_*"))) == 2
    kept = {p: p.stat().st_mtime_ns for p in (half / WORK).glob("chunk_*")}
    seen = []
    stages.compute(stage, needs, half, stages.Desk(progress=lambda done, total, **_: seen.append(done)))
    assert seen == sorted(seen)
    assert seen[0] == 60
    assert seen[-1] == 100
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    (half / WORK / "chunk_0003.npz").write_bytes((half / WORK / "chunk_0001.npz").read_bytes())
    stages.compute(stage, needs, half, stages.Desk())  # a chunk of other images is not taken for this one
    same_arrays(whole, half)


def test_an_attack_goes_on_within_a_chunk(undisturbed, tmp_path, monkeypatch):
    from bsa import stages
    from bsa.attacks import _searches

    stage, needs = attack_stage(Store(undisturbed[0] / "store"), 50)  # one chunk
    whole, half = tmp_path / "whole", tmp_path / "half"
    for part in (whole, half):
        (part / WORK).mkdir(parents=True)
    stages.compute(stage, needs, whole, stages.Desk())
    monkeypatch.setattr(_searches, "UNSAVED", -1.0)  # saves at every turn
    killed_at = []

    def kill(done, total, **_):
        if done > 20:
            killed_at.append(done)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stages.compute(stage, needs, half, stages.Desk(progress=kill))
    assert [p.name.split(".")[0] for p in (half / WORK).iterdir()] == ["chunk_0000"]  # a search of it alone
    seen = []
    stages.compute(stage, needs, half, stages.Desk(progress=lambda done, total, **_: seen.append(done)))
    assert seen == sorted(seen)
    assert killed_at[0] == seen[0] < seen[-1] == 100
    assert [p.name for p in (half / WORK).iterdir()] == ["chunk_0000.npz"]
    same_arrays(whole, half)
