"""The components pass bsa's tables, and a spec that uses them runs."""

from pathlib import Path

from click.testing import CliRunner

import bsa
from bsa import testing
from bsa.cli import main

SPEC = Path(__file__).parents[1] / "inverted_digits.json"


def test_the_attack_passes_the_table():
    testing.check_attack("random_corners", queries=20)


def test_the_data_set_passes_the_table():
    testing.check_data("inverted_digits", ink=0.5)


def test_the_objective_passes_the_table():
    testing.check_objective("smoothed", smoothing=0.2)


def test_the_transformation_passes_the_table():
    testing.check_transform("ramp")


def test_they_are_listed_with_their_package():
    offered = {"attacks": "random_corners", "data": "inverted_digits", "train": "smoothed", "transforms": "ramp"}
    for kind, name in offered.items():
        (component,) = bsa.components(kind, name)
        assert component.origin.startswith("bsa-example ")
        assert all(parameter.description for parameter in component.parameters if parameter.name in ("ink", "side"))


def test_a_spec_that_uses_them_runs(tmp_path):
    words = ["run", str(SPEC), "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "random_corners" in (tmp_path / "out" / "success_table.json").read_text()
