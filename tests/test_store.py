"""The store: a folder that exists is whole, and nothing is lost."""

import subprocess
import sys

import pytest

from bsa.errors import StoreError
from bsa.store import WORK, Store, write


def test_commit_seals_the_files_and_drops_the_work(tmp_path):
    store = Store(tmp_path)
    with store.begin("k") as part:
        (part / "a.txt").write_text("a")
        (part / WORK / "checkpoint").write_text("c")
        assert "k" not in store
        store.commit("k", {"metrics": 1})
    assert "k" in store
    assert store.record("k") == {"metrics": 1, "files": {"a.txt": store.record("k")["files"]["a.txt"]}}
    assert sorted(p.name for p in store.path("k").iterdir()) == ["a.txt", "record.json"]
    assert not store.part("k").exists()


def test_an_interrupted_stage_finds_its_work_again(tmp_path):
    store = Store(tmp_path)
    with store.begin("k") as part:
        (part / WORK / "checkpoint").write_text("half")  # and no commit, as when a run fails
    assert "k" not in store
    with store.begin("k") as part:
        assert (part / WORK / "checkpoint").read_text() == "half"


def test_a_folder_without_a_record_is_no_artefact_and_in_nobodys_way(tmp_path):
    store = Store(tmp_path)
    store.path("k").mkdir()
    (store.path("k") / "half").write_text("")
    with store.begin("k") as part:
        (part / "a.txt").write_text("a")
        store.commit("k", {})
    assert list(store.record("k")["files"]) == ["a.txt"]


def test_a_damaged_record_is_an_error(tmp_path):
    store = Store(tmp_path)
    with store.begin("k"):
        store.commit("k", {})
    (store.path("k") / "record.json").write_text("{")
    with pytest.raises(StoreError, match=r"record\.json is damaged"):
        store.record("k")


@pytest.mark.parametrize("harm", [lambda f: f.write_text("b"), lambda f: f.unlink()])
def test_a_damaged_artefact_is_an_error_that_says_what_to_do(tmp_path, harm):
    store = Store(tmp_path)
    with store.begin("k") as part:
        (part / "a.txt").write_text("a")
        store.commit("k", {})
    harm(store.path("k") / "a.txt")
    with pytest.raises(StoreError, match=r"a\.txt is damaged: expected sha256 .*Delete the folder"):
        store.record("k")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    write(tmp_path / "f", lambda file: file.write(b"old"))

    def fail(file):
        file.write(b"new")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(tmp_path / "f", fail)
    assert (tmp_path / "f").read_bytes() == b"old"


def test_a_lock_keeps_two_processes_apart_and_dies_with_its_holder(tmp_path):
    code = f"""
import sys, time
from bsa.store import Store
with Store({str(tmp_path)!r}).begin("k"):
    print("held", flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    waited = []

    def waiting():
        waited.append(True)
        holder.kill()  # the lock must be free once its holder is gone, however it went
        holder.wait()

    with Store(tmp_path).begin("k", waiting):
        assert waited
    holder.stdout.close()


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Name another with --store"), Store(tmp_path / "file").begin("k"):
        pass
