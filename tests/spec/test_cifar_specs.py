"""The specs of CIFAR-10 and traffic signs: Figures 3 and 6 to 8 share networks and attacks, trained as released."""

import pytest

from bsa import spec
from bsa.engine import plan

EPSILON = 8 / 255
DATA = {"fingerprint": "x", "input_shape": [32, 32, 3], "num_classes": 10}


def keys(name, kind):
    """The titles and keys of a spec's stages of one kind."""
    return {
        stage.title: stage.key for stage in plan.stages(spec.load(f"specs/{name}.json"), DATA) if stage.kind == kind
    }


@pytest.mark.parametrize("number", [6, 7, 8])
def test_nothing_of_figure_3_is_trained_or_attacked_twice(number):
    for kind in ("network", "attack", "sanity"):
        assert keys(f"cifar10_figure{number}", kind) == keys("cifar10_figure3", kind)
    nearest = keys(f"cifar10_figure{number}", "measure")
    assert len(nearest) == 2
    assert not set(nearest.values()) & set(keys("cifar10_figure3", "measure").values())


@pytest.mark.parametrize("name", ["cifar10_figure3", "gtsrb_figure9"])
def test_madrys_recipe(name):
    found = spec.load(f"specs/{name}.json")["networks"]["adversarial"]
    assert found["model"] == {"name": "madry_cifar", "width": 10, "units": 5}
    train = found["train"]
    assert (train["steps"], train["batch_size"], train["optimizer"]) == (80000, 128, "sgd")
    assert train["learning_rate"] == [[0, 0.1], [40000, 0.01], [60000, 0.001]]
    assert train["weight_decay"] == 2e-4
    assert (train["attack_steps"], train["attack_batch_norm"]) == (10, "training")
    assert train["epsilon"] == pytest.approx(EPSILON)
    assert train["step_size"] == pytest.approx(2 / 255)
    assert train["augmentation"] == ("crop" if name.startswith("gtsrb") else "flip_and_crop")


@pytest.mark.parametrize(
    "name",
    ["cifar10_figure3", "cifar10_figure3_released", "cifar10_figure3_small", "gtsrb_figure9", "gtsrb_figure9_small"],
)
def test_the_papers_attack_and_the_strongest_at_the_papers_radius(name):
    attacks = spec.load(f"specs/{name}.json")["attack"]
    assert [a["name"] for a in attacks][:2] == ["carlini_wagner_linf", "corner_descent"]
    assert all(a["epsilon"] == pytest.approx(EPSILON) and a["images"] == 2000 for a in attacks)
