"""`bsa evaluate` and `bsa init`: the same spec, run, printed and written."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import bsa.testing
from bsa import spec
from bsa.cli.commands import main

WEIGHTS = Path(bsa.testing.__file__).with_name("trained.npz")
WORDS = ["wong_small", "--weights", WEIGHTS, "--data", "digits", "--epsilon", "0.1", "--images", "12", "--no-certify"]


def call(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_printed_spec_and_the_written_one_are_the_same_to_a_run(tmp_path):
    printed = call("evaluate", *WORDS, "--print-spec", "--cells", "1,0 0.9,0.05", "--set", "attack.0.leg.steps=5")
    assert printed.exit_code == 0, printed.output
    file = tmp_path / "own.json"
    done = call("init", *WORDS, "--out", file, "--cells", "1,0 0.9,0.05", "--set", "attack.0.leg.steps=5")
    assert done.exit_code == 0, done.output
    found = spec.resolve(json.loads(printed.output))
    assert spec.load(file).resolved == found.resolved
    assert found["blind_spot"]["cells"] == [[1, 0], [0.9, 0.05]]
    assert found.attacks[0].component.params["leg"]["steps"] == 5
    again = call("init", *WORDS, "--out", file)
    assert again.exit_code == 2
    assert "expected no file, found one" in again.output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--epsilon", "8"], 2, "of 255 it is 8/255"),
        (["--epsilon", "big"], 2, "a fraction such as 8/255, found big"),
        (["--cells", "1,0;0.9,0"], 2, "SCALE,SHIFT with spaces between cells"),
        (["--cells", "1.5,0"], 3, "a scale above 1 never fits"),
        (["--pixels", "255"], 2, "LOW,HIGH such as 0,255, mean="),
        (["--pixels", "0,255"], 2, "--pixels with a network that Keras saved alone"),
        (["--weights", "none.pth"], 1, "none.pth"),
        (["--name", "My Net"], 2, "as in my_net, found 'My Net'"),
        (["--fail-over", "sucess>40"], 2, 'did you mean "success"'),
    ],
)
def test_wrong_words_end_in_a_sentence(words, code, message, tmp_path):
    done = call("evaluate", *WORDS, *words, "--store", tmp_path / "store", "--out", tmp_path / "out")
    assert done.exit_code == code, done.output
    assert message in " ".join(done.output.split())


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A network evaluated in one cell, with limits that it is beyond: the words, and what came out."""
    folder = tmp_path_factory.mktemp("evaluated")
    words = [*WORDS, "--cells", "0.9,0", "--store", folder / "store", "--out", folder / "out"]
    words += ["--set", 'sanity={"images": 12, "queries": 10}', "--set", "attack.0.leg.targets=0", "--name", "own"]
    return words, call("evaluate", *words, "--fail-over", "success>0", "--fail-under", "accuracy>99.9")


def test_it_ends_with_the_verdict_and_with_the_exit_code_of_limits(evaluated):
    _, done = evaluated
    assert done.exit_code == 5, done.output
    assert "--fail-over success>0: success is" in done.output
    assert "--fail-under accuracy>99.9: accuracy is" in done.output
    assert "The worst cell tried is (0.9, 0)" in done.output
    assert "5 a rate is beyond a limit" in " ".join(call("evaluate", "--help").output.split())


def test_the_same_command_takes_everything_from_the_store_and_so_does_a_run_of_its_spec(evaluated, tmp_path):
    words, _ = evaluated
    again = call("evaluate", *words)
    assert again.exit_code == 0, again.output
    assert "done in" not in again.output
    (tmp_path / "own.json").write_text(call("evaluate", *words, "--print-spec").output)
    store = words[words.index("--store") + 1]
    shown = call("show", tmp_path / "own.json", "--store", store, "--out", tmp_path / "out", "--fail-over", "success>0")
    assert shown.exit_code == 5, shown.output
