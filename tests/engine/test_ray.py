"""Stages as tasks of Ray on this machine: the plain run's results, workers killed at work, an error that arrives."""

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from bsa import spec
from bsa.cli import commands
from bsa.engine import ray as executor
from bsa.engine import run
from bsa.engine.display import Display
from bsa.engine.results import Results
from bsa.engine.store import Store
from bsa.errors import BsaError, UsageError
from bsa.execution import Execution
from bsa.report import render

pytest.importorskip("ray", reason='Ray is not installed: pip install "bsa[ray]"')
TRAIN = {"name": "adversarial", "steps": 60, "epsilon": 0.1, "epsilon_warmup": 20, "attack_steps": 2}
ATTACK = {"epsilon": 0.1, "thresholds": ["epsilon", "scale*epsilon"], "effort": "quick", "images": 12}
SPEC = {
    "name": "tasks",
    "data": {"name": "digits"},
    "networks": {
        "robust": {"model": {"name": "wong_small"}, "train": TRAIN},
        "natural": {"model": {"name": "wong_small"}, "train": {"name": "natural", "steps": 40}},
    },
    "blind_spot": {"cells": [[1, 0]]},
    "attack": [
        {"name": "pgd", "network": ["robust", "natural"], **ATTACK},
        {"name": "corner_descent", "network": "robust", **ATTACK},
    ],
    "measures": [{"name": "accuracy", "network": ["robust", "natural"], "images": 100}],
    "sanity": False,
}


pytestmark = pytest.mark.usefixtures("same_kernels")


@pytest.fixture(scope="module")
def plain(tmp_path_factory, quiet):
    """The results of the plain run."""
    folder = tmp_path_factory.mktemp("plain")
    run.run(spec.resolve(SPEC), Store(folder / "store"), execution=Execution(2), seen=quiet)
    return results(folder)


def results(folder):
    resolved = spec.resolve(SPEC)
    return Results(resolved, Store(folder / "store"), run.describe(resolved))


def words(folder, **change):
    """What follows `bsa` to run the spec, changed, by Ray."""
    folder.mkdir(exist_ok=True)
    (folder / "tasks.json").write_text(json.dumps(SPEC | change))
    places = ["--store", folder / "store", "--out", folder / "out"]
    return [str(word) for word in ["run", folder / "tasks.json", "--executor", "ray", "--batch-size", 2, *places]]


def call(words):
    return CliRunner().invoke(commands.main, words)


def same(ours, theirs, folder):
    """All arrays to the bit, and the tables but for what they cost."""
    for a, b in zip(ours.all, theirs.all, strict=True):
        for file in a.folder.glob("*.npz"):
            x, y = a.arrays(file.name), b.arrays(file.name)
            for name in x:
                np.testing.assert_array_equal(x[name], y[name], err_msg=f"{a.record['title']}: {name}")
    rows = [[table.rows for table in render(r, folder / "same") if hasattr(table, "rows")] for r in (ours, theirs)]
    assert rows[0] == rows[1]


def killed_once(at, folder):
    """A task as the executor's; the worker is killed at that step of the robust network's training, and then no more.

    A helper is killed, too, once, when it has saved a search of its first piece; the stage's own first piece waits
    until a helper is at work again. Functions within a function travel to the workers as they are; files in `folder`
    tell of the kills: "killed", "helper_killed" and "helper_again", which lists the searches that it found.
    """
    mark, lost, again = (folder / name for name in ("killed", "helper_killed", "helper_again"))

    def of_pieces(stage):
        """Whether it is the stage whose helper is killed."""
        return stage.component["name"] == "corner_descent" and stage.params["gain"] == 1

    def helper(pool, work, sent):
        import os
        import signal

        from ray import get

        from bsa import files
        from bsa.engine import pool as pools
        from bsa.search import journal

        def kept(path, arrays):
            keep(path, arrays)
            get(pool.board.__ray_ready__.remote())  # by now the board has been told that the piece began
            if not lost.exists():
                lost.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if not again.exists():
                again.write_text("\n".join(found))

        journal.UNSAVED, keep, files.keep = 0.0, files.keep, kept
        found = [file.name for file in sent[0][0].parent.glob("chunk_*.search_*")]
        pools._help(pool, work, sent)

    def task(stage, *given):
        import os
        import signal
        import time

        from bsa.engine import pieces, pool, ray
        from bsa.train import _checkpoint

        _checkpoint.SECONDS_BETWEEN = 0.0
        began, chunk, help = ray.Teller.began, pieces._chunk, pool._help

        def watched(self, stage):
            report = began(self, stage)

            def progress(done, total, **metrics):
                report(done, total, **metrics)
                if stage.title.startswith("network robust") and done == at and not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)

            return progress

        def waiting(*given):
            while not again.exists():
                time.sleep(0.05)
            return chunk(*given)

        ray.Teller.began = watched
        if of_pieces(stage):
            pieces._chunk, pool._help = waiting, helper
        try:
            ray._task(stage, *given)
        finally:
            ray.Teller.began, pieces._chunk, pool._help = began, chunk, help

    return task


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory):
    """The folder of a run by Ray with kills, what it printed, and what was told of the pieces of a stage, in order."""
    folder, told, piece = tmp_path_factory.mktemp("disturbed"), [], Display.piece

    def kept(display, stage, *what):
        if stage.component["name"] == "corner_descent" and stage.params["gain"] == 1:
            told.append(what)
        piece(display, stage, *what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Display, "piece", kept)
        patch.setattr(executor, "_task", killed_once(30, folder))
        done = call(words(folder))
    assert done.exit_code == 0, done.output
    return folder, done.output, told


