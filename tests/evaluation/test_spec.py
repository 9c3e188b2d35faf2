"""The spec of an evaluation: what a few words come to, and what is said where they make none."""

import json

import pytest

from bsa import evaluation, spec
from bsa.errors import UsageError, WeightsError
from bsa.evaluation import experiment

ASKED = {"data": "digits", "epsilon": "8/255"}


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "own.npz").touch()
    return str(tmp_path / "own.npz")


def test_a_saved_network_is_taken_as_it_is_said_to_be_read():
    made = experiment("My Net-2.keras", **ASKED, pixels=[0, 255], outputs="logits")
    assert made["model"] == {"name": "keras_file", "file": "My Net-2.keras", "pixels": [0, 255], "outputs": "logits"}
    assert made["name"] == "my_net_2"
    assert not {"weights", "train"} & {*made}
    assert experiment("+.keras", **ASKED)["name"] == "network"


def test_weights_are_of_the_network_that_is_named(weights):
    made = spec.resolve(experiment("wong_small", **ASKED, weights=weights))
    assert made["model"]["name"] == "wong_small"
    assert made["weights"] == {"name": "npz", "file": weights}
    assert [dict(cell.values)["scale"] for cell in made.cells] == [1, 0.95, 0.95, 0.9, 0.9]
    (attack,) = made.attacks
    assert (attack.label, attack.images, attack.component.params["epsilon"]) == ("corner_descent", 1000, 8 / 255)


def test_a_network_of_a_spec_comes_with_its_data_seed_and_training():
    made = spec.resolve(experiment("quickstart", epsilon=0.1, paper=True))
    assert made["train"] == spec.load("quickstart")["train"]
    assert made["data"] == {"name": "digits"}
    assert [attack.label for attack in made.attacks] == ["corner_descent", "carlini_wagner_linf"]


def test_large_balls_get_the_cells_of_table_2_and_others_those_of_table_3(weights):
    tables = {0.3: "mnist_table2", 0.1: "fashion_mnist_table3"}
    for epsilon, table in tables.items():
        made = experiment("wong_small", data="digits", epsilon=epsilon, weights=weights)["blind_spot"]["cells"]
        assert made == spec.load(table)["blind_spot"]["cells"][:5]


def test_comments_are_for_people_alone(weights):
    made = experiment("wong_small", **ASKED, weights=weights, paper=True)
    written = evaluation.commented(made)
    assert "1, 0" in written["blind_spot"]["comment"]
    assert spec.resolve(json.loads(json.dumps(written))).resolved == spec.resolve(made).resolved


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        ("wong_small", {}, "expected its weights, too, --weights FILE"),
        ("wong_smal", {}, 'did you mean "wong_small"'),
        ("net.pth", {}, "bsa evaluate wong_small --weights net.pth"),
        ("net.keras", {"weights": "net.npz"}, "found a whole network"),
        ("net.keras", {"data": None}, "expected --data"),
        ("quickstart", {"pixels": [0, 255]}, "--pixels with a network that Keras saved"),
        ("quickstart", {"data": "mnist"}, "expected its own data, digits, which it is trained on, found mnist"),
        ("table1", {}, "found a collection"),
        ("mnist_figure12", {}, "expected --network, one of"),
        ("net.keras", {"network": "main"}, "expected --network with a spec of several networks alone"),
        (__file__, {}, "expected a network that Keras saved"),
    ],
)
def test_what_makes_no_spec_is_told_in_a_sentence(model, more, message):
    with pytest.raises((UsageError, WeightsError)) as caught:
        experiment(model, **ASKED | more)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
