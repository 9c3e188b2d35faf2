"""Several devices: what they compute together agrees with one device, and what they lose comes back.

Two parts of the processor stand for two GPUs, two processes on loopback for two machines. TensorFlow's devices are
chosen once a process: hence the subprocesses.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from bsa import spec
from bsa.devices import cluster
from bsa.devices import strategy as devices
from bsa.engine import pieces, run
from bsa.engine.store import Store
from bsa.errors import BsaError, UsageError
from bsa.execution import Execution
from bsa.search.ledger import Attacked

SMALL = [
    "train.steps=24", "train.epsilon_warmup=8", "blind_spot.cells=[[1,0]]", 'report=[{"name":"success_table"}]',
    'attack=[{"name":"pgd","epsilon":0.1,"thresholds":["epsilon","scale*epsilon"],"steps":10,"images":48}]',
    "sanity=false",
    'certify={"name":"outer_polytope","epsilon":0.1,"images":250,"tolerance":null}',
    "invariant.challenge=40",
    'measures=[{"name":"accuracy","images":500},{"name":"nearest","layer":"embedding","k":[5]}]',
]  # fmt: skip
pytestmark = pytest.mark.usefixtures("same_kernels")
# Trains a network without batch norm, in parts of a batch, and one with it, on one device and on two: the largest
# differences. Then computes the stages after the network of a finished run again, on two devices, into another folder.
# Then runs the quick start from its beginning, with the cheapest of these stages.
TWO = """
import json, sys
from pathlib import Path

import keras
import numpy as np

import bsa
from bsa import cli, spec, train
from bsa.devices import strategy as devices
from bsa.engine import run, stages
from bsa.engine.store import Store
from bsa.execution import Execution
from bsa.spec import parameters

store, folder, small = Store(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
data = bsa.load("digits", split="train")
two = devices.find("mirrored", 2)

def trained(norm, devices, **params):
    keras.utils.set_random_seed(3)
    layers = keras.layers
    parts = [layers.Conv2D(4, 5, strides=2), *([layers.BatchNormalization()] if norm else []), layers.ReLU()]
    model = keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Flatten(), layers.Dense(10)])
    params = {"steps": 8, "batch_size": 32, "epsilon": 0.1, "attack_steps": 2} | params
    params |= {"optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 1e-3, "augmentation": "flip_and_crop"}
    params = parameters("train", "adversarial", params)
    history = train.run("adversarial", model, data, seed=5, devices=devices, **params)
    return [*model.get_weights(), *history.values()]

apart = []
moved = {"chain": ["scale_shift"], "ranges": {"scale": [0.65, 1]}}
for norm, params in ((False, {"gradient_accumulation": 2, "transform": moved}), (True, {})):
    one, both = trained(norm, devices.ONE, **params), trained(norm, two, **params)
    apart.append(max(float(np.abs(a - b).max()) for a, b in zip(one, both, strict=True)))

desk = stages.Desk(devices=two, execution=Execution(8))
for stage in run.planned(spec.load("quickstart", small)):
    if stage.kind in ("attack", "certify", "invariant", "measure"):
        (folder / "again" / stage.key / "work").mkdir(parents=True)
        needs = [store.path(need) for need in stage.needs]
        stages.compute(stage, needs, folder / "again" / stage.key, desk)
models = desk.replicas(needs[0])
places = [m.variables[0].value.device[-1] for m in models]
(folder / "told.json").write_text(json.dumps({"apart": apart, "places": places}))

assert devices.find("mirrored") is two  # two of them in one process would take each other's sums for their own
cheap = [change for change in small if not change.startswith(("attack", "certify", "invariant", "measures"))]
cheap += ['attack=[{"name":"pgd","epsilon":0.1,"steps":2,"images":16}]', "strategy=mirrored"]
changes = [word for change in cheap for word in ("--set", change)]
cli.main(["run", "quickstart", *changes, "--store", str(folder / "store"), "--out", str(folder / "out")])
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory, quiet):
    """A small run on one device: its store."""
    store = tmp_path_factory.mktemp("alone")
    run.run(spec.load("quickstart", SMALL), Store(store), execution=Execution(8), seen=quiet)
    return store


@pytest.fixture(scope="module")
def two(alone, tmp_path_factory):
    """The same on two devices, in one process: the folder with what it stored, and what it told."""
    folder = tmp_path_factory.mktemp("two")
    done = subprocess.run([sys.executable, "-c", TWO, alone, folder, *SMALL], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, json.loads((folder / "told.json").read_text())


def test_two_devices_train_what_one_trains(two):
    """The same draws, the batch's statistics, and gradients summed in another order.

    Measured: 2.4e-7 without batch norm (in a loss of 6), 1.1e-4 with it, whose two ways to compute a variance differ
    in rounding, so that signs of gradients near 0 flip. Other draws, or statistics of half the batch, give over 0.01.
    """
    plain, norm = two[1]["apart"]
    assert plain < 5e-6
    assert norm < 1e-3


def command(folder, *words):
    changes = [word for change in SMALL for word in ("--set", change)]
    return [sys.executable, "-m", "bsa", "run", "quickstart", "--store", folder / "store", "--out", folder / "out",
            *changes, *words]  # fmt: skip


def agree(one, two):
    """Other draws show at the first step. Rounding grows, by signs of gradients near 0 that flip and by Adam:
    measured, relative, 1e-7 at the first 6 steps, 3e-6 at the 10th, 5e-3 at most up to the 24th."""
    np.testing.assert_allclose(one[:6], two[:6], rtol=1e-5)
    np.testing.assert_allclose(one, two, rtol=0.05)


def stages():
    return run.planned(spec.load("quickstart", SMALL))


def arrays(folder, kind):
    with np.load(folder / f"{kind}.npz") as saved:
        return dict(saved)


def test_chunks_shared_by_devices_are_those_of_one(alone, two):
    folder, told = two
    assert told["places"] == ["0", "1"]  # each device holds the network
    compared = [stage for stage in stages() if stage.kind in ("attack", "certify", "measure")]
    assert len(compared) == 4
    for stage in compared:
        place = folder / "again" / stage.key
        one, other = arrays(Store(alone).path(stage.key), stage.kind), arrays(place, stage.kind)
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=f"{stage.title}: {name}")
        if stage.kind != "measure":
            assert len(list((place / "work").glob("chunk_*.npz"))) > 1


