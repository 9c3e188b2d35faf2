"""Work on many images in chunks that are saved as they finish, so that a killed run goes on from them."""

import functools

import numpy as np

from bsa import store
from bsa.attacks import join


def run(work, made, shown, x, y, index, size, folder, progress):
    """`work(x, y, index=index)` on `size` images at a time, joined; a chunk found in `folder` is not redone.

    x (n, height, width, channels), y and index (n,). `made` is the type of what `work` gives, a NamedTuple of arrays
    with `notes` last, and `shown` its field of booleans whose share `progress(done, total, **share)` is told.
    """
    places = [slice(at, at + size) for at in range(0, len(x), size)]
    files = {folder / f"chunk_{number:04d}.npz": place for number, place in enumerate(places)}
    found = {file: _saved(file, made, index[place]) for file, place in files.items()}
    if progress:
        progress(sum(len(chunk[0]) for chunk in found.values() if chunk), len(x))
    for file, place in files.items():
        if found[file]:
            continue
        found[file] = work(x[place], y[place], index=index[place])
        arrays = found[file]._asdict() | {"index": index[place]}
        store.write(file, functools.partial(np.savez_compressed, **arrays))
        if progress:
            flags = np.concatenate([getattr(chunk, shown) for chunk in found.values() if chunk])
            progress(len(flags), len(x), **{shown: float(flags.mean())})
    return join(found.values())


def _saved(file, made, index):
    """The chunk in a file, or None where there is none of exactly these images."""
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as saved:
        if not np.array_equal(saved["index"], index):
            return None
        return made(**{name: saved[name] for name in made._fields})
