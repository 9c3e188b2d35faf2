"""The store: a folder that exists is whole, and nothing is lost."""

import contextlib
import errno
import os
import subprocess
import sys
import threading

import pytest

from bsa.engine.store import Store, key_of
from bsa.errors import StoreError
from bsa.files import WORK, write, write_json


def record_of(**more):
    """A record whose key is that of what it says, as a stage's."""
    record = {"kind": "sanity", "component": {"name": "sanity"}, "params": {}, "needs": [], "metrics": {}} | more
    return record | {"key": key_of(record)}


RECORD = record_of(metrics={"radius": 0.0597})
KEY = RECORD["key"]


def stored(folder, record=RECORD, files=("a.txt",)):
    """A store that holds one artefact of these files."""
    store = Store(folder)
    with store.begin(record["key"]) as part:
        for name in files:
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_text("a")
        store.commit(record["key"], record)
    return store


def test_commit_seals_the_files_and_drops_the_work(tmp_path):
    store = Store(tmp_path)
    with store.begin(KEY) as part:
        (part / "a.txt").write_text("a")
        (part / WORK / "checkpoint").write_text("c")
        assert KEY not in store
        store.commit(KEY, RECORD)
    assert KEY in store
    found = store.record(KEY)
    assert {k: v for k, v in found.items() if k in RECORD} == RECORD
    assert list(found["files"]) == ["a.txt"]
    assert sorted(p.name for p in store.path(KEY).iterdir()) == ["a.txt", "record.json"]
    assert not store.part(KEY).exists()


def test_an_interrupted_stage_finds_its_work_again(tmp_path):
    store = Store(tmp_path)
    with store.begin("k") as part:
        (part / WORK / "checkpoint").write_text("half")  # and no commit, as when a run fails
    assert "k" not in store
    with store.begin("k") as part:
        assert (part / WORK / "checkpoint").read_text() == "half"


def test_what_a_killed_writer_left_is_never_part_of_an_artefact(tmp_path):
    store = Store(tmp_path)
    with store.begin(KEY) as part:
        for name in ("record.json.tmp", ".1_ab.tmp", f"{WORK}/.1_cd.tmp"):
            (part / name).write_text("{")
    with store.begin(KEY) as part:
        assert [p.name for p in part.rglob("*")] == [WORK]
        (part / "record.json.tmp").write_text("{")
        store.commit(KEY, RECORD)
    assert store.record(KEY)["files"] == {}
    assert sorted(p.name for p in store.path(KEY).iterdir()) == ["record.json"]


def test_work_that_a_late_kill_left_goes_at_the_next_visit(tmp_path):
    store = stored(tmp_path)
    (store.path(KEY) / WORK).mkdir()
    (store.path(KEY) / WORK / "checkpoint").write_text("c")
    store.record(KEY)
    assert not (store.path(KEY) / WORK).exists()


def test_a_folder_without_a_record_is_no_artefact_and_in_nobodys_way(tmp_path):
    store = Store(tmp_path)
    store.path(KEY).mkdir()
    (store.path(KEY) / "half").write_text("")
    assert list(stored(tmp_path).record(KEY)["files"]) == ["a.txt"]


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "{}", '"a"', "[" * 100_000, "\N{BELL}"])
def test_a_record_that_is_none_is_an_error(tmp_path, text):
    store = stored(tmp_path)
    (store.path(KEY) / "record.json").write_text(text)
    with pytest.raises(StoreError, match=r"record\.json is damaged: .*Delete the folder"):
        store.record(KEY)


def test_every_changed_byte_of_a_record_is_found_or_changes_nothing(tmp_path):
    store = stored(tmp_path)
    file, whole = store.path(KEY) / "record.json", store.record(KEY)
    content = file.read_bytes()
    for at in range(len(content)):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with contextlib.suppress(StoreError):
            assert store.record(KEY) == whole  # a blank became another
    file.write_bytes(content.replace(b"0.0597", b"0.9597"))
    with pytest.raises(StoreError, match="expected sha256"):
        store.record(KEY)


