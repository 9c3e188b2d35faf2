"""Changed bytes: in what is stored, in the work files of a killed run, in weights and prepared data.

These functions run in a process of their own (`server`, "call") and give a `Tally`'s row.
"""

import functools
import json
import random
import re
import shutil
import zlib
from pathlib import Path

from campaign.bench import artefact
from campaign.tally import Tally

from bsa.engine.seen import Seen

UNSEEN = ("tensorboard", ".lock", "seconds", "events.out")  # files that no number comes from


def change(rng, content):
    """The bytes with one of them changed."""
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ rng.randrange(1, 256)]) + content[at + 1 :]


def damage(rng, content):
    """The bytes otherwise damaged, as a disk or a copy does it."""
    cut = rng.randrange(len(content))
    kinds = (b"", content[:cut], bytes(len(content)), content + b"\0", content[:cut] + bytes(len(content) - cut))
    return rng.choice((*kinds, b"null", b"[]", b"{}", content.replace(b'"files"', b'"files": {}, "x"')))


def stored(whole, spec, weights_dir, count, seed, otherwise=False):
    """Files of artefacts: gathered as `bsa show` does."""
    rng, tally = random.Random(seed), Tally("stored")
    _, store, gather = _whole(whole, spec, weights_dir)
    before = {r.folder.name: json.dumps(r.record, sort_keys=True) for r in gather()}
    files = sorted(f for f in store.root.glob("*/**/*") if f.is_file() and f.stat().st_size)
    for number in range(count):
        # records hold the numbers: every second change is in one
        file = rng.choice([f for f in files if f.name == "record.json"] if number % 2 else files)
        content = file.read_bytes()
        changed = (damage if otherwise else change)(rng, content)
        if changed == content:
            continue
        file.write_bytes(changed)
        what = f"{_short(file, store.root)}, change {number} (seed {seed})"
        try:
            found = {r.folder.name: json.dumps(r.record, sort_keys=True) for r in gather()}
        except Exception as error:
            _told(tally, what, error)
        else:
            same = found == before and (file.name == "record.json" or any(s in str(file) for s in UNSEEN))
            tally.survived("of no consequence") if same else tally.fell(what, "not found")
        file.write_bytes(content)
    return tally.row()


def exchanged(whole, spec, weights_dir, count, seed):
    """Two artefact folders in each other's place."""
    rng, tally = random.Random(seed), Tally("exchanged")
    _, store, gather = _whole(whole, spec, weights_dir)
    folders = sorted(f for f in store.root.iterdir() if (f / "record.json").is_file())
    for _ in range(count):
        one, other = rng.sample(folders, 2)
        _swap(one, other)
        try:
            gather()
        except Exception as error:
            _told(tally, f"{one.name[:8]} and {other.name[:8]}", error)
        else:
            tally.fell(f"{one.name[:8]} and {other.name[:8]}", "not found")
        _swap(one, other)
    return tally.row()


def _swap(one, other):
    aside = one.with_name("aside")
    for source, target in ((one, aside), (other, one), (aside, other)):
        source.rename(target)


def _whole(whole, spec, weights_dir):
    """The resolved spec, a copy of the undisturbed store, and what gathers the results in it."""
    from bsa import foreign
    from bsa import spec as specs
    from bsa.engine import run
    from bsa.engine.results import gather
    from bsa.engine.store import Store

    shutil.copytree(Path(whole) / "store", "store", dirs_exist_ok=True)
    resolved, store = foreign.pinned(specs.load(spec), weights_dir), Store(Path("store").resolve())
    return resolved, store, lambda: gather(resolved, store, run.describe).all


def _told(tally, what, error):
    from bsa.errors import BsaError

    if isinstance(error, BsaError) and str(error).strip():
        tally.survived("found, in one sentence")
    else:
        tally.fell(what, f"a traceback, {type(error).__name__}: {str(error)[:100]}")


def _short(file, root):
    return re.sub(r"([0-9a-f]{8})[0-9a-f]{56}", r"\1", str(file.relative_to(root)))


class _Absent(Seen):
    """Hears that a stage was there, where it was not to be."""

    def reused(self, stage):
        raise AssertionError("the stage was not to be there")


