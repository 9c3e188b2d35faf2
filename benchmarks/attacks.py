"""bsa's attacks beside their peers, in a list of networks: the same images, thresholds and judgement.

Each entry is a process of its own and is kept in the results folder, so that a killed benchmark goes on with the same
command. Whatever an attack returns is clipped to [0, 1] and judged here, by a float32 pass of the Keras network and the
distance in float64.
"""

import fnmatch
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np

from benchmarks import _network, _networks, _report
from benchmarks._entries import CUSTOMARY, ENTRIES, SETTINGS, candidate
from benchmarks._work import judged
from bsa.errors import BsaError

PLACES = ("network", "weights")  # fields of a job that its result does not hang on
SAME = 1e-4  # of logits of some 30: two libraries add in another order, and differ by some 1e-5
BESIDE = Path(__file__).parent
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--networks", type=FILE, default=BESIDE / "networks.json", help="The list of networks.")
@click.option("--network", "chosen", multiple=True, metavar="NAME", help="Of these alone, * allowed; all by default.")
@click.option("--cell", "cells", type=(float, float), multiple=True, help="scale, shift; those of the list by default.")
@click.option("--candidates", type=FILE, default=BESIDE / "candidates.json", help="Parameters of corner_descent.")
@click.option("--images", default=200, help="The first correctly classified test images of each cell.")
@click.option("--batch", default=500, help="Images that a peer gets at once.")
@click.option("--seed", default=0)
@click.option(
    "--only", multiple=True, metavar="NAME", help="Entries, * allowed (foolbox_*); see benchmarks/_entries.py."
)
@click.option("--data-dir", envvar="BSA_DATA_DIR", help="A folder of prepared TFDS data sets (BSA_DATA_DIR).")
@click.option("--weights-dir", envvar="BSA_WEIGHTS_DIR", help="The folder of released weights (BSA_WEIGHTS_DIR).")
@click.option("--store", envvar="BSA_STORE", help="Where networks of the list that are trained are kept (BSA_STORE).")
@click.option("--peers-python", default="python3", help="The Python of the peers' environment.")
@click.option("--minutes", default=120.0, help="An entry that takes longer is stopped and reported so.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/benchmarks"), help="Where results go.")
@click.option("--report", "render_only", is_flag=True, help="Render what is there; run nothing.")
@click.option("--docs", type=FILE, help="Put tables into this page.")
def main(networks, chosen, cells, candidates, only, store, weights_dir, out, render_only, docs, **options):
    """Run what OUT lacks in every network and cell of a list, and render table, JSON and figures there.

    By default that is the strongest peers, and corner_descent with the settings of the network's spec and with each
    of the candidates; `--only '*'` is all of benchmarks/_entries.py as well.
    """
    if not render_only:
        listed = _networks.read(networks)
        tried = {name: candidate(params) for name, params in json.loads(candidates.read_text()).items()}
        entries = ENTRIES | {f"candidate_{name}": entry for name, entry in tried.items()}
        patterns = only or (*CUSTOMARY, SETTINGS, "candidate_*")
        names = [name for name in (*entries, SETTINGS) if _matched(name, patterns)]
        if not names:
            raise click.UsageError(f"no entry is named {', '.join(only)}; there are {', '.join((*entries, SETTINGS))}")
        for network in [each for each in listed.values() if _matched(each.name, chosen or ["*"])]:
            try:
                model = _networks.made(network, store, options["data_dir"], weights_dir)
            except BsaError as error:
                click.echo(f"{network.name} is left out: {error}", err=True)
                continue
            own = {SETTINGS: candidate(network.settings)} if network.settings is not None else {}
            asked = {name: (entries | own)[name] for name in names if name in entries | own}
            _network_of(network, model, asked, cells or network.cells, out.resolve() / network.name, **options)
    for path in _report.render(out, docs):
        click.echo(path)


