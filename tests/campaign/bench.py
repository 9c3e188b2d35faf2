"""A cut-down quick start with every kind of stage, run undisturbed once, and what it is compared with."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).parent
SPEC = {
    "name": "small",
    "data": {"name": "digits"},
    "networks": {
        "trained": {
            "model": {"name": "wong_small"},
            "train": {"name": "adversarial", "steps": 12, "batch_size": 32, "epsilon": 0.1, "epsilon_warmup": 6,
                      "attack_steps": 1, "step_size": 0.1, "learning_rate": 0.003},
        },
        "foreign": {"model": {"name": "wong_small"}, "weights": {"name": "npz", "file": "weights.npz"}},
    },
    "attack": [{"name": "pgd", "network": "trained", "epsilon": 0.1, "images": 16, "steps": 5}],
    "certify": {"name": "outer_polytope", "network": "trained", "epsilon": 0.01, "images": 2, "tolerance": None,
                "slopes": "parallel"},
    "invariant": {"challenge": 4},
    "sanity": {"images": 4, "queries": 10},
    "measures": [
        {"name": "accuracy", "network": ["trained", "foreign"], "images": 50},
        {"name": "nearest", "network": "trained", "images": 50, "training_images": 200},
        {"name": "divergence", "network": "trained", "images": 40, "training_images": 80, "grid": 32, "bootstrap": 2},
    ],
    "report": [{"name": "success_table"}, {"name": "examples", "images": 2}],
}  # fmt: skip
NO_TRAINING = {  # what takes no second
    "name": "smaller",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "weights": {"name": "npz", "file": "weights.npz"},
    "measures": [{"name": "accuracy", "images": 20}, {"name": "nearest", "images": 20, "training_images": 50}],
}
TIMES = rb'[\d.]+ (s|min|h)( \d\d (s|min))? in all|"seconds": [\d.]+|<dc:date>[^<]*|"date": "[^"]*"'  # in results
# Everything is saved as often as it can be, so that there is more to spoil.
EAGER = [["bsa.train._checkpoint", "SECONDS_BETWEEN", 0.0], ["bsa.search.journal", "UNSAVED", -1.0]]


class Ended(NamedTuple):
    """What became of a job: its exit code (-N: by signal N), what it printed, its moments, what its call gave."""

    code: int
    out: str
    err: str
    moments: tuple
    result: object

    @property
    def traceback(self):
        """Whether it ended in one, or in a crash."""
        return "Traceback (most recent call last)" in self.out + self.err or self.code in (-6, -7, -11)

    @property
    def says(self):
        """The last lines of its standard error."""
        return " / ".join(self.err.strip().splitlines()[-2:])[-400:]

    @property
    def at(self):
        """The label of the moment at which something happened to it, or None."""
        return next((label[:-1] for label in self.moments if label.endswith("!")), None)


class Server:
    """The process that forks: see `server`."""

    def __init__(self):
        python = [sys.executable, str(HERE / "server.py")]
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as the process
        self.process = subprocess.Popen(
            python, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        if self.process.stdout.readline() != "ready\n":
            self.errors.seek(0)
            raise RuntimeError(f"the server did not start: {self.errors.read().decode()[-2000:]}")

    def run(self, *jobs):
        """Run jobs at once; gives an `Ended` for each."""
        for job in jobs:
            Path(job["folder"]).mkdir(parents=True, exist_ok=True)
            for name in ("result.json", "moments"):
                Path(job["folder"], name).unlink(missing_ok=True)
        print(json.dumps(jobs), file=self.process.stdin, flush=True)
        return [
            self._ended(job, code) for job, code in zip(jobs, json.loads(self.process.stdout.readline()), strict=True)
        ]

    def _ended(self, job, code):
        folder = Path(job["folder"])
        out, err = ((folder / name).read_text(errors="replace") for name in ("stdout", "stderr"))
        log, result = folder / "moments", folder / "result.json"
        moments = tuple(log.read_text(encoding="utf-8").splitlines()) if log.is_file() else ()
        return Ended(code, out, err, moments, json.loads(result.read_text()) if result.is_file() else None)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Bench:
    """A spec, its weights, and the store and results of one undisturbed run of it."""

    def __init__(self, folder, server, spec):
        self.folder, self.server, self.used = folder, server, 0
        folder.mkdir(parents=True)
        (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        (made,) = server.run(
            {"call": "campaign.bench:weights", "folder": str(folder), "given": {"file": "weights.npz"}}
        )
        assert made.code == 0, made.err
        self.whole = folder / "whole"
        self.kept = folder / "kept"  # a stage's `.part` as a kill at that moment would leave it
        self.kept.mkdir()
        (self.ended,) = server.run(self.job(self.whole, keep=str(self.kept)))
        assert self.ended.code == 0, self.ended.err
        self.contents = contents(self.whole)
        self.stages = self._stages()

    def job(self, folder, **watch):
        """A run into `folder`/store and `folder`/out."""
        places = {name: str(folder / name) for name in ("store", "out")}
        argv = [
            "run",
            str(self.folder / "spec.json"),
            "--batch-size",
            "4",
            "--store",
            places["store"],
            "--out",
            places["out"],
        ]
        return {
            "argv": [*argv, "--weights-dir", str(self.folder)],
            "folder": str(folder),
            "watch": {**places, "log": str(folder / "moments"), **watch},
            "set": EAGER,
        }

    def fresh(self, without=()):
        """A new folder, with the undisturbed store but for the stages with these titles; None: an empty one."""
        self.used += 1
        folder = self.folder / f"try_{self.used:04d}"
        folder.mkdir()
        if without is not None:
            gone = shutil.ignore_patterns(*(self.stages[title] for title in without), "*.lock")
            shutil.copytree(self.whole / "store", folder / "store", ignore=gone)
        return folder

    def differs(self, folder):
        """What is not as in the undisturbed run: names of files; a file that is not there yet is no difference."""
        return sorted(n for n, value in contents(folder).items() if value != self.contents.get(n))

    def lacks(self, folder):
        """What the undisturbed run has and this one has not."""
        return sorted(set(self.contents) - set(contents(folder)))

    def call(self, function, **given):
        """The row that a function of `flips` gives, in a process of its own."""
        self.used += 1
        folder = self.folder / f"call_{self.used:04d}"
        (ended,) = self.server.run({"call": f"campaign.flips:{function}", "given": given, "folder": str(folder)})
        assert ended.code == 0, ended.err[-2000:]
        return ended.result

    @property
    def places(self):
        """What functions of `flips` need to know of it."""
        return {"whole": str(self.whole), "spec": str(self.folder / "spec.json"), "weights_dir": str(self.folder)}

    def _stages(self):
        records = sorted((self.whole / "store").glob("*/record.json"))
        return {json.loads(record.read_text())["title"]: record.parent.name for record in records}


def contents(folder):
    """What is to be equal to the bit, by name: arrays, weights, numbers, tables; in committed artefacts and results."""
    found = {}
    for place in sorted((folder / "store").glob("[0-9a-f]*")):
        if place.is_dir() and place.suffix != ".part":
            found |= {f"{place.name}/{name}": value for name, value in artefact(place).items()}
    for file in sorted((folder / "out").glob("*")):
        if file.suffix in (".md", ".csv", ".tex", ".json", ".svg", ".png") and file.name != "run.json":
            found[f"out/{file.name}"] = re.sub(TIMES, b"", file.read_bytes())
    return found


def artefact(folder):
    """The same for one artefact."""
    found = {}
    for file in sorted(folder.iterdir()):
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as saved:
                found[file.name] = {k: (v.dtype.str, v.shape, v.tobytes()) for k, v in saved.items()}
        elif file.suffix == ".keras":
            with zipfile.ZipFile(file) as saved:  # its other members have the time, and addresses in memory
                found[file.name] = saved.read("model.weights.h5")
        elif file.name == "record.json":
            found[file.name] = numbers(json.loads(file.read_text(encoding="utf-8")))
    return found


def numbers(record):
    """What a record says of the result, without seconds, versions and what else differs from run to run."""
    metrics = {k: v for k, v in record["metrics"].items() if k not in ("notes", "library")}
    return json.dumps([record["kind"], record["title"], record["key"], record["component"], record["params"], metrics])


def weights(file):
    """Untrained weights, which are as foreign as any."""
    import bsa

    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10, seed=3)
    np.savez(file, *model.get_weights())
