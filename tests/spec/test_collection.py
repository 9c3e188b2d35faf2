"""Collections: what is wrong is said with both files, what experiments share is computed once, reports span them."""

import copy
import json

import pytest
from click.testing import CliRunner

from bsa import spec
from bsa.cli import commands
from bsa.engine import display
from bsa.errors import UsageError

EXPERIMENT = {
    "name": "one",
    "data": {"name": "digits"},
    "model": {"name": "wong_small"},
    "train": {"name": "natural", "steps": 40, "learning_rate": 0.003},
    "attack": {"name": "pgd", "epsilon": 0.001, "steps": 3, "starts": ["uniform"], "images": 20},
    "measures": [{"name": "nearest", "images": 50, "training_images": 300}, {"name": "accuracy", "images": 50}],
    "sanity": {"images": 8, "queries": 20},
    "reported": {"source": "Table 0", "rows": [{"cell": [1, 0], "accuracy": 90, "normalised_distance": {"main": 0.5}}]},
}
OTHER = copy.deepcopy(EXPERIMENT) | {"name": "two", "sanity": False}
OTHER["attack"]["epsilon"] = 0.05
COLLECTION = {"name": "both", "experiments": ["one.json", "two.json"], "report": [{"name": "distance_table"}]}


def write(folder, **changes):
    """The files of COLLECTION in a folder, with changed fields (`...`: taken away) by file; the collection's path."""
    for name, value in (("both", COLLECTION), ("one", EXPERIMENT), ("two", OTHER)):
        value = {k: v for k, v in (value | changes.get(name, {})).items() if v is not ...}
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder / "both.json"


def problems(path):
    with pytest.raises(spec.SpecError) as caught:
        spec.load(path)
    return [str(p) for p in caught.value.problems]


def test_experiments_stand_resolved_in_place_of_their_files(tmp_path):
    loaded = spec.load(write(tmp_path, both={"comment": "why"}))
    assert loaded["experiments"] == [spec.load(tmp_path / "one.json"), spec.load(tmp_path / "two.json")]
    assert loaded["report"] == [{"name": "distance_table"}]
    assert loaded["description"] == ""


def test_experiments_are_looked_up_beside_the_collection_and_then_among_the_shipped(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # not where the user stands
    write(tmp_path / "elsewhere", one={"seed": 7})
    shipped = {"experiments": ["mnist_figure5.json", "one.json"]}
    assert [e["seed"] for e in spec.load(write(tmp_path, both=shipped))["experiments"]] == [0, 0]
    names = [e["name"] for e in spec.load(tmp_path / "both.json")["experiments"]]
    assert names == ["mnist_figure5", "one"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"both": {"experiments": ["one.json", "tow.json"]}}, ["/experiments/1", "tow.json", "no spec"]),
        ({"two": {"train": {"name": "natural", "step": 1}}}, ["/experiments/1", "two.json: /train/step", '"steps"?']),
        ({"two": {"name": "one"}}, ["/experiments/1", "different names", '"one" twice']),
        ({"two": {"name": "train"}}, ["/experiments/1", "whose name is no key of a spec", '"train"']),
        ({"both": {"experiments": ["one.json", "both.json"]}}, ["/experiments/1", "both.json: a collection"]),
        ({"both": {"experiments": ["one.json", "one.json"]}}, ["/experiments", "no repeated items"]),
        ({"both": {"experiments": ["-"]}}, ["/experiments/0", "json"]),
        ({"both": {"experiments": []}}, ["/experiments", "at least 1 items"]),
        ({"both": {"report": [{"name": "success_table"}]}}, ["/report/0/name", "one of distance_table"]),
        ({"both": {"report": [{"name": "distance_table", "bins": 3}]}}, ["/report/0/bins"]),
        ({"both": {"report": [{"name": "distance_table"}] * 2}}, ["/report/1", "each report once"]),
        ({"both": {"report": ...}}, ["/report", 'a key "report"']),
        ({"both": {"train": {}}}, ["/train", "one of the keys", '"train"']),
        ({"two": {"measures": []}}, ["/experiments/1", 'a measure "nearest"', 'distance_table', 'none in "two"']),
        ({"two": {"blind_spot": {"cells": [[0.9, 0]]}}}, ["/experiments/1", "the cell [1, 0]"]),
    ],
)  # fmt: skip
def test_a_mistake_gets_a_message_that_points_at_it(changes, words, tmp_path):
    found = problems(write(tmp_path, **changes))
    assert any(all(word in problem for word in words) for problem in found), found


def test_all_mistakes_are_reported_at_once_with_both_files(tmp_path):
    path = write(tmp_path, one={"seed": -1}, two={"seed": -2, "data": ...})
    done = CliRunner().invoke(commands.main, ["validate", str(path)])
    assert done.exit_code == 3
    for number, name, pointer in ((0, "one", "/seed"), (1, "two", "/seed"), (1, "two", "/data")):
        place = f"{path}: /experiments/{number}: expected a valid experiment, found {tmp_path / name}.json: {pointer}:"
        assert place in done.output
    (tmp_path / "one.json").write_text("{")
    assert "one.json: /: expected JSON, found a syntax error" in problems(path)[0]