def work(whole, kept, spec, weights_dir, count, seed, otherwise=False):
    """Work files of killed runs: the stage is finished from them. `kept` has a `.part` for each of several moments."""
    from bsa.engine import run, stages
    from bsa.engine.store import Store

    rng, tally = random.Random(seed), Tally("work")
    resolved, store, _ = _whole(whole, spec, weights_dir)
    planned = {stage.key: stage for stage in run.planned(resolved)}
    desk, whole = stages.Desk(weights_dir=weights_dir), Store(Path(whole) / "store")
    parts = [p for p in sorted(Path(kept).iterdir()) if _files(p)]
    aims = [(part, file) for part in parts for file in _files(part)]
    names = sorted({(part.name, re.sub(r"\d+", "N", file.name)) for part, file in aims})  # each kind of file in turn
    for number in range(count):
        kind = names[number % len(names)]
        part, file = rng.choice([a for a in aims if (a[0].name, re.sub(r"\d+", "N", a[1].name)) == kind])
        key = part.name.split("_")[0]
        shutil.rmtree(store.path(key), ignore_errors=True)
        shutil.rmtree(store.part(key), ignore_errors=True)
        shutil.copytree(part, store.part(key))
        aim = store.part(key) / file.relative_to(part)
        aim.write_bytes((damage if otherwise else change)(rng, file.read_bytes()))
        what = f"{file.relative_to(part)} of {planned[key].title}, change {number} (seed {seed})"
        try:
            run.ensure(planned[key], store, lambda: desk, _Absent())
        except Exception as error:
            _told(tally, what, error)
            continue
        if artefact(store.path(key)) == artefact(whole.path(key)):
            tally.survived("equal")
        else:
            tally.fell(what, "another result")
    return tally.row()


def _files(part):
    return sorted(f for f in part.rglob("*") if f.is_file() and f.stat().st_size)


def foreign_weights(count, seed, weights_dir=None):
    """Files of weights: with their sha256 stated, and without."""
    import numpy as np

    import bsa
    from bsa.files import sha256

    rng, tally = random.Random(seed), Tally("weights")
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10, seed=3)
    before = model.get_weights()
    np.savez("plain.npz", *before)
    np.savez_compressed("packed.npz", *before)
    files = [("npz", Path("plain.npz")), ("npz", Path("packed.npz"))]
    released = Path(weights_dir or "", "wong_kolter_mnist.pth")
    if weights_dir and released.is_file():
        shutil.copyfile(released, "released.pth")
        files.append(("wong_kolter", Path("released.pth")))
    for number in range(count):
        kind, file = files[number % len(files)]
        content = file.read_bytes()
        expected = sha256(file) if kind == "wong_kolter" or number % 2 else None
        file.write_bytes(change(rng, content))
        try:
            bsa.import_weights(kind, model, file, sha256=expected)
        except Exception as error:
            _told(tally, f"{file}, change {number} (seed {seed})", error)
        else:
            equal = all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
            tally.survived("equal") if equal else tally.fell(f"{file}, change {number} (seed {seed})", "other weights")
        file.write_bytes(content)
    return tally.row()


def prepared(data_dir, count, loads, seed):
    """Prepared TFDS folders: `count` changes and cuts of what `plan` reads, `loads` of a whole test set's files."""
    from bsa import catalog

    rng, tally = random.Random(seed), Tally("prepared data")
    for number in range(count):
        name = ("cifar10", "gtsrb")[number % 2]
        source = max(Path(data_dir, name).glob("*/dataset_info.json"))
        place = Path("data", name, source.parent.name)
        shutil.rmtree("data", ignore_errors=True)
        place.mkdir(parents=True)
        (place / source.name).write_bytes((change if rng.random() < 0.5 else damage)(rng, source.read_bytes()))
        _tried(
            tally,
            f"{name}'s {source.name}, change {number}",
            functools.partial(catalog.find("data", name).describe, data_dir="data"),
        )
    if not loads:
        return tally.row()
    shutil.copytree(Path(data_dir, "mnist"), "data/mnist", copy_function=shutil.copyfile)
    read = lambda: catalog.find("data", "mnist").load(split="test", data_dir="data")  # noqa: E731
    whole = zlib.crc32(read().x.tobytes())
    files = sorted(f for f in Path("data/mnist").rglob("*") if f.is_file() and "train" not in f.name)
    for number in range(loads):
        file = files[number % len(files)]
        content = file.read_bytes()
        file.write_bytes(change(rng, content))
        _tried(tally, f"mnist's {file.name}, change {number}", lambda: zlib.crc32(read().x.tobytes()), whole)
        file.write_bytes(content)
    return tally.row()


def _tried(tally, what, do, expected=None):
    try:
        found = do()
    except Exception as error:
        _told(tally, what, error)
    else:
        tally.survived("equal") if expected in (None, found) else tally.fell(what, "another result")
