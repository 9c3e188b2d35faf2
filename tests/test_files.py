"""Files: whole or absent, damage found, errors of the disk in a sentence."""

import builtins
import errno
import os
import threading

import numpy as np
import pytest

from bsa.errors import StoreError
from bsa.files import clean, keep, recall, write

ARRAYS = {"x": np.arange(6.0).reshape(2, 3), "name": np.array("n")}


def same(found):
    return found.keys() == ARRAYS.keys() and all(np.array_equal(found[k], ARRAYS[k]) for k in ARRAYS)


def test_what_is_kept_is_recalled(tmp_path):
    keep(tmp_path / "a.npz", ARRAYS)
    assert same(recall(tmp_path / "a.npz"))
    assert recall(tmp_path / "b.npz") is None
    with np.load(tmp_path / "a.npz") as saved:  # any other tool reads it, too
        assert same(dict(saved))


def test_every_changed_byte_of_a_kept_file_is_found_said_and_dropped(tmp_path, capsys):
    file = tmp_path / "a.npz"
    keep(file, ARRAYS)
    content = file.read_bytes()
    for at in range(len(content)):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert recall(file) is None
        assert not file.exists()
    assert capsys.readouterr().err.count("is damaged: removed, its work is done again\n") == len(content)


@pytest.mark.parametrize("content", [b"", b"\0", b"\x93NUMPY", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_was_never_kept_is_dropped(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    assert recall(tmp_path / "a.npz") is None
    assert not (tmp_path / "a.npz").exists()


def test_a_file_under_anothers_name_is_dropped(tmp_path):
    keep(tmp_path / "a.npz", ARRAYS)
    (tmp_path / "a.npz").rename(tmp_path / "b.npz")
    assert recall(tmp_path / "b.npz") is None


def test_two_writers_of_one_file_are_in_nobodys_way(tmp_path):
    both = threading.Barrier(2)

    def writer(text):
        def write_it(file):
            file.write(text[:1])
            both.wait()  # both are half way
            file.write(text[1:])

        write(tmp_path / "f", write_it)

    threads = [threading.Thread(target=writer, args=(text * 100,)) for text in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "f").read_bytes() in (b"a" * 100, b"b" * 100)
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "in").mkdir()
    for name in (".1_a.tmp", "in/record.json.tmp", "in/tmp", "a.txt"):
        (tmp_path / name).write_text("")
    clean(tmp_path)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == ["a.txt", "in", "in/tmp"]


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_fails_at_any_call_is_one_sentence_and_leaves_the_old_file(tmp_path, monkeypatch, call, number):
    file, opened = tmp_path / "f", builtins.open
    write(file, lambda out: out.write(b"old"))

    def fail(*words, **how):
        raise OSError(number, os.strerror(number))

    def failing(*words, **how):
        made = opened(*words, **how)
        made.close()
        return opened("/dev/full", "wb")  # a disk without room

    if call == "write" and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    where, name, instead = {
        "open": (builtins, "open", fail),
        "write": (builtins, "open", failing),
        "fsync": (os, "fsync", fail),
        "replace": (os, "replace", fail),
    }[call]
    monkeypatch.setattr(where, name, instead)
    with pytest.raises(StoreError, match=rf"cannot write {file}: .*the same command goes on") as raised:
        write(file, lambda out: out.write(b"new" * 1000))
    monkeypatch.undo()
    assert (call == "write" and "No space left" in str(raised.value)) or os.strerror(number) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert file.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
