"""`bsa.explore` of a network in memory, and `bsa explore`, whose spec is that of any other search."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import bsa
from bsa.cli import main
from bsa.errors import UsageError
from bsa.spec import resolve
from bsa.spec.space import spaces

PGD = {"name": "pgd", "steps": 5, "starts": ["grey"]}
SEARCH = {"epsilon": 0.06, "chain": ["scale_shift"], "ranges": {"scale": [0.5, 1], "shift": 0}, "images": 30}
SEARCH |= {"sampler": "random", "probes": 4, "keep_accuracy": 5, "attack": PGD, "standard": PGD, "unseen": 40}


def test_a_network_in_memory_is_searched_and_what_was_found_is_measured(trained, digits, tmp_path):
    told = []
    found = bsa.explore(
        trained, digits.x, digits.y, **SEARCH, folder=tmp_path, progress=lambda *at, **_: told.append(at)
    )
    assert len(found.probes) <= 4
    assert found.most.probe.success == max(p.success for p in found.probes if p.success is not None)
    measured = found.most.unseen
    low, high = measured.interval
    assert low <= measured.success <= high
    assert measured.attacked == 40
    assert measured.accuracy == measured.correct / measured.images
    assert found.original.largest == 0
    assert found.original.control is None
    assert 0 < measured.largest <= 0.25
    again = bsa.explore(trained, digits.x, digits.y, **SEARCH, folder=tmp_path)
    np.testing.assert_equal(again, found)
    other = keras.models.clone_model(trained)
    other.set_weights([w[..., ::-1] if w.shape[-1] == 10 else w for w in trained.get_weights()])  # classes in reverse
    there = bsa.explore(other, digits.x, 9 - digits.y, **SEARCH, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # nothing of the first search is taken for the other's
    assert [p.accuracy for p in there.probes] == [p.accuracy for p in found.probes]
    with pytest.raises(UsageError, match="either a space or a chain, found both"):
        bsa.explore(trained, digits.x, digits.y, **SEARCH, space="natural")
    with pytest.raises(ValueError, match="expected ranges of scale, shift, found degrees"):
        bsa.explore(trained, digits.x, digits.y, **SEARCH | {"ranges": {"degrees": [0, 9]}})
    with pytest.raises(ValueError, match="at least 4 images"):
        bsa.explore(trained, digits.x[:3], digits.y[:3], **SEARCH)


def written(*words):
    result = CliRunner().invoke(main, ["explore", *words, "--print-spec"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_the_command_makes_a_spec_of_its_words():
    spec = written("wong_small", "--weights", "mnist.pth", "--data", "mnist", "--epsilon", "8/255")
    assert spec["explore"] == {"epsilon": "8/255"}
    assert spec["report"] == [{"name": "map"}]
    assert not {"attack", "blind_spot", "measures", "certify"} & spec.keys()
    assert resolve(spec)["explore"]["ranges"] == spaces()["natural"]["ranges"]
    words = [
        "--chain",
        "rotate,blur",
        "--range",
        "degrees=-9,9",
        "--range",
        "sigma=0.5",
        "--probes",
        "7",
        "--seed",
        "3",
    ]
    spec = written("wong_small", "--weights", "mnist.pth", "--data", "mnist", "--epsilon", "0.1", *words)
    ranges = {"degrees": [-9, 9], "sigma": 0.5}
    assert spec["explore"] == {"epsilon": 0.1, "chain": ["rotate", "blur"], "ranges": ranges, "probes": 7}
    assert spec["seed"] == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--range", "degrees"], "--range: expected NAME=LOW,HIGH or NAME=NUMBER"),
        (["--range", "degrees=1,2,3"], "--range: expected NAME=LOW,HIGH"),
        (["--range", "degree=0,1"], 'found degree: did you mean "degrees"?'),
        (["--chain", "rotat"], 'did you mean "rotate"?'),
        (["--space", "naturl"], 'did you mean "natural"?'),
        (["--chain", "rotate", "--space", "natural"], 'either "space" or "chain"'),
        (["--sampler", "bayes"], "tpe, cma_es, grid, random"),
        (["--sampler", "grid"], "at least 512, for a grid of 9 parameters"),
    ],
)
def test_wrong_words_are_told_in_a_sentence(words, sentence):
    given = ["explore", "wong_small", "--weights", "mnist.pth", "--data", "mnist", "--epsilon", "0.1", "--print-spec"]
    result = CliRunner().invoke(main, [*given, *words])
    assert result.exit_code in (2, 3)
    assert sentence in result.output
    assert "Traceback" not in result.output
