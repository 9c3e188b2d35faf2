"""Plug-ins: components of installed packages and of folders, in specs, in the library and on the command line."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import bsa
from bsa import catalog, spec
from bsa.cli.commands import main
from bsa.engine import plan, run
from bsa.errors import UsageError
from bsa.spec import schema

DOTS = """
import numpy as np
from bsa.data import Dataset

def describe(*, light, data_dir=None):
    return {"fingerprint": f"dots at {light}", "input_shape": [4, 4, 1], "num_classes": 2}

def load(*, light, split, data_dir=None):
    y = np.arange(20, dtype=np.int32) % 2
    return Dataset(np.tile(np.float32(light) * y[:, None, None, None], (1, 4, 4, 1)), y, 2)
"""
LIGHT = {"type": "number", "minimum": 0, "maximum": 1, "default": 1, "description": "Brightness of a dot."}
MEASURE = "def measure(view, *, power):\n    return {'mean': float((view.x**power).mean())}\n"
BROKEN = "raise RuntimeError('no licence')\n"


def fragment(name, **properties):
    return {"version": 1, "type": "object", "properties": {"name": {"const": name}} | properties}


def installed(package, points, **files):
    """The files of an installed package: its metadata, and a module for each of `files` with its fragment."""
    metadata = f"{package}-2.1.dist-info"
    groups = {}
    for group, name, module in points:
        groups.setdefault(group, []).append(f"{name} = {module}")
    text = "\n".join(f"[{group}]\n" + "\n".join(lines) for group, lines in groups.items())
    return {
        f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.1\n",
        f"{metadata}/entry_points.txt": text,
        f"{package}/__init__.py": "raise RuntimeError('imported only to read a fragment')\n"
        if package.startswith("eager")
        else "",
        **{f"{package}/{file}": value for file, value in files.items()},
    }


def folder_of_dots(plugins, code=DOTS):
    return plugins({"own/data/dots.py": code, "own/data/dots.json": fragment("dots", light=LIGHT)}) / "own"


def value(**data):
    return {
        "name": "plugged",
        "data": {"name": "dots", **data},
        "model": {"name": "wong_small"},
        "train": {"name": "natural", "steps": 2},
        "measures": [{"name": "brightness"}],
    }


@pytest.fixture
def brightness(plugins):
    """An installed package that offers a measure."""
    points = [("bsa.measures", "brightness", "optics.brightness")]
    power = {"type": "number", "default": 1}
    files = {"brightness.py": MEASURE, "brightness.json": fragment("brightness", power=power)}
    return plugins(installed("optics", points, **files))


def test_components_of_packages_and_folders_are_used_as_those_that_ship_with_bsa(plugins, brightness):
    catalog.add_folder(folder_of_dots(plugins))
    data = bsa.load("dots", split="test", light=0.5)
    assert data.x.max() == 0.5
    assert catalog.entries("measures")["brightness"].origin == "optics 2.1"
    found = bsa.measure("brightness", bsa.build("wong_small", input_shape=(4, 4, 1), num_classes=2), *data[:2], power=2)
    assert found == {"mean": 0.125}
    with pytest.raises(UsageError, match='did you mean "light"'):
        bsa.load("dots", split="test", lihgt=1)
    stages = run.planned(spec.resolve(value(light=0.25)))
    assert [stage.kind for stage in stages] == ["network", "measure"]
    with pytest.raises(spec.SpecError, match="/data/light: expected a number of at most 1"):
        spec.resolve(value(light=2))


def test_a_parameter_of_a_data_set_reaches_the_images_of_every_stage(plugins, brightness):
    from bsa.engine.stages import Desk

    catalog.add_folder(folder_of_dots(plugins))
    network, measured = run.planned(spec.resolve(value(light=0.5)))
    desk = Desk()
    assert desk.cell(measured.params).x.max() == np.float32(0.5)
    assert desk.dataset(network.params["data"], "train").x.max() == np.float32(0.5)
    same = {"fingerprint": "same", "input_shape": [4, 4, 1], "num_classes": 2}
    keys = [{stage.key for stage in plan.stages(spec.resolve(value(light=share)), same)} for share in (1, 0.5)]
    assert not keys[0] & keys[1]  # whatever the description says


def test_the_origin_is_in_the_keys(plugins, brightness):
    catalog.add_folder(folder_of_dots(plugins))
    before = run.planned(spec.resolve(value()))
    assert before[1].component["package"] == ["optics", "2.1"]
    assert set(before[0].params["data"]) > {"sha256"}
    assert "package" not in before[0].component
    assert "sha256" not in before[0].params["model"]
    changed = DOTS + "# another source\n"
    catalog.forget()
    catalog.add_folder(folder_of_dots(plugins, changed))
    after = run.planned(spec.resolve(value()))
    assert not {stage.key for stage in before} & {stage.key for stage in after}


def test_the_schema_has_folders_that_are_added_later(plugins):
    assert "data.dots" not in schema.combined()["$defs"]
    catalog.add_folder(folder_of_dots(plugins))
    assert schema.combined()["$defs"]["data.dots"]["properties"]["light"] == LIGHT


def test_a_clash_names_both(plugins):
    points = [("bsa.data", "dots", "optics.dots")]
    plugins(installed("optics", points, **{"dots.py": DOTS, "dots.json": fragment("dots", light=LIGHT)}))
    own = folder_of_dots(plugins)
    with pytest.raises(UsageError, match=r'"dots", found two, of optics 2.1 and of .*own/data/dots.py'):
        catalog.add_folder(own)
    assert catalog.folders() == ()
    assert catalog.entries("data")["dots"].origin == "optics 2.1"  # nothing of the folder stays
    taken = plugins({"taken/models/wong_small.py": "", "taken/models/wong_small.json": fragment("wong_small")})
    with pytest.raises(UsageError, match='"wong_small", found two, of bsa and of'):
        catalog.add_folder(taken / "taken")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"expected its parameters in .*odd/thing.json, found none; is it among the package's data\?"),
        ({"thing.json": "{"}, "thing.json: expected a JSON object with"),
        ({"thing.json": "[]"}, "thing.json: expected a JSON object with"),
        ({"thing.json": fragment("think", epsilon={"type": "number"})}, '"name": {"const": "thing"}, found'),
        ({"thing.json": fragment("thing", epsilon={"type": "nummer"})}, "expected a JSON Schema, found 'nummer'"),
        ({"thing.json": fragment("thing")}, r"none for epsilon, thresholds: \"include\": \[\"_common\"\]"),
        ({"thing.json": fragment("thing") | {"include": ["_comon"]}}, "_comon.json"),
    ],
)
def test_a_broken_package_is_told_where_it_is_used_and_breaks_nothing_else(plugins, files, message):
    plugins(installed("odd", [("bsa.attacks", "thing", "odd.thing")], **files))
    assert "thing" not in catalog.names("attacks")
    assert CliRunner().invoke(main, ["validate", "quickstart"]).exit_code == 0
    told = f'odd 2.1 offers attacks "thing", which cannot be used: .*{message}'
    with pytest.raises(UsageError, match=told):
        bsa.attack("thing", None, epsilon=0.1)
    with pytest.raises(spec.SpecError, match=told):
        spec.resolve(value() | {"data": {"name": "digits"}, "measures": [], "attack": {"name": "thing"}})


def test_a_module_that_cannot_be_imported_or_lacks_a_function_is_told_in_a_sentence(plugins):
    points = [("bsa.data", "dots", "odd.dots"), ("bsa.data", "few", "odd.few"), ("bsa.data", "none", "odd.none:load")]
    files = {"dots.py": BROKEN, "dots.json": fragment("dots"), "few.py": "load = print", "few.json": fragment("few")}
    plugins(installed("odd", points, **files))
    with pytest.raises(UsageError, match=r'"dots" of odd 2.1: expected a module to import, found RuntimeError: no'):
        bsa.load("dots", split="test")
    with pytest.raises(UsageError, match="expected functions describe and load in its module, found no describe"):
        bsa.load("few", split="test")
    with pytest.raises(UsageError, match=r"expected an entry point that names a module, found odd.none:load"):
        bsa.load("none", split="test")
    own = folder_of_dots(plugins, BROKEN)
    plugins({"odd-2.1.dist-info/entry_points.txt": ""})
    catalog.add_folder(own)
    for _ in range(2):  # half a module is not kept
        with pytest.raises(UsageError, match="RuntimeError: no licence"):
            bsa.load("dots", split="test")


def test_reading_fragments_imports_nothing(plugins):
    points = [("bsa.measures", "brightness", "eager_optics.brightness")]
    plugins(installed("eager_optics", points, **{"brightness.json": fragment("brightness")}))
    assert "measures.brightness" in schema.combined()["$defs"]
    assert "eager_optics" not in sys.modules


def call(*words, **environment):
    return CliRunner(env=environment).invoke(main, [str(word) for word in words])


def test_the_command_line_takes_folders_and_so_does_the_environment(plugins, brightness, tmp_path):
    own, file = folder_of_dots(plugins), tmp_path / "spec.json"
    file.write_text(json.dumps(value()))
    assert call("validate", file).exit_code == 3
    assert '"dots"' in call("schema", "--plugins", own).output
    catalog.forget()
    assert call("validate", "--plugins", own, file).exit_code == 0
    catalog.forget()
    other = plugins({"other/data/more.py": DOTS, "other/data/more.json": fragment("more", light=LIGHT)}) / "other"
    done = call("plan", file, "--store", tmp_path / "store", BSA_PLUGINS=f"{own}{os.pathsep}{other}")
    assert done.exit_code == 0, done.output
    assert catalog.folders() == (own, other)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "--plugins: expected a folder with <kind>/<name>.py, found no folder"),
        ({"own/dat/dots.py": DOTS}, "with a kind out of data, models, .* found none"),
        ({"own/data/dots.py": DOTS}, "expected the parameters of .*dots.py in .*dots.json, found no file"),
        ({"own/data/dots.py": DOTS, "own/data/dots.json": "{"}, "--plugins: .*dots.json: expected a JSON object"),
        (
            {"own/attacks/mine.py": "", "own/attacks/mine.json": fragment("mine") | {"efforts": {"quick": {}}}},
            '--plugins: .*mine.json: expected both "efforts" and, .* the field effort, found "efforts" alone',
        ),
        (
            {"own/attacks/mine.py": "", "own/attacks/mine.json": fragment("mine") | {"include": ["_effort"]}},
            '--plugins: .*mine.json: expected both "efforts" and, .* the field effort, found the field alone',
        ),
    ],
)
def test_a_folder_that_is_none_of_plug_ins_is_refused_in_a_sentence(plugins, files, message):
    done = call("validate", "--plugins", plugins(files) / "own", "quickstart")
    assert done.exit_code == 2
    assert catalog.folders() == ()
    assert done.output.count("\n") == 1
    with pytest.raises(UsageError, match=message):
        catalog.add_folder(plugins(files) / "own")


def test_a_worker_of_ray_is_told_of_the_folders(plugins):
    from bsa.engine import pool

    own = folder_of_dots(plugins)
    pool.prepare(pool.Pool("", None, os.cpu_count(), 0, 1, (own,)))
    assert "dots" in catalog.names("data")


@pytest.mark.slow  # a cluster of its own; the twin is above
def test_stages_of_plug_ins_are_computed_by_workers_of_ray(plugins, tmp_path):
    pytest.importorskip("ray")
    own, file = folder_of_dots(plugins), tmp_path / "spec.json"
    small = value() | {"measures": [{"name": "accuracy"}], "data": {"name": "dots"}}
    small["train"] = {"name": "natural", "steps": 2, "batch_size": 4}
    file.write_text(json.dumps(small))
    words = [sys.executable, "-m", "bsa", "run", str(file), "--plugins", str(own), "--store", str(tmp_path / "store")]
    words += ["--out", str(tmp_path / "out"), "--executor", "ray", "--ray-address", "local", "--workers", "1"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_run_in_a_process_of_its_own_knows_the_folder(plugins, brightness, tmp_path):
    own, file = folder_of_dots(plugins), tmp_path / "spec.json"
    small = value() | {"measures": [], "weights": {"name": "npz", "file": "none.npz", "sha256": "0" * 64}, "report": []}
    del small["train"]
    file.write_text(json.dumps(small))
    code = "import sys; from bsa.cli import main; sys.argv = ['bsa', *sys.argv[1:]]; main()"
    words = [sys.executable, "-c", code, "plan", str(file), "--store", str(tmp_path / "store")]
    done = subprocess.run(words, env=os.environ | {"BSA_PLUGINS": str(own)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "network main: wong_small, npz weights" in done.stdout
