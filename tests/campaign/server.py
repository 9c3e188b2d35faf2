"""Forks a process for each command, from one that has imported TensorFlow: a run begins in milliseconds.

Reads a line of JSON, a list of jobs that run at once, and answers with a line, a list of what became of them. A job:
"argv" of the command line, or "call" (module:function) with "given"; "folder", where it works and where its `stdout`,
`stderr` and `result.json` are put; "env"; "watch", see `moments`; "set", triples (module, name, value); "limits".
"""

import importlib
import json
import os
import resource
import sys
import tempfile
import traceback
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
CPU = 300  # seconds of the processor after which a job that goes round in circles ends


def _imports():
    """Import, and compute nothing: a process in which TensorFlow has computed cannot be forked."""
    import matplotlib

    matplotlib.use("agg")
    for name in (
        "matplotlib.pyplot",
        "sklearn.datasets",
        "sklearn.manifold",
        "keras",
        "h5py",
        "bsa.engine.stages",
        "bsa.cli",
        "bsa.report",
        "bsa.engine.results",
        "bsa.engine.run",
        "bsa.engine.display",
        "bsa.attacks.pgd",
        "bsa.attacks.square",
        "bsa.train.adversarial",
        "bsa.measures.nearest",
        "bsa.measures.divergence",
        "bsa.checks.sanity",
        "bsa.certify.outer_polytope",
        "bsa.weights.npz",
        "bsa.report.success_table",
        "bsa.report.examples",
    ):
        importlib.import_module(name)


def _child(job):
    """Never returns."""
    folder = Path(job["folder"])
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(folder)
    os.environ.update({"TMPDIR": job["folder"]} | job.get("env", {}))  # what a killed process leaves there
    tempfile.tempdir = None
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
    for name, most in job.get("limits", {}).items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    code = 1
    try:
        for module, name, value in job.get("set", []):
            setattr(importlib.import_module(module), name, value)
        if "watch" in job:
            from campaign import moments

            moments.install(job["watch"])
        code = _called(job) if "call" in job else _commanded(job)
    except BaseException:  # what Python itself would print
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = 120
    os._exit(code)


def _commanded(job):
    from bsa.cli import commands

    sys.argv = ["bsa", *job["argv"]]
    try:
        commands.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0


def _called(job):
    module, name = job["call"].split(":")
    result = getattr(importlib.import_module(module), name)(**job.get("given", {}))
    Path("result.json").write_text(json.dumps(result), encoding="utf-8")
    return 0


def serve():
    """Until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _imports()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        children = []
        for job in json.loads(line):
            child = os.fork()
            if not child:
                _child(job)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), file=answers, flush=True)


if __name__ == "__main__":
    serve()
