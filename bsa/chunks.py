"""Work on many images in chunks, shared by devices; long work is saved as it goes, and a killed run goes on from it."""

import concurrent.futures
import functools
import operator
import queue

import numpy as np

from bsa import store
from bsa.attacks import join


def run(works, made, shown, x, y, index, size, folder, progress):
    """`work(x, y, index=index)` on `size` images at a time, joined; a chunk found in `folder` is not redone.

    `works` are as many equal ones as there are devices; each takes the next chunk when it is done with one.
    x (n, height, width, channels), y and index (n,). `made` is the type of what `work` gives, a NamedTuple of arrays
    with `notes` last, and `shown` its field of booleans whose share `progress(done, total, **share)` is told.
    """
    places = [slice(at, at + size) for at in range(0, len(x), size)]
    files = {folder / f"chunk_{number:04d}.npz": place for number, place in enumerate(places)}
    found = {file: _saved(file, made, index[place]) for file, place in files.items()}
    if progress:
        progress(sum(len(chunk[0]) for chunk in found.values() if chunk), len(x))
    missing = {
        file: operator.methodcaller("__call__", x[place], y[place], index=index[place])
        for file, place in files.items()
        if not found[file]
    }
    for file, chunk in _computed(works, missing):
        found[file] = chunk
        arrays = chunk._asdict() | {"index": index[files[file]]}
        store.write(file, functools.partial(np.savez_compressed, **arrays))
        if progress:
            flags = np.concatenate([getattr(chunk, shown) for chunk in found.values() if chunk])
            progress(len(flags), len(x), **{shown: float(flags.mean())})
    return join(found.values())


def shared(works, size):
    """A function of images and more arguments: what `works`, as in `run`, give for `size` images at a time, joined."""

    def joined(x, *more):
        places = range(0, max(len(x), 1), size)
        pieces = {at: operator.methodcaller("__call__", x[at : at + size], *more) for at in places}
        found = dict(_computed(works, pieces))
        return np.concatenate([found[at] for at in places])

    return joined


def _computed(works, tasks):
    """Pairs (key, task(work)) of `tasks`, a dict, as they are done; each of several `works` in one thread at a time."""
    if len(works) == 1:
        for key, task in tasks.items():
            yield key, task(works[0])
        return
    free = queue.SimpleQueue()
    for work in works:
        free.put(work)

    def compute(task):
        work = free.get()
        try:
            return task(work)
        finally:
            free.put(work)

    pool = concurrent.futures.ThreadPoolExecutor(len(works))
    try:
        keys = {pool.submit(compute, task): key for key, task in tasks.items()}
        for done in concurrent.futures.as_completed(keys):
            yield keys[done], done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _saved(file, made, index):
    """The chunk in a file, or None where there is none of exactly these images."""
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as saved:
        if not np.array_equal(saved["index"], index):
            return None
        return made(**{name: saved[name] for name in made._fields})
