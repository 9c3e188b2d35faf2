"""The study of what training over transformations closes: what its specs share is trained once."""

import pytest

from bsa import spec


def networks(name):
    return spec.load(f"specs/{name}.json").networks


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("closing_mnist", "mnist_table2_released", {"plain": "main"}),
        ("closing_fashion_mnist_small", "explore_fashion_mnist_small", {"plain": "plain"}),
        ("closing_cifar10", "explore_cifar10", {"main": "main"}),
        ("closing_cifar10", "cifar10_figure3_adv4", {"main": "main"}),
        ("explore_mnist_certified", "mnist_table4", {"main": "main"}),
    ],
)
def test_specs_of_one_network_share_it(one, other, names):
    for name, known in names.items():
        assert networks(one)[name]._replace(name="") == networks(other)[known]._replace(name="")


@pytest.mark.parametrize("name", ["closing_digits", "closing_mnist_small", "closing_fashion_mnist_small",
                                  "closing_mnist_certified"])  # fmt: skip
def test_networks_differ_in_what_they_are_trained_over_alone(name):
    plain, *others = networks(name).values()
    assert "transform" not in plain.train.params
    for network in others:
        own = dict(network.train.params)
        assert own.pop("transform")["alone"] == 0.2
        assert own == plain.train.params
        assert network.model == plain.model
