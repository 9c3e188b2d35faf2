"""Stages as tasks of Ray on this machine: the plain run's results, a worker killed at work, an error that arrives."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bsa import cli, executor, run, spec
from bsa.errors import BsaError
from bsa.report import render
from bsa.results import Results
from bsa.store import WORK, Store

pytest.importorskip("ray", reason='Ray is not installed: pip install "bsa[ray]"')
TRAIN = {"name": "adversarial", "steps": 160, "epsilon": 0.1, "epsilon_warmup": 60, "attack_steps": 7}
ATTACK = {"epsilon": 0.1, "thresholds": ["epsilon", "scale*epsilon"], "steps": 10, "images": 12}
SPEC = {
    "name": "tasks",
    "data": {"name": "digits"},
    "networks": {
        "robust": {"model": {"name": "wong_small"}, "train": TRAIN},
        "natural": {"model": {"name": "wong_small"}, "train": {"name": "natural", "steps": 40}},
    },
    "blind_spot": {"cells": [[1, 0], [0.9, 0.05]]},
    "attack": [
        {"name": "pgd", "network": ["robust", "natural"], **ATTACK},
        {"name": "corner_descent", "network": "robust", **ATTACK},
    ],
    "measures": [{"name": "accuracy", "network": ["robust", "natural"], "images": 100}],
    "sanity": False,
}


class Quiet:
    def began(self, stage):
        return lambda done, total, **_: None

    def reused(self, *_):
        pass

    waiting = ended = reused


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The results of the plain run."""
    folder = tmp_path_factory.mktemp("plain")
    run.run(spec.resolve(SPEC), Store(folder / "store"), seen=Quiet())
    return results(folder)


def results(folder):
    resolved = spec.resolve(SPEC)
    return Results(resolved, Store(folder / "store"), run.describe(resolved))


def command(folder, **change):
    folder.mkdir(exist_ok=True)
    (folder / "tasks.json").write_text(json.dumps(SPEC | change))
    places = ["--store", folder / "store", "--out", folder / "out"]
    return [sys.executable, "-m", "bsa", "run", folder / "tasks.json", "--executor", "ray", *places]


def same(ours, theirs, folder):
    """All arrays to the bit, and the tables but for what they cost."""
    for a, b in zip(ours.all, theirs.all, strict=True):
        for file in a.folder.glob("*.npz"):
            x, y = a.arrays(file.name), b.arrays(file.name)
            for name in x:
                np.testing.assert_array_equal(x[name], y[name], err_msg=f"{a.record['title']}: {name}")
    rows = [[table.rows for table in render(r, folder / "same") if hasattr(table, "rows")] for r in (ours, theirs)]
    assert rows[0] == rows[1]


def working():
    """The process numbers of Ray's workers that compute a stage."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().startswith(b"ray::_task"):
                yield int(entry.parent.name)
        except OSError:
            continue  # it has ended


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the worker in /proc")
def test_a_worker_killed_in_training_loses_nothing_and_the_results_are_the_plain_runs(plain, tmp_path):
    (network,) = plain.find(kind="network", network="robust")
    checkpoint = tmp_path / "store" / f"{network.folder.name}.part" / WORK / "checkpoint.npz"
    others, killed = set(working()), 0
    with subprocess.Popen(command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 120
        while not checkpoint.is_file():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "no checkpoint after two minutes"
            time.sleep(0.02)
        for worker in set(working()) - others:
            os.kill(worker, signal.SIGKILL)
            killed += 1
        said, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    assert killed
    assert "tasks: digits, network robust" in said
    same(plain, results(tmp_path), tmp_path)
    (again,) = results(tmp_path).find(kind="network", network="robust")
    assert first_steps(again.folder)[-1] > 0  # it went on, and did not begin anew
    assert first_steps(network.folder) == [0]


def first_steps(folder):
    """The first training step that each process wrote for TensorBoard, in order."""
    from tensorflow.compat.v1.train import summary_iterator

    files = sorted((folder / "tensorboard").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    firsts = [[event.step for event in summary_iterator(str(file)) if event.HasField("summary")] for file in files]
    return [steps[0] for steps in firsts if steps]


def test_a_stages_error_arrives_as_in_the_plain_run(tmp_path):
    diverging = {"robust": {"model": {"name": "wong_small"}, "train": TRAIN | {"learning_rate": 1e9}}}
    change = {"networks": diverging, "attack": ATTACK | {"name": "pgd"}, "measures": []}
    done = subprocess.run(command(tmp_path, **change), capture_output=True, text=True)
    assert done.returncode == 1
    # a checkpoint, saved as time goes, may meet the weights before the loss is looked at
    assert any(f"bsa: {told}" in done.stderr for told in ("the loss is nan", "a weight is no longer a number"))
    assert "A lower learning_rate" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    words = [str(word) for word in command(tmp_path)[3:]]
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 2
    assert 'pip install "bsa[ray]"' in done.output


def test_stages_or_devices_are_shared_not_both(tmp_path):
    words = [str(word) for word in command(tmp_path)[3:]]
    for option, told in (["--strategy", "mirrored"], "no strategy"), (["--devices", "2"], "no --devices"):
        done = CliRunner().invoke(cli.main, [*words, *option])
        assert done.exit_code == 2
        assert f"expected {told}" in done.output


def test_options_of_ray_without_it_are_an_error(tmp_path):
    words = [str(word) for word in command(tmp_path)[3:]]
    at = words.index("--executor")
    done = CliRunner().invoke(cli.main, [*words[:at], *words[at + 2 :], "--workers", "7", "--stage-gpus", "1"])
    assert done.exit_code == 2
    assert "expected --executor ray with --workers, --stage-gpus, found no executor" in done.output


def test_a_stage_that_no_machine_can_take_is_an_error_and_does_not_wait(tmp_path):
    done = subprocess.run([*command(tmp_path), "--stage-gpus", "1"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "GPUs of a stage, found" in done.stderr


@pytest.mark.parametrize("lost", ["WorkerCrashedError", "OutOfMemoryError"])
def test_a_worker_that_is_lost_again_and_again_is_an_error_and_the_rest_is_cancelled(lost):
    """Ray gives up after some times; a task that dies each time would take minutes here."""
    import ray

    class Lost:
        exceptions, cancelled = ray.exceptions, []

        def wait(left, **_):
            return left[:1], left[1:]

        def get(what):
            if what != "told":
                raise getattr(ray.exceptions, lost)("gone")
            return []

        def cancel(task, force):
            Lost.cancelled.append(task)

    class Board:
        class read:
            remote = staticmethod(lambda: "told")

    with pytest.raises(BsaError, match=r"lost 4 times \(" + lost):
        executor._follow(Lost, {}, ["first", "second"], Board, Quiet())
    assert Lost.cancelled == ["second"]
