"""Work on many images in chunks, shared by devices; long work is saved step by step, so that killed runs continue."""

import concurrent.futures
import contextlib
import functools
import operator
import queue
import threading
import time

import filelock
import numpy as np

from bsa import files as disk
from bsa.search.journal import Journal

PAUSE = 0.5  # seconds between two looks for chunks that other processes have done


def run(works, made, shown, x, y, index, size, folder, progress, pool=None):
    """`work(x, y, index=index, journal=journal)` on `size` images at a time, joined; finished chunks are not repeated.

    With a `bsa.engine.pool.Pool` there is one work, and other processes may compute some of the chunks.

    Args:
        works: equal functions, one for each device; each takes the next chunk when it has finished one.
        made: the type of what `work` returns, a NamedTuple of arrays with `notes` last.
        shown: its field of booleans whose share is reported.
        x: (n, height, width, channels).
        y: (n,).
        index: (n,) the images' numbers.
        size: images in a chunk.
        folder: keeps the chunks, and the searches of an attack within a chunk.
        progress: `progress(done, total, **share)`; of chunks at work, the number of images done is an estimate.
        pool: other processes that help.
    """
    places = [slice(at, at + size) for at in range(0, len(x), size)]
    files = {folder / f"chunk_{number:04d}.npz": place for number, place in enumerate(places)}
    found = {file: _saved(file, made, index[place]) for file, place in files.items()}
    shares = {file: share for file in files if not found[file] and (share := _share(file))}  # of those at work
    lock = threading.Lock()  # each device tells from a thread of its own

    def tell(file=None, share=0.0):
        with lock:
            if file:
                shares[file] = max(share, shares.get(file, 0.0))
            if not progress:
                return
            if pool:
                shares.update({other: max(_told(other), shares.get(other, 0.0)) for other in tasks})
            done = [chunk for chunk in found.values() if chunk]
            flags = np.concatenate([getattr(chunk, shown) for chunk in done]) if done else np.zeros(0, bool)
            rest = [(share, len(index[files[file]])) for file, share in shares.items() if not found[file]]
            under = sum(min(int(share * count), count - 1) for share, count in rest)  # not whole before it is saved
            progress(len(flags) + under, len(x), **{shown: float(flags.mean())} if done else {})

    def images(file):
        return x[files[file]], y[files[file]], index[files[file]]

    def task(file):
        return lambda work: _chunk(work, file, *images(file), functools.partial(tell, file))

    tasks = {file: task(file) for file in files if not found[file]}
    tell()
    if pool and len(tasks) > 1:
        helping = pool.helping(works[0], [(file, images(file)) for file in tasks])
        computed = _together(works[0], tasks, lambda file: _saved(file, made, index[files[file]]), pool, tell)
    else:
        helping, computed = contextlib.nullcontext(), _computed(works, tasks)
    with helping:
        for file, chunk in computed:
            found[file] = chunk
            tell()
    return join(found.values())


def _chunk(work, file, x, y, index, report):
    """`work` on the images of one chunk, kept in `file`; `report(share)` is told of an attack's searches."""
    journal = _journal(file, lambda done, total: report(done / total))
    chunk = work(x, y, index=index, journal=journal)
    disk.keep(file, chunk._asdict() | {"index": index})
    for kept in journal.kept():
        kept.unlink()
    return chunk


def _together(work, tasks, saved, pool, tell):
    """As `_computed`, where other processes, too, do what nobody is at: `saved(file)` is what one of them has done."""
    left = dict(tasks)
    while left:
        before = len(left)
        for file in list(left):
            with _claimed(file) as mine:
                if not mine:
                    continue
                if (chunk := saved(file)) is None:
                    with pool.told(file):
                        chunk = left[file](work)
            del left[file]
            yield file, chunk
        if len(left) == before:  # all are at work elsewhere; of one that was lost the lock is free
            tell()
            time.sleep(PAUSE)


def assist(work, jobs, pool):
    """Compute, in a process that helps another's `run`, what nobody is at of `jobs`, pairs (file, images()).

    `images()` gives x, y and index of the file's chunk.
    """
    for file, images in jobs:
        if not file.parent.is_dir():
            return  # the stage is committed
        with _claimed(file) as mine:
            if not mine or file.exists():
                continue
            x, y, index = images()
            with pool.told(file):
                _chunk(work, file, x, y, index, functools.partial(_tell, file))


def _tell(file, share):
    """Tell, from a process that helps, how much of the chunk of that file is done."""
    disk.write(file.with_suffix(".share"), lambda out: out.write(f"{share}".encode()))


def _told(file):
    """What a process that helps told last of the chunk of that file."""
    with contextlib.suppress(OSError, ValueError):
        return float(file.with_suffix(".share").read_text(encoding="utf-8"))
    return 0.0


@contextlib.contextmanager
def _claimed(file):
    """Whether this process alone is at the chunk of that file; the lock dies with its process."""
    lock = filelock.FileLock(file.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _journal(file, tell):
    """The journal of the chunk that `file` will hold; what it keeps lies beside it."""
    return Journal(file.parent, f"{file.stem}.search_", tell)


def _share(file):
    """The share of the chunk's work that is kept."""
    found = [disk.recall(kept) for kept in _journal(file, None).kept()]
    return max([float(arrays["share"]) for arrays in found if arrays], default=0.0)


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
    saved = disk.recall(file)
    needed = {"index", *made._fields} - made._field_defaults.keys()
    if saved is None or not needed <= saved.keys() or not np.array_equal(saved["index"], index):
        return None
    return made(**{name: saved[name] for name in made._fields if name in saved})


def join(parts):
    """One result (`Attacked`, `Certified`) of several, in their order; a note that several carry stands once."""
    parts = list(parts)
    made = type(parts[0])
    columns = dict(zip(made._fields, zip(*parts, strict=True), strict=True))
    notes = tuple(dict.fromkeys(str(note) for each in columns.pop("notes") for note in each))
    return made(**{name: np.concatenate(each) for name, each in columns.items()}, notes=notes)