def test_a_worker_killed_in_training_loses_nothing_and_the_results_are_the_plain_runs(plain, disturbed, tmp_path):
    folder, output, _ = disturbed
    assert (folder / "killed").is_file()
    assert "tasks: digits, network robust" in output
    same(plain, results(folder), tmp_path)
    (network,) = plain.find(kind="network", network="robust")
    (again,) = results(folder).find(kind="network", network="robust")
    assert first_steps(again.folder)[-1] > 0  # it went on, and did not begin anew
    assert first_steps(network.folder) == [0]


def test_pieces_of_one_stage_are_at_work_at_once_and_a_killed_helper_loses_nothing(plain, disturbed, tmp_path):
    """That the results are the plain run's to the bit, the test above says of all of them."""
    folder, output, told = disturbed
    assert (folder / "helper_killed").is_file()
    assert (folder / "helper_again").read_text().startswith("chunk_0001.search_")  # what was saved was there
    first, *_ = told  # the stage's own first piece, which waits for a helper
    assert first[:2] == ("began", "chunk_0000")
    meanwhile = told[1 : told.index(("ended", *first[1:]))]
    helpers = [who for what, piece, who in meanwhile if (what, piece) == ("began", "chunk_0001")]
    assert len(set(helpers)) == 2  # one was killed, and another took its place
    assert first[2] not in helpers
    assert f"chunk_0001 by {helpers[1]}: " in output


def first_steps(folder):
    """The first training step that each process wrote for TensorBoard, in order."""
    from tensorflow.compat.v1.train import summary_iterator

    files = sorted((folder / "tensorboard").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    firsts = [[event.step for event in summary_iterator(str(file)) if event.HasField("summary")] for file in files]
    return [steps[0] for steps in firsts if steps]


def test_a_stages_error_arrives_as_in_the_plain_run(tmp_path):
    diverging = {"robust": {"model": {"name": "wong_small"}, "train": TRAIN | {"learning_rate": 1e9}}}
    change = {"networks": diverging, "attack": ATTACK | {"name": "pgd"}, "measures": []}
    done = call(words(tmp_path, **change))
    assert done.exit_code == 1
    assert any(f"bsa: {told}" in done.output for told in ("the loss is", "a weight is no longer a number"))
    assert "A lower learning_rate" in done.output
    assert "Traceback" not in done.output


def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = call(words(tmp_path))
    assert done.exit_code == 2
    assert 'pip install "bsa[ray]"' in done.output


def test_stages_or_devices_are_shared_not_both(tmp_path):
    for option, told in (["--strategy", "mirrored"], "no strategy"), (["--devices", "2"], "no --devices"):
        done = call([*words(tmp_path), *option])
        assert done.exit_code == 2
        assert f"expected {told}" in done.output


def test_workers_of_a_cluster_that_is_there_are_not_ours_to_number(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    done = call([*words(tmp_path), "--workers", "3", "--ray-address", "auto"])
    assert done.exit_code == 2
    assert "--workers 3: expected none with a cluster of Ray that is there, found auto by --ray-address" in done.output
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    done = call([*words(tmp_path), "--workers", "3"])
    assert "found auto by the environment variable RAY_ADDRESS" in done.output


def test_options_of_ray_without_it_are_an_error(tmp_path):
    asked = words(tmp_path)
    at = asked.index("--executor")
    done = call([*asked[:at], *asked[at + 2 :], "--workers", "7", "--stage-gpus", "1"])
    assert done.exit_code == 2
    assert "expected --executor ray with --workers, --stage-gpus, found no executor" in done.output


def test_a_stage_that_no_machine_can_take_is_an_error_and_does_not_wait(tmp_path):
    done = call([*words(tmp_path), "--stage-gpus", "1"])
    assert done.exit_code == 2
    assert "GPUs of a stage, found" in done.output


@pytest.mark.parametrize("lost", ["WorkerCrashedError", "OutOfMemoryError"])
def test_a_worker_that_is_lost_again_and_again_is_an_error_and_the_rest_is_cancelled(lost, quiet):
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
        executor._follow(Lost, {}, ["first", "second"], Board, quiet)
    assert Lost.cancelled == ["second"]


@pytest.mark.parametrize("address", ["nowhere", "http://127.0.0.1:8265", "127.0.0.1:9", "ray://127.0.0.1:9", "a b:1",
                                     "host:99999"])  # fmt: skip
@pytest.mark.parametrize("place", ["option", "environment"])
def test_an_address_without_a_cluster_is_a_sentence(address, place, tmp_path, monkeypatch):
    """Nothing listens at port 9; Ray itself would wait there for a minute."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    option = ["--ray-address", address] if place == "option" else []
    if place == "environment":
        monkeypatch.setenv("RAY_ADDRESS", address)
    done = call([*words(tmp_path), *option])
    assert done.exit_code == 2
    (line,) = done.output.splitlines()
    who = {"option": "bsa: --ray-address", "environment": "bsa: the environment variable RAY_ADDRESS"}[place]
    assert line.startswith(f"{who}: expected the address of a cluster of Ray")
    assert f"found {address}: " in line
    assert ("Unset it, or give --ray-address local" in line) == (place == "environment")


def test_local_starts_a_cluster_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    assert executor._address("local") == "local"
    with pytest.raises(UsageError, match="RAY_ADDRESS: expected"):
        executor._address("auto")
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert executor._address(None) == "auto"
    monkeypatch.setenv("RAY_ADDRESS", "")
    assert executor._address(None) == "local"
