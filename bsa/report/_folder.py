"""A results folder: it belongs to one run, which `run.json` in it identifies."""

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from bsa import catalog, files
from bsa.engine import run, store
from bsa.engine.results import Collected, Results
from bsa.errors import UsageError
from bsa.files import clean, reason, told
from bsa.report.write import SUFFIXES
from bsa.spec import Collection, Experiment, canonical
from bsa.spec.problems import pointer, show

RUN = "run.json"
LOCK, STAGED = ".lock", ".rendering"  # both are bsa's own, and neither is a result
ADVICE = "Name another folder with --out, or replace what is there with --overwrite."
# of a stage's record, what run.json does not repeat
APART = {"kind", "component", "params", "needs", "metrics", "files", "sha256"}


class Folder:
    """The results folder of a run: `out`, by default results/<name>, of a resolved spec."""

    def __init__(
        self,
        out: Path | str | None,
        spec: Experiment | Collection,
        data_dir: Path | str | None = None,
        overwrite: bool = False,
        keys: set[str] | None = None,
    ):
        self.out, self.overwrite = Path(out or Path("results") / spec.name), overwrite
        self.spec, self.json = spec, json.loads(canonical(spec.resolved))
        # of what stands in memory, they are handed in: no data set describes itself
        self.keys = keys or {stage.key for stage in run.planned(spec, data_dir)}

    def check(self) -> None:
        """UsageError where the folder holds another run's results, which are not to be overwritten, or is not writable.

        To be called before hours of work; `render` looks again. What the disk refuses later is a StoreError.
        """
        with self._alone():
            self._check()

    def render(
        self,
        results: Results | Collected,
        render: Callable[[Results | Collected, Path, dict[str, Any]], Iterable],
        overrides: Sequence[str] = (),
        command: str = "",
    ) -> Iterator:
        """What `render(results, folder, about)` gives, its files in place of those of the rendering before.

        They come all at once, after the last of them, and `run.json` with them, which says what `about` does: there
        `command` is the one by which people compute the results again. Files that bsa did not write are left alone.
        """
        staged, about = self.out / STAGED, self._about(results, overrides, command)
        with self._alone():
            before = self._check()
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir()
            for shown in render(results, staged, about):
                yield shown.replace(str(staged), str(self.out)) if isinstance(shown, str) else shown
            made = sorted(file.relative_to(staged).as_posix() for file in staged.rglob("*") if file.is_file())
            # whatever is killed from here on: run.json tells of all of bsa's files
            files.write_json(self.out / RUN, about | {"files": sorted({*before, *made})})
            for name in made:
                (self.out / name).parent.mkdir(exist_ok=True)
                os.replace(staged / name, self.out / name)
            for name in set(before) - set(made):
                (self.out / name).unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # an experiment's folder, where nothing else is in it
                    (self.out / name).parent.rmdir()
            files.write_json(self.out / RUN, about | {"files": made})
            shutil.rmtree(staged)

    def holds(self, results: Results | Collected) -> bool:
        """Whether the folder has all files of these very results, rendered by this version of bsa."""
        try:
            found = json.loads((self.out / RUN).read_text(encoding="utf-8"))
            made = [found[name] for name in ("spec", "stages", "versions")]
            files = [self.out / name for name in found["files"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False
        about = self._about(results, (), "")
        return made == [about[name] for name in ("spec", "stages", "versions")] and all(f.is_file() for f in files)

    @contextlib.contextmanager
    def _alone(self):
        """The folder is there, can be written, and is this process's alone."""
        with contextlib.ExitStack() as lock:
            try:
                self.out.mkdir(parents=True, exist_ok=True)
                lock.enter_context(store.held(self.out / LOCK))
            except OSError as error:
                found = f"{self.out}: {reason(error)}"
                raise UsageError(f"--out: expected a folder that can be written, found {found}") from None
            with told(f"write results to {self.out}"):
                clean(self.out, deep=False)
                yield

    def _check(self):
        """The files in the folder that are bsa's, by name; UsageError where they are of another run."""
        try:
            found = json.loads((self.out / RUN).read_text(encoding="utf-8"))
            spec, keys = found["spec"], {stage["key"] for stage in found["stages"]}
            names = [name for name in found["files"] if _inside(PurePosixPath(name))]
        except FileNotFoundError:
            names, wrong = [], self._unknown()
        except (ValueError, KeyError, TypeError, RecursionError):
            names, wrong = [], f"found a damaged {RUN}, so that nobody knows of which run they are"
        else:
            wrong = _difference(self.json, spec)
            if not wrong and keys != self.keys:
                wrong = "found those of the same spec, computed by another version of bsa"
        if wrong and not self.overwrite:
            raise UsageError(f"{self.out}: expected no results, or those of this very run, {wrong}. {ADVICE}")
        return names

    def _unknown(self):
        """A sentence's end on files that look like results and are of no run, or None."""
        stems = (*catalog.names("report"), "control", "sanity")
        folders = [self.out, *(self.out / each.name for each in self.spec.experiments if each is not self.spec)]
        for file in sorted(file for folder in folders for file in folder.glob("*")):
            if file.name.startswith(stems) and file.suffix in SUFFIXES:
                return f"found {file.name} and no {RUN} that says of which run it is"
        return None

    def _about(self, results, overrides, command):
        """What `run.json` says: the spec and its overrides, where, when and by what its results were computed."""
        records = {r.record["key"]: r.record for each in results.experiments for r in each.all}
        versions = {name: importlib.metadata.version(name) for name in run.LIBRARIES}
        return {
            "name": self.spec.name,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": versions | {"python": platform.python_version()},
            "processor": run.processor(),
            "seconds": round(sum(record["seconds"] for record in records.values()), 2),
            "overrides": list(overrides),
            "command": command,
            "spec": self.json,
            "stages": [{k: v for k, v in record.items() if k not in APART} for record in records.values()],
        }


def _inside(name):
    return not name.is_absolute() and ".." not in name.parts


def _difference(expected, found, path=()):
    """Where two JSON values differ first, as a sentence's end, or None."""
    if isinstance(expected, dict) and isinstance(found, dict):
        pairs = [(key, expected.get(key), found.get(key)) for key in [*expected, *(found.keys() - expected.keys())]]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = list(zip(range(len(found)), expected, found, strict=True))
    else:
        return (
            None
            if expected == found
            else f"found others: {pointer(path)} is {show(found)} there, {show(expected)} here"
        )
    return next((said for key, *both in pairs if (said := _difference(*both, (*path, key)))), None)
