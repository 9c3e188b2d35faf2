"""Chunks of long work: what a killed run left is taken up where it is whole."""

import contextlib
from typing import NamedTuple

import filelock
import numpy as np
import pytest

from bsa import files as disk
from bsa.engine import pieces


class Found(NamedTuple):
    even: np.ndarray  # (n,) bool
    notes: tuple = ()


def run(folder):
    """What is found of the numbers 0 to 8, three at a time, and the numbers that were worked on."""
    worked = []

    def work(x, y, index, journal):
        worked.extend(index)
        return Found(index % 2 == 0)

    index = np.arange(9)
    found = pieces.run([work], Found, "even", index, index, index, 3, folder, None)
    return found.even.tolist(), worked


@pytest.mark.parametrize("harm", [lambda b: b"", lambda b: b[:-1], lambda b: b[:60] + bytes([b[60] ^ 1]) + b[61:]])
def test_a_damaged_chunk_alone_is_done_again(tmp_path, harm, capsys):
    even, worked = run(tmp_path)
    assert worked == list(range(9))
    assert run(tmp_path) == (even, [])
    file = tmp_path / "chunk_0001.npz"
    file.write_bytes(harm(file.read_bytes()))
    assert run(tmp_path) == (even, [3, 4, 5])
    assert f"{file} is damaged" in capsys.readouterr().err


def test_a_damaged_search_within_a_chunk_is_dropped(tmp_path, capsys):
    search = tmp_path / "chunk_0001.search_00.npz"
    search.write_bytes(b"")
    run(tmp_path)
    assert not search.exists()
    assert f"{search} is damaged" in capsys.readouterr().err


class Alone:
    """A pool without workers; `test_ray.py` has one with them."""

    helping = staticmethod(lambda *_: contextlib.nullcontext())
    told = staticmethod(lambda file: contextlib.nullcontext())


@pytest.mark.parametrize("lost", [False, True])
def test_a_chunk_that_another_process_is_at_is_left_to_it_unless_it_is_lost(tmp_path, lost):
    """The other one ends while the last chunk is worked on, with its chunk or without."""
    index, worked, other = np.arange(9), [], filelock.FileLock(tmp_path / "chunk_0000.lock")

    def work(x, y, index, journal):
        worked.extend(index)
        if 8 in index:
            if not lost:
                disk.keep(tmp_path / "chunk_0000.npz", {"even": np.ones(3, bool), "notes": (), "index": np.arange(3)})
            other.release()
        return Found(index % 2 == 0)

    other.acquire()
    found = pieces.run([work], Found, "even", index, index, index, 3, tmp_path, None, Alone)
    assert worked == [3, 4, 5, 6, 7, 8] + [0, 1, 2] * lost
    assert found.even[:3].tolist() == ([True, False, True] if lost else [True] * 3)