def _matched(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _network_of(network, model, entries, cells, folder, *, images, batch, seed, data_dir, peers_python, minutes):
    """Run the entries in the cells of one network."""
    import bsa
    from bsa import criteria

    data = network.spec.data
    tests = bsa.load(data.name, split="test", data_dir=data_dir, **data.params)
    _network.save(model, folder)
    digest = _digest(json.dumps(_network.layers(model)), *model.get_weights())
    common = {
        "data": data.name,
        "architecture": network.spec["model"]["name"],
        "network": str(folder / "network.keras"),
    }
    common |= {"weights": str(folder / "network.npz"), "weights_sha256": digest, "seed": seed, "batch": batch}
    for cell in cells:
        x, y, index = _network.images(model, tests, cell, images)
        place, cell = folder / f"{cell[0]:g}_{cell[1]:g}", [float(value) for value in cell]
        limits = criteria.thresholds(["epsilon", "scale*epsilon"], network.epsilon, cell[0])
        for name, entry in entries.items():
            n = min(len(x), entry.most or len(x))
            job = common | {"cell": cell, "thresholds": limits, "name": name, **entry._asdict()}
            job |= {"images_sha256": _digest(x[:n], y[:n])}
            job |= {"code_sha256": _digest(*(path.read_text() for path in _code(entry.library)))}
            key = _digest(json.dumps({k: v for k, v in job.items() if k not in PLACES}, sort_keys=True))
            if _stored(place / name) == key:
                continue
            click.echo(f"{folder.name}, cell {cell[0]:g}, {cell[1]:g}: {name}, {n} images")
            python = sys.executable if entry.library == "bsa" else peers_python
            said = _run(model, job | {"key": key}, x[:n], y[:n], index[:n], place / name, python, minutes)
            click.echo(f"    {said}")


def _run(model, job, x, y, index, folder, python, minutes):
    """One entry in a process of its own; commits its folder by renaming it. Returns a sentence."""
    part, failed = folder.with_name(f"{folder.name}.part"), folder.with_name(f"{folder.name}.failed")
    for old in (part, failed):
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir(parents=True)
    np.savez(part / "images.npz", x=x, y=y)
    (part / "job.json").write_text(json.dumps(job))
    module = "benchmarks.ours" if job["library"] == "bsa" else "benchmarks.peers"
    with (part / "log.txt").open("w") as log:
        command = [python, "-m", module, str(part)]
        try:
            subprocess.run(command, cwd=_network.root(), stdout=log, stderr=log, check=True, timeout=60 * minutes)
            record = _judge(model, job, x, y, index, part)
        except (subprocess.SubprocessError, ValueError) as error:
            why = _reason(error, part / "log.txt", minutes)
            (part / "error.txt").write_text(f"{why}\n")
            part.rename(failed)
            shutil.rmtree(folder, ignore_errors=True)  # what an earlier version of this entry found
            return f"did not run: {why}"
    (part / "record.json").write_text(json.dumps(record, indent=1))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return _report.sentence(folder)


def _reason(error, log, minutes):
    """Why an entry did not run, in a line: its own last one where it stopped by itself."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"stopped after {minutes:g} minutes"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if isinstance(error, subprocess.CalledProcessError) and lines else str(error)


def _judge(model, job, x, y, index, part):
    """Judge what the worker found; writes arrays.npz, gives the record. ValueError where it had another network."""
    from bsa.networks import logits

    result = json.loads((part / "result.json").read_text())
    with np.load(part / "result.npz") as file:
        found = {name: file[name] for name in file.files}
    apart = float(np.abs(found.pop("logits") - logits(model, x)).max())
    if apart > SAME:
        raise ValueError(f"expected the logits of the Keras network, found a difference of {apart:g}")
    candidates = found.pop("candidates")
    distance = [judged(lambda z: logits(model, z), run, x, y) for run in candidates]
    distance = np.where(found["ran"], distance, np.inf).min(0)
    np.savez(part / "arrays.npz", distance=distance, index=index, y=y, **found)
    record = {k: v for k, v in job.items() if k not in PLACES} | {"n": len(x)}
    return record | result | {"largest_logit_difference": apart, "machine": machine()}


def machine():
    """Processor, cores and system."""
    info = Path("/proc/cpuinfo")
    said = info.read_text().splitlines() if info.exists() else []
    lines = [line.split(":", 1)[1].strip() for line in said if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {"processor": lines[0] if lines else platform.processor(), "cores": cores, "system": platform.system()}
    return found | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")}


def _code(library):
    """The source files of an attack. A change of what judges all (here, _work) asks for another results folder."""
    if library == "bsa":
        parts = ("bsa/attacks", "bsa/search", "bsa/ops", "bsa/rewrites", "schemas/attacks")
        folders = [_network.root() / part for part in parts]
        ours = [_network.root() / "benchmarks" / "ours.py", _network.root() / "bsa" / "transforms" / "scale_shift.py"]
        return sorted([*ours, *(path for folder in folders for path in folder.glob("*.*"))])
    peers = _network.root() / "benchmarks" / "peers"
    return sorted({peers / f"{library.removesuffix('_keras')}.py", peers / f"{library}.py", *peers.glob("_*.py")})


def _digest(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _stored(folder):
    record = folder / "record.json"
    return json.loads(record.read_text())["key"] if record.exists() else None


if __name__ == "__main__":
    main()