def test_the_quick_start_on_two_devices(alone, two):
    """Keys are the same, and so is the network to rounding; a strategy in the spec is in no key."""
    found = stages()
    assert {s.key for s in found} == {
        s.key for s in run.planned(spec.load("quickstart", [*SMALL, "strategy=mirrored"]))
    }
    one, other = (arrays(store.path(found[0].key), "history") for store in (Store(alone), Store(two[0] / "store")))
    agree(one["loss"], other["loss"])


def test_each_work_is_used_by_one_thread_at_a_time_and_errors_come_through(tmp_path):
    x, y, index = np.zeros((12, 2, 2, 1), np.float32), np.zeros(12, np.int32), np.arange(12)
    locks = [threading.Lock(), threading.Lock()]
    together = threading.Barrier(2, timeout=3600)  # broken rather than hanging for ever

    def work(lock, x, y, index):
        assert lock.acquire(blocking=False)
        together.wait()  # goes on only where both are at work
        lock.release()
        none = np.zeros(len(x))
        return Attacked(x, none > 0, index * 1.0, np.full(len(x), ""), none.astype(np.int32), none == 0)

    works = [lambda x, y, index, journal, lock=lock: work(lock, x, y, index) for lock in locks]
    told = []
    progress = lambda done, total, **_: told.append((done, total))  # noqa: E731
    found = pieces.run(works, Attacked, "success", x, y, index, 3, tmp_path, progress)
    np.testing.assert_array_equal(found.distance, index)
    assert told == [(0, 12), (3, 12), (6, 12), (9, 12), (12, 12)]

    def broken(x, y, index, journal):
        raise BsaError("no such luck")

    with pytest.raises(BsaError, match="no such luck"):
        pieces.run([broken, broken], Attacked, "success", x, y, index, 3, tmp_path / "other", None)


@pytest.mark.parametrize(
    "config", [None, "{}", "[1]", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}']
)
def test_a_cluster_that_is_none_is_an_error(monkeypatch, config):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(
        UsageError, match=r"expected the environment variable TF_CONFIG to be such as .*found (none|.+)$"
    ):
        cluster.place("multi_worker")
    assert cluster.place("mirrored") == cluster.place(None) == (0, 1)


KILLED = Path(__file__).parents[1] / "killed.py"


def workers(folder, killed=0):
    """Both workers of a run, to their ends: their exit codes and what they said. Worker 1 is killed at a step."""
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, two)]
    began = []
    for number in range(2):
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": number}}
        told = command(folder, "--strategy", "multi_worker")[3:]
        words = [sys.executable, "-P", KILLED, "network", killed * number, *told]
        environment = os.environ | {"TF_CONFIG": json.dumps(task)}
        began.append(subprocess.Popen(list(map(str, words)), env=environment, text=True, stderr=subprocess.PIPE))
    try:
        return [(process.returncode, said) for process in began for _, said in [process.communicate(timeout=3600)]]
    finally:
        for process in began:
            process.kill()  # one that hangs; nothing where it has ended


@pytest.mark.slow
def test_a_lost_worker_stops_the_other_and_both_go_on_from_the_checkpoint(alone, tmp_path):
    """TensorFlow notices a lost process within some 10 seconds. The resumed training is the undisturbed one's, bit for
    bit, and the one device's to rounding."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert [code for code, _ in workers(whole)] == [0, 0]
    (code, said), (killed, _) = workers(broken, killed=13)
    assert killed == -signal.SIGKILL
    assert code == 1
    assert "worker 0 of 2 lost another" in said
    assert "Start all of them again with the same command" in said
    network = stages()[0]
    with np.load(Store(broken / "store").part(network.key) / "work" / "checkpoint.npz") as saved:
        assert 1 <= saved["step"] <= 13
    assert [code for code, _ in workers(broken)] == [0, 0]
    one, undisturbed, resumed = (
        arrays(Store(store).path(network.key), "history") for store in (alone, whole / "store", broken / "store")
    )
    np.testing.assert_array_equal(undisturbed["loss"], resumed["loss"])
    agree(one["loss"], resumed["loss"])
    for store in (whole / "store", broken / "store"):
        assert all(stage.key in Store(store) for stage in stages())  # the first worker computed all the others


def test_devices_without_a_strategy_are_an_error():
    with pytest.raises(UsageError, match="expected a strategy, mirrored, with 2 devices, found none"):
        devices.find(None, 2)
