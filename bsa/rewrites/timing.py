"""Which of two equivalent kernels is faster on this machine: by timing, or as the environment says."""

import os
import threading
import time

VARIABLE = "BSA_KERNELS"  # "quick": ours wherever they fit; "tensorflow": its own; by default what timing says
SETTINGS = ("quick", "tensorflow")
LOCK = threading.Lock()  # one timing at a time: another thread's would count into it
_found = {}  # of this process: the ratio of each pair that was timed, by its name


def setting():
    """Which kernels the environment variable BSA_KERNELS asks for, None for those that timing finds quicker.

    With it another run takes the same kernels, and so gives the same bits, whatever its processor was busy with.
    Raises ValueError for another value; `backend.check` says so before anything is computed.
    """
    value = os.environ.get(VARIABLE) or None
    if value not in (None, *SETTINGS):
        raise ValueError(f"expected {VARIABLE} to be {' or '.join(SETTINGS)}, or not set, found {value}")
    return value


def once(name, pair):
    """The `ratio` of the two functions that `pair()` gives, timed once a process and kept by `name`."""
    with LOCK:  # all threads go by the same figure
        if name not in _found:
            _found[name] = ratio(*pair())
        return _found[name]


def found():
    """The ratios that were timed so far, by name."""
    return dict(_found)


def ratio(run, other):
    """How many times as long as `other()` the function `run()` takes.

    The least of several times, of both in turn: on a busy machine equal speeds shall come out as such.
    """
    spent = [[], []]
    for _ in range(7):
        for function, seconds in zip((run, other), spent, strict=True):
            began = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - began)
    return min(spent[0]) / min(spent[1])
