"""What a forked run meets at one of its moments: a signal, or a full disk. Installed in the child alone.

A moment is a file primitive (open, write, fsync, replace, mkdir, unlink, rmdir) on a file of the store or of the
results, or a report of progress. Its label says in which stage it lies and of which file it is.
"""

import builtins
import errno
import io
import os
import re
import shutil
import signal
import sys
from pathlib import Path

RENDERING = "rendering"
SPACE = ("open", "write", "mkdir")  # what a full disk refuses
REPEATS = 2  # moments of one label that are told apart; a checkpoint is written many times


class Watch:
    """Counts the moments of a run, writes each into a log, and lets `job` happen at one of them.

    job: "store" and "out", the folders; "log", a file; "keep", a folder for copies of work; and one of
    "at": {"stage", "number", "signal", "cpu"}: the signal at the so-and-so-manieth moment in a stage, after so many
    more seconds of the processor; "skip": labels, the first other one being where "do" ("kill" or "full") happens.
    """

    def __init__(self, job):
        self.roots = {name: os.path.realpath(job[name]) for name in ("store", "out")}
        self.job, self.stage, self.seen, self.numbers, self.full = job, "", {}, {}, False
        self.log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def inside(self, path):
        """(folder's name, path below it) of a file that is watched, or None."""
        for name, root in self.roots.items():
            if path == root or path.startswith(root + os.sep):
                return name, os.path.relpath(path, root)
        return None

    def file(self, operation, path, half=None):
        """A primitive is about to happen to `path`; `half()` does the first half of a write."""
        found = self.inside(path)
        if not found:
            return
        name = re.sub(r"\b[0-9a-f]{64}\b", "KEY", found[1])
        if name.endswith(".tmp"):
            name = f"{os.path.dirname(name)}/{_aim()}.tmp"
        name = re.sub(r"(events\.out).*|\d+", r"\1", name)  # one name for all pieces of a kind, and for all logs
        if "keep" in self.job:
            self.keep(operation, found[1], name)
        self.moment(operation, name, RENDERING if found[0] == "out" else self.stage, half)

    def keep(self, operation, path, name):
        """Copy a stage's `.part` where it has all of its work, and where it has a search's second save."""
        folder, _, rest = path.partition("/")
        if not folder.endswith(".part"):
            return
        second = self.seen.get((self.stage, operation, name)) == 1 and operation == "replace" and ".search_" in name
        last = operation == "open" and not rest.startswith("work")
        copy = Path(self.job["keep"], folder.removesuffix(".part") + ("_search" if second else "_whole"))
        if (second or last) and not copy.exists():
            shutil.copytree(Path(self.roots["store"], folder), copy)

    def moment(self, operation, name, stage, half=None):
        """Log it, and let happen what is to happen here."""
        count = self.seen[stage, operation, name] = self.seen.get((stage, operation, name), 0) + 1
        label = f"{stage}: {operation} {name} {min(count, REPEATS)}"
        self.numbers[stage] = self.numbers.get(stage, 0) + 1
        if self.full and operation in SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
        at = self.job.get("at")
        here = at and at["stage"] == stage and at["number"] == self.numbers[stage]
        due = "skip" in self.job and operation != "progress" and label not in self.job["skip"] and not self.full
        os.write(self.log, f"{label}{'!' if here or due else ''}\n".encode())
        if here:
            self.die(getattr(signal, f"SIG{at['signal']}"), at["cpu"], half)
        elif due and self.job["do"] == "kill":
            self.die(signal.SIGKILL, 0, half)
        elif due:
            self.full = True
            if half:
                half()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

    def die(self, number, cpu, half):
        """At once, in the middle of a write; or after `cpu` seconds, by a signal that ends a process as abruptly."""
        if cpu:
            signal.setitimer(signal.ITIMER_PROF, cpu)
            return
        if half:
            half()
        os.kill(os.getpid(), number)


def _aim():
    """The name of the file that a temporary one is to become: an argument of the function that writes it."""
    frame = sys._getframe(1)
    while frame and not ("writer" in frame.f_locals and "path" in frame.f_locals):
        frame = frame.f_back
    return os.path.basename(frame.f_locals["path"]) if frame else "temporary"


class _File(io.FileIO):
    watch = None

    def write(self, data):
        half = memoryview(data).nbytes // 2
        self.watch.file("write", os.path.realpath(self.name), lambda: super(_File, self).write(data[:half]))
        return super().write(data)


def install(job):
    """Watch this process."""
    watch = _File.watch = Watch(job)
    _open_by(watch)
    for name in ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "fsync", "open"):
        setattr(os, name, _primitive(watch, name, getattr(os, name)))
    _stages_by(watch)


def _open_by(watch):
    plain = io.open

    def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        writes = isinstance(file, (str, bytes, Path)) and any(sign in mode for sign in "wax+")
        path = os.path.realpath(os.fsdecode(file)) if writes else ""
        if not writes or not watch.inside(path):
            return plain(file, mode, buffering, encoding, errors, newline, closefd, opener)
        watch.file("open", path)
        raw = _File(path, mode.replace("b", "").replace("t", ""), opener=opener)
        binary = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding, errors, newline)

    io.open = builtins.open = opened


def _primitive(watch, name, plain):
    label = {"rename": "replace", "remove": "unlink"}.get(name, name)

    def called(path, *more, **named):
        writes = name != "open" or (more and more[0] & (os.O_CREAT | os.O_WRONLY | os.O_RDWR))
        if writes:
            place = _place(path, named.get("dir_fd"))
            if not (name == "mkdir" and os.path.isdir(place)):
                watch.file(label, place)
        return plain(path, *more, **named)

    return called


def _place(path, folder):
    if isinstance(path, int):
        return os.readlink(f"/proc/self/fd/{path}")
    base = os.getcwd() if folder is None else os.readlink(f"/proc/self/fd/{folder}")
    return os.path.normpath(os.path.join(os.path.realpath(base), os.fsdecode(path)))


def _stages_by(watch):
    """Follow which stage is at work."""
    from bsa.engine import display, run

    began, compute = display.Display.began, run._compute

    def entered(stage, *more):
        watch.stage = stage.title
        try:
            return compute(stage, *more)
        finally:
            watch.stage = "between stages"

    def begun(self, stage):
        tell = began(self, stage)

        def told(done, total, **metrics):
            tell(done, total, **metrics)
            watch.moment("progress", f"{done}/{total}", stage.title)

        return told

    run._compute, display.Display.began = entered, begun
