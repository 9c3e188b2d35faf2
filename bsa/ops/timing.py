"""Which of two ways of computing the same is quicker on this machine."""

import threading
import time

LOCK = threading.Lock()  # one timing at a time: another thread's would count into it


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
