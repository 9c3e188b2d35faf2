"""What is killed goes on: in training, between two chunks of an attack, within one."""

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from bsa import spec
from bsa.engine import run, stages
from bsa.engine.results import Results
from bsa.engine.seen import Seen
from bsa.engine.store import Store
from bsa.execution import Execution
from bsa.files import WORK
from bsa.search import journal

# The quick start with a network and attacks that need not be good; the first attack has two chunks.
SHORT = [
    "blind_spot.cells=[[0.9, 0.05]]", "train.steps=60", "train.epsilon_warmup=20", "train.attack_steps=2",
    'attack=[{"name": "pgd", "epsilon": 0.1, "steps": 10, "images": 40}, '
    '{"name": "corner_descent", "epsilon": 0.1, "effort": "quick", "images": 40, '
    '"leg": {"steps": 6, "targets": 0}, "resume": {"times": 0}, "give_up": {"near": null, "close": null}}]',
    "sanity=false", 'report=[{"name": "success_table"}]',
]  # fmt: skip
SPEC = spec.load("quickstart", SHORT)
pytestmark = pytest.mark.usefixtures("same_kernels")


class Quiet(Seen):
    """Nobody is told; `stored` are the kinds of stages that were there."""

    def __init__(self):
        self.stored = []

    def reused(self, stage):
        self.stored.append(stage.kind)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The store of an undisturbed run."""
    store = Store(tmp_path_factory.mktemp("whole"))
    run.run(SPEC, store, execution=Execution(16), seen=Quiet())
    return store


def results(store):
    return Results(SPEC, store, run.describe(SPEC))


KILLED = Path(__file__).parents[1] / "killed.py"


def run_and_kill(folder, kind, at):
    """The run as a process, which kills itself with SIGKILL once a stage of that kind reports `at` steps or images."""
    changes = (word for change in SHORT for word in ("--set", change))
    places = ["--store", folder / "store", "--out", folder / "out"]
    command = [
        sys.executable,
        "-P",
        KILLED,
        kind,
        str(at),
        "run",
        "quickstart",
        "--batch-size",
        "16",
        *changes,
        *places,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_killed_in_training_and_in_an_attack_it_gives_the_same_to_the_bit(whole, tmp_path):
    store = Store(tmp_path / "store")
    planned = run.planned(SPEC)
    network, attack = planned[0], next(s for s in planned if s.kind == "attack")
    run_and_kill(tmp_path, "network", 30)
    assert (store.part(network.key) / WORK / "checkpoint.npz").is_file()
    assert network.key not in store
    run_and_kill(tmp_path, "attack", 32)
    assert network.key in store
    assert [p.name for p in (store.part(attack.key) / WORK).glob("chunk_*")] == ["chunk_0000.npz"]
    seen = Quiet()
    run.run(SPEC, store, execution=Execution(16), seen=seen)
    assert "network" in seen.stored
    assert "attack" not in seen.stored
    ours, theirs = (results(at) for at in (store, whole))
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
    """The short run's first corner_descent, the folders it needs, and a desk with another size of batches."""
    stage = next(s for s in run.planned(SPEC) if s.component["name"] == "corner_descent")
    return stage, [store.path(need) for need in stage.needs], stages.Desk(execution=Execution(batch_size))


def same_arrays(one, other):
    with np.load(one / "attack.npz") as a, np.load(other / "attack.npz") as b:
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_an_attack_goes_on_from_its_finished_chunks(whole, tmp_path):
    stage, needs, desk = attack_stage(whole, 5)
    once, half = tmp_path / "once", tmp_path / "half"
    for part in (once, half):
        (part / WORK).mkdir(parents=True)
    stages.compute(stage, needs, once, desk)

    class Killed(Exception):
        pass

    def kill(done, total, **_):
        if done == 20:  # two chunks of 10 are saved
            raise Killed

    with pytest.raises(Killed):
        stages.compute(stage, needs, half, dataclasses.replace(desk, progress=kill))
    assert len(list((half / WORK).glob("chunk_*"))) == 2
    kept = {p: p.stat().st_mtime_ns for p in (half / WORK).glob("chunk_*")}
    seen = []
    desk = dataclasses.replace(desk, progress=lambda done, total, **_: seen.append(done))
    stages.compute(stage, needs, half, desk)
    assert seen == sorted(seen)
    assert seen[0] == 20
    assert seen[-1] == 40
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    (half / WORK / "chunk_0003.npz").write_bytes((half / WORK / "chunk_0001.npz").read_bytes())
    stages.compute(stage, needs, half, desk)  # a chunk of other images is not taken for this one
    same_arrays(once, half)


def test_an_attack_goes_on_within_a_chunk(whole, tmp_path, monkeypatch):
    stage, needs, desk = attack_stage(whole, 20)  # one chunk
    once, half = tmp_path / "once", tmp_path / "half"
    for part in (once, half):
        (part / WORK).mkdir(parents=True)
    stages.compute(stage, needs, once, desk)
    monkeypatch.setattr(journal, "UNSAVED", -1.0)  # saves at every turn
    killed_at = []

    def kill(done, total, **_):
        if done > 10:
            killed_at.append(done)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stages.compute(stage, needs, half, dataclasses.replace(desk, progress=kill))
    assert [p.name.split(".")[0] for p in (half / WORK).iterdir()] == ["chunk_0000"]  # a search of it alone
    seen = []
    desk = dataclasses.replace(desk, progress=lambda done, total, **_: seen.append(done))
    stages.compute(stage, needs, half, desk)
    assert seen == sorted(seen)
    assert killed_at[0] == seen[0] < seen[-1] == 40
    assert [p.name for p in (half / WORK).iterdir()] == ["chunk_0000.npz"]
    same_arrays(once, half)
