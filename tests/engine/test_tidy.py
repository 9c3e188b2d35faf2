"""What is deleted from a store: nothing that is needed, begun lately, or worked on."""

import contextlib
import os
import time

import filelock

from bsa.engine import tidy
from bsa.engine.store import RECORD, Store, key_of


def stored(store, title, *needs):
    """The key of an artefact that is put into the store."""
    record = {"kind": "sanity", "component": {"name": title}, "params": {}, "needs": list(needs)}
    record |= {"key": key_of(record), "metrics": {}, "title": title}
    with store.begin(record["key"]) as part:
        (part / "a.txt").write_text("a" * 1000)
        store.commit(record["key"], record)
    return record["key"]


def begun(store, key, days=0):
    """The key of a stage that a run was killed at, so many days ago."""
    with store.begin(key) as part:
        (part / "work" / "half").write_text("half")
    then = time.time() - 86400 * days
    for place in [part, *part.rglob("*")]:
        os.utime(place, (then, then))
    return key


def keys(entries):
    return {entry.key for entry in entries}


def test_entries_say_what_there_is(tmp_path):
    store = Store(tmp_path)
    network = stored(store, "network main")
    attack = stored(store, "attack", network)
    half = begun(store, "a" * 64)
    (tmp_path / f"{'b' * 64}.lock").touch()
    (tmp_path / "notes.txt").write_text("of somebody's")
    found = {entry.key: entry for entry in tidy.entries(store)}
    assert {key: entry.state for key, entry in found.items()} == {
        network: "stored",
        attack: "stored",
        half: "begun",
        "b" * 64: "left over",
    }
    assert found[attack].needs == (network,)
    assert found[network].title == "network main"
    assert found[network].bytes == sum(file.stat().st_size for file in store.path(network).iterdir())
    assert not any(entry.running for entry in found.values())


def test_garbage_is_what_the_kept_do_not_reach(tmp_path):
    store = Store(tmp_path)
    network = stored(store, "network")
    attack, other = stored(store, "attack", network), stored(store, "other")
    half, mine = begun(store, "a" * 64), begun(store, "b" * 64)
    found = tidy.entries(store)
    assert keys(tidy.garbage(found, [attack, mine], None)) == {other, half}
    assert tidy.garbage(found, [attack, mine], 1) == []  # all of it is of today


def test_without_specs_to_keep_nothing_stored_is_garbage_nor_what_was_begun_lately(tmp_path):
    store = Store(tmp_path)
    stored(store, "network")
    begun(store, "a" * 64)
    old = begun(store, "b" * 64, days=tidy.STALE + 1)
    (tmp_path / f"{'c' * 64}.lock").touch()
    assert keys(tidy.garbage(tidy.entries(store), [], None)) == {old, "c" * 64}
    assert keys(tidy.garbage(tidy.entries(store), [], 1000)) == {"c" * 64}


def test_what_is_worked_on_is_not_deleted_and_what_is_stored_stays_meanwhile(tmp_path):
    store = Store(tmp_path)
    network = stored(store, "network")
    with store.begin("a" * 64) as part:
        (part / "half").write_text("half")
        store.lock("a" * 64).unlink()  # somebody tidied by hand: the folder is locked itself
        found = tidy.entries(store)
        (running,) = [entry for entry in found if entry.running]
        assert running.key == "a" * 64
        assert not tidy.remove(store, running)
        assert (part / "half").exists()
        assert tidy.garbage(found, ["b" * 64], None) == []  # the run may need the network
    with filelock.FileLock(store.lock(network)):
        (held,) = [entry for entry in tidy.entries(store) if entry.key == network]
        assert held.running
        assert not tidy.remove(store, held)
        assert network in store


def test_what_is_removed_is_gone_with_its_lock_and_the_record_goes_first(tmp_path, monkeypatch):
    store = Store(tmp_path)
    key = stored(store, "network")
    store.lock(key).touch()  # of an earlier version
    (entry,) = tidy.entries(store)
    monkeypatch.setattr(tidy.shutil, "rmtree", lambda folder: [].pop())  # killed before the folder goes
    with contextlib.suppress(IndexError):
        tidy.remove(store, entry)
    assert not (store.path(key) / RECORD).exists()
    monkeypatch.undo()
    assert tidy.remove(store, *tidy.entries(store))
    assert list(tmp_path.iterdir()) == []


def test_lock_files_of_stored_stages_go(tmp_path):
    store = Store(tmp_path)
    key = stored(store, "network")
    store.lock(key).touch()
    assert tidy.unlock(store, tidy.entries(store)) == 1
    assert [file.name for file in tmp_path.iterdir()] == [key]
