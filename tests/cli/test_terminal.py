"""Commands in surroundings that are not as they should be: signals, streams, folders; a process that dies."""

import json
import os
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from bsa.cli.commands import main
from bsa.cli.options import options
from bsa.cli.terminal import again

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and closed streams as POSIX has them")


def python(code, *words, **more):
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, **more)


def call(*words, **environment):
    return CliRunner().invoke(main, [str(w) for w in words], env=environment)


STOPPED = """
import os, signal, sys
from bsa import cli

number = getattr(signal, sys.argv.pop())
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell turns off for what runs in its background

class Stop:
    def find_spec(name, *_):
        if name == "tensorflow":
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Stop)
cli.main()
"""


@POSIX
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_stopped_command_says_how_to_go_on_while_tensorflow_is_imported_too(name, code, tmp_path):
    words = ["import", "wong_kolter", tmp_path / "a.pth", "--model", "wong_small", "--out", tmp_path / "a.keras"]
    done = python(STOPPED, *words, name)
    assert done.returncode == code
    assert done.stderr == "bsa: stopped; the same command goes on from here\n"


DYING = """
import os, sys
from bsa.engine.display import silenced
try:
    with silenced():
        os.write(2, b"the last words\\n")
        exec(sys.argv[1])
except KeyboardInterrupt:
    pass
"""


@POSIX
@pytest.mark.parametrize(
    ("end", "told"),
    [("pass", False), ("raise KeyboardInterrupt", False), ("raise OSError('a library is missing')", True),
     ("os.abort()", True), ("os._exit(1)", True), ("os.kill(os.getpid(), 9)", True)],
)  # fmt: skip
def test_what_was_held_back_is_told_where_the_process_does_not_go_on(end, told):
    assert ("the last words" in python(DYING, end).stderr) == told


def test_tensorflows_own_fatal_message_reaches_the_user():
    """An unknown flag in XLA_FLAGS ends the process from within TensorFlow."""
    compiled = "import tensorflow as tf; tf.function(lambda x: x + 1, jit_compile=True)(tf.ones(2))"
    done = python(DYING, compiled, env=os.environ | {"XLA_FLAGS": "--no_such_flag"})
    assert done.returncode
    assert "Unknown flag in XLA_FLAGS: --no_such_flag" in done.stderr


@POSIX
@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&-"])
def test_closed_streams_change_no_exit_code(closed, tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    for name, code in {"quickstart": 0, tmp_path / "bad.json": 3}.items():
        line = f"{sys.executable} -m bsa validate {name} {closed}"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
        assert done.returncode == code
        assert "Traceback" not in done.stderr


@POSIX
def test_a_reader_that_has_enough_is_no_error(tmp_path):
    line = f"{sys.executable} -m bsa schema | head -1"
    assert subprocess.run(["sh", "-c", line], capture_output=True, text=True).stderr == ""


@POSIX
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_terminal_can_show_every_name(encoding, tmp_path):
    file = os.fsencode(tmp_path) + "/é中".encode() + b"\xff.json"
    with open(file, "w") as out:
        out.write('{"中": 1}')
    command = [sys.executable, "-m", "bsa", "validate", file]
    done = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding})
    assert done.returncode == 3
    assert done.stderr == b""


def test_an_out_that_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        done = call("run", "quickstart", "--store", tmp_path / "store", "--out", out)
        assert done.exit_code == 2
        assert "--out: expected a folder that can be written, found" in done.output
    assert not (tmp_path / "store").exists()


def test_a_spec_that_is_no_file_is_said_to_be_none(tmp_path):
    (tmp_path / "closed.json").write_text("{}")
    for name, words in {tmp_path: "found a folder", "x" * 300: "File name too long"}.items():
        done = call("plan", name)
        assert done.exit_code == 2
        assert words in done.output


def test_an_empty_folder_hides_no_other_file(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.json").write_text("{}")
    done = call("validate", tmp_path / "bad.json", tmp_path / "empty", "quickstart", "--format", "json")
    assert done.exit_code == 3
    assert [entry["valid"] for entry in json.loads(done.output)] == [False, False, True]


def test_a_folder_in_the_environment_is_asked_for_by_what_needs_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("/no/such/folder", ""):
        done = call("show", "quickstart", BSA_DATA_DIR=folder, BSA_WEIGHTS_DIR=folder, BSA_STORE=str(tmp_path / "s"))
        assert "has not been run to its end" in done.output
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_system_is_a_sentence(monkeypatch):
    for error, words in {
        OSError(28, "No space left on device", "table.md"): "table.md: No space left on device",
        EOFError("no data left in file"): "a file ends too early: no data left in file",
    }.items():
        monkeypatch.setattr("bsa.cli.running.load_spec", lambda *_, error=error: (_ for _ in ()).throw(error))
        done = call("plan", "quickstart")
        assert (done.exit_code, done.output) == (1, f"bsa: {words}\n")


@POSIX
def test_sigterm_is_that_of_the_process_again_outside_of_commands():
    assert call("validate", "quickstart").exit_code == 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("command", "typed", "told"),
    [
        ("run", ["a spec.json"], "bsa run 'a spec.json'"),
        (
            "show",
            ["q", "--set", "a=1", "--set", "b=[2, 3]", "--seed", "3"],
            "bsa run q --set a=1 --set 'b=[2, 3]' --seed 3",
        ),
        ("evaluate", ["q", "--no-certify", "--strict"], "bsa evaluate q --strict --no-certify"),
        ("evaluate", ["q", "--certify"], "bsa evaluate q --certify"),
        ("run", ["q", "--plugins", "PLUGINS"], "bsa run q --plugins PLUGINS"),
    ],
)
def test_a_page_tells_the_command_as_it_was_typed(command, typed, told, plugins):
    fragment = {"version": 1, "type": "object", "properties": {"name": {"const": "mine"}}}
    folder = str(plugins({"measures/mine.py": "", "measures/mine.json": fragment}))

    @click.command(command)
    @click.argument("spec")
    @options("set", "seed", "plugins", "store", "strict")
    @click.option("--certify/--no-certify", default=True)
    @click.pass_context
    def made(context, **_):
        click.echo(again(context))

    words = [folder if word == "PLUGINS" else word for word in typed]
    done = CliRunner().invoke(made, words, env={"BSA_STORE": "/elsewhere"})
    assert done.output.strip() == told.replace("PLUGINS", folder), done.exception