def test_a_record_without_its_own_sum_is_read_but_checked_by_its_key_and_files(tmp_path):
    """As records were written once."""
    record = record_of(kind="attack", title="t", versions={}, seconds=1.0, peak_memory_bytes=1)
    store, key = stored(tmp_path, record, ["attack.npz"]), record["key"]
    file, found = store.path(key) / "record.json", store.record(key)
    del found["sha256"]
    write_json(file, found)
    assert store.record(key) == found
    for change, message in (
        ({"files": {}}, "expected attack.npz among its files"),
        ({"params": {"epsilon": 1}}, "expected what it says was computed to have the key"),
        ({"files": None}, 'expected objects as its "files"'),
        ({"processor": "x"}, 'expected its own "sha256" beside processor'),
    ):
        write_json(file, found | change)
        with pytest.raises(StoreError, match=message):
            store.record(key)


def test_artefacts_whose_folders_were_exchanged_are_found_out(tmp_path):
    one, two = (record_of(params={"cell": n}) for n in range(2))
    store = stored(tmp_path, one)
    stored(tmp_path, two)
    store.path(one["key"]).rename(tmp_path / "aside")
    store.path(two["key"]).rename(store.path(one["key"]))
    (tmp_path / "aside").rename(store.path(two["key"]))
    for each in (one, two):
        with pytest.raises(StoreError, match="was the folder renamed"):
            store.record(each["key"])


@pytest.mark.parametrize("harm", [lambda f: f.write_text("b"), lambda f: f.unlink()])
def test_a_damaged_artefact_is_an_error_that_says_what_to_do(tmp_path, harm):
    store = stored(tmp_path)
    harm(store.path(KEY) / "a.txt")
    with pytest.raises(StoreError, match=r"a\.txt is damaged: expected sha256 .*Delete the folder"):
        store.record(KEY)


def test_a_log_for_people_is_no_part_of_what_is_checked(tmp_path):
    store = stored(tmp_path, files=["a.txt", "tensorboard/events"])
    (store.path(KEY) / "tensorboard/events").write_text("b")
    assert list(store.record(KEY)["files"]) == ["a.txt"]


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
from bsa.engine.store import Store
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


def test_a_lock_that_is_deleted_while_it_is_held_lets_nobody_in(tmp_path):
    store, told, seen = Store(tmp_path), threading.Event(), []

    def second():
        with Store(tmp_path).begin(KEY, told.set):
            seen.append(KEY in store)

    with store.begin(KEY) as part:
        (tmp_path / f"{KEY}.lock").unlink()
        other = threading.Thread(target=second)
        other.start()
        assert told.wait(60)
        assert not seen
        (part / "a.txt").write_text("a")
        store.commit(KEY, RECORD)
    other.join()
    assert seen == [True]


@pytest.mark.parametrize("number", range(4))
def test_a_disk_that_is_full_at_any_sync_of_a_commit_loses_nothing(tmp_path, monkeypatch, number):
    store, calls, fsync = Store(tmp_path), [], os.fsync

    def failing(handle):
        calls.append(handle)
        if len(calls) > number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    with store.begin(KEY) as part:
        (part / "a.txt").write_text("a")
        (part / WORK / "checkpoint").write_text("c")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", failing)
            with pytest.raises(StoreError, match="No space left on device"):
                store.commit(KEY, RECORD)
    with store.begin(KEY) as part:
        if KEY not in store:  # the last sync is of what has been committed
            assert (part / WORK / "checkpoint").read_text() == "c"
            store.commit(KEY, RECORD)
    assert list(store.record(KEY)["files"]) == ["a.txt"]
    assert sorted(p.name for p in store.path(KEY).iterdir()) == ["a.txt", "record.json"]