def test_overrides_are_for_every_experiment_or_for_one_or_for_the_collection(tmp_path):
    path = write(tmp_path)
    loaded = spec.load(path, ["train.steps=7", "two.seed=3", "one.attack.images=5", "description=words", "seed=2"])
    assert [e["train"]["steps"] for e in loaded["experiments"]] == [7, 7]
    assert [e["seed"] for e in loaded["experiments"]] == [2, 2]  # in the order in which they are given
    assert [e["attack"]["images"] for e in loaded["experiments"]] == [5, 20]
    assert loaded["description"] == "words"
    assert loaded["experiments"][0]["description"] == ""
    with pytest.raises(spec.SpecError, match=r"two\.json: /train/stepz: .*did you mean") as caught:
        spec.load(path, ["train.stepz=7"])
    assert len(caught.value.problems) == 2
    with pytest.raises(UsageError, match=r"one\.json: --set measures\.5\.k=\[1\]: expected an index"):
        spec.load(path, ["measures.5.k=[1]"])
    with pytest.raises(UsageError, match="--set one=5: expected NAME"):
        spec.load(path, ["one=5"])


def call(*words):
    return CliRunner().invoke(commands.main, [str(w) for w in words])


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """COLLECTION, killed in its second attack and run to its end: its words, its folder, what the runs printed."""
    folder = tmp_path_factory.mktemp("collection")
    words = [write(folder), "--store", folder / "store", "--out", folder / "out"]
    with pytest.MonkeyPatch.context() as patch:

        def began(self, stage):
            if stage.kind == "attack" and stage.title.startswith("two"):
                raise KeyboardInterrupt
            return lambda done, total, **_: None

        patch.setattr(display.Display, "began", began)
        killed = call("run", *words)
    plan = call("plan", *words[:3], "--format", "json")
    return words, folder, (killed, json.loads(plan.output), call("run", *words))


def test_what_experiments_share_is_computed_once_and_a_killed_run_goes_on(ran):
    _, _, (killed, rows, done) = ran
    assert killed.exit_code == 130
    assert "goes on from here" in killed.output
    # one network, one measurement of each kind: both experiments need them
    assert [(row["title"], row["state"]) for row in rows] == [
        ("one: network main: wong_small, natural training", "stored"),
        ("one: nearest, network main, cell (1, 0)", "stored"),
        ("one: accuracy, network main, cell (1, 0)", "stored"),
        ("one: pgd, network main, cell (1, 0)", "stored"),
        ("one: sanity of pgd, network main", "stored"),
        ("two: pgd, network main, cell (1, 0)", "to do"),  # nothing was done for it that a run could go on from
    ]
    assert done.exit_code == 0, done.output
    assert done.output.count("stored:") == 5
    assert done.output.count("done in") == 1


def test_the_table_has_a_row_for_each_experiment(ran):
    _, folder, (_, _, done) = ran
    found = json.loads((folder / "out" / "distance_table.json").read_text())["experiments"]
    assert list(found) == ["one", "two"]
    one, two = (each["networks"]["main"] for each in found.values())
    assert one["nearest"] == two["nearest"]
    assert two["success"]["pgd"]["percent"] > one["success"]["pgd"]["percent"]
    lines = (folder / "out" / "distance_table.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith(("| digits", "| Table 0"))]
    assert [row.split(" | ")[0] for row in rows] == ["| digits, wong_small", "| Table 0"] * 2
    assert rows[0].split(" | ")[1] == f"{one['nearest']['mean_normalised'][0]:.4f}"
    assert rows[1].split(" | ")[1] == "0.5"
    # what the checks of an experiment found is said, in the table's file and in its own folder
    assert any(line.startswith("one: WARNING pgd, network main") for line in lines)
    assert (folder / "out" / "one" / "sanity.json").is_file()
    assert "WARNING pgd" in done.output


def test_an_experiment_of_it_is_shown_from_the_same_store(ran):
    words, folder, _ = ran
    report = 'report=[{"name": "distance_histogram", "bins": 5}, {"name": "success_table"}]'
    done = call("show", folder / "two.json", *words[1:3], "--out", folder / "two", "--set", report)
    assert done.exit_code == 0, done.output
    ((figure),) = json.loads((folder / "two" / "distance_histogram.json").read_text())["figures"]
    (panel,) = figure["panels"]
    assert sum(panel["images"]) == 50
    assert sum(panel["attacked"]) == panel["all"]["images"] == 20
    assert (folder / "two" / "distance_histogram_main_pgd.svg").is_file()


def test_show_and_strict(ran):
    words, _, _ = ran
    done = call("show", *words, "--strict")
    assert done.exit_code == 2
    assert '"sanity": false in two' in done.output
    named = [*words[:3], "--out", words[-1], "--set", "one.name=other"]
    done = call("show", *named)
    assert done.exit_code == 2
    assert '/experiments/0/name is "one" there, "other" here' in done.output
    done = call("show", *named, "--overwrite")
    assert done.exit_code == 0  # a name enters no key
    assert not (words[-1] / "one").exists()
    (words[0].parent / "both.json").write_text(json.dumps(COLLECTION | {"experiments": ["one.json"]}))
    done = call("show", *words, "--strict", "--overwrite")
    assert done.exit_code == 4
    assert "sanity checks failed: 1" in done.output


def test_what_was_not_run_is_named(tmp_path):
    done = call("show", write(tmp_path), "--store", tmp_path / "store")
    assert done.exit_code == 1
    assert "one has not been run to its end" in done.output
