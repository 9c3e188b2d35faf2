"""What a user typed is told of as it was typed, and a shell completes what may be typed."""

import shutil
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from bsa.cli.commands import main


def call(*words):
    return CliRunner().invoke(main, words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["explore", "--range", "degrees=-500,10"], ["--range: expected a range [low, high] within [-180, 180]"]),
        (["explore", "--chain", "one,two"], ["--chain, item 1: ", "--chain, item 2: "]),
        (["explore", "--chain", "blur,bogus"], ["--chain, item 2: expected one of blur, "]),
        (["explore", "--probes", "0", "--sampler", "x"], ["--probes: expected a number of", "--sampler: expected one"]),
        (["explore", "--keep-accuracy", "-3"], ["--keep-accuracy: expected a number of at least 0, found -3.0"]),
        (["explore", "--set", "explore.probes=0"], ["/explore/probes: expected a number of at least 1, found 0"]),
        (["evaluate", "--cells", "1,0 0.9,0.9"], ["--cells, item 2: expected a cell that keeps pixels inside"]),
        (["evaluate", "--images", "100000000"], ["--images: expected a number of at most 10000000"]),
        (["init", "--images", "100000000"], ["--images: expected a number of at most 10000000"]),
    ],
)
def test_a_problem_is_told_by_the_option_that_was_typed(words, told):
    command, *options = words
    done = call(command, "quickstart", "--epsilon", "0.1", *options)
    assert done.exit_code == 3, done.output
    lines = done.output.strip().splitlines()
    assert len(lines) == len(told), lines
    for line, start in zip(lines, told, strict=True):
        assert line.removeprefix("bsa: ").startswith(f"bsa {command}: {start}")


@pytest.mark.parametrize(("name", "legal"), [("My-Net", "my_net"), ("Größe 2", "gr_e_2"), ("net\n", "net")])
def test_a_name_that_is_not_legal_is_told_with_one_that_is(name, legal):
    done = call("evaluate", "quickstart", "--epsilon", "0.1", "--name", name, "--print-spec")
    assert done.exit_code == 2
    assert f"'--name': expected small letters, digits and _, as in {legal}, found " in done.output
    done = call("evaluate", "quickstart", "--epsilon", "0.1", "--name", legal, "--print-spec")
    assert f'"name": "{legal}"' in done.output


def completed(*words):
    *before, last = words
    return {item.value for item in ShellComplete(main, {}, "bsa", "_BSA_COMPLETE").get_completions(before, last)}


def test_a_shell_completes_specs_runs_and_components(tmp_path, monkeypatch):
    (tmp_path / "results" / "quick_mine").mkdir(parents=True)
    (tmp_path / "results" / "quick_mine" / "run.json").write_text("{}")
    (tmp_path / "results" / "quick_notes").mkdir()
    monkeypatch.chdir(tmp_path)
    for words in (["show"], ["plan"], ["run"], ["diff", "quickstart"], ["store", "gc"], ["store", "ls", "--spec"]):
        assert completed(*words, "quick") == {"quick", "quickstart", "quick_mine"}, words
    assert completed("components", "att") == {"attacks"}
    assert completed("components", "attacks", "pg") == {"pgd"}
    assert "--store" in completed("run", "--st")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell):
    done = call("completion", shell)
    assert done.exit_code == 0
    assert f"_BSA_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")
def test_bash_completes_by_what_it_is_told():
    program = "from bsa.cli import main; main(prog_name='bsa')"
    line = f"""bsa() {{ {sys.executable} -c "{program}" "$@"; }}
    export -f bsa
    eval "$(bsa completion bash)"
    COMP_WORDS=(bsa plan quickst) COMP_CWORD=2
    _bsa_completion bsa; echo "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert done.stdout.split() == ["quickstart"], done.stderr
