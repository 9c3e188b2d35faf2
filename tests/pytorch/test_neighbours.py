"""Beside Foolbox and ART themselves: their images judged here, our attacks called there."""

import numpy as np
import pytest

import bsa
from bsa import neighbours
from bsa.errors import UsageError

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "bsa[torch]"')
EPSILON, PARAMS = 0.1, {"steps": 5}


@pytest.fixture(scope="module")
def fb():
    return pytest.importorskip("foolbox", reason="Foolbox is not installed, see docs/neighbours.md")


@pytest.fixture(scope="module")
def classifier(trained_in_torch):
    estimators = pytest.importorskip(
        "art.estimators.classification", reason="ART is not installed, see docs/neighbours.md"
    )
    return estimators.PyTorchClassifier(
        trained_in_torch, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0, 1)
    )


@pytest.fixture(scope="module")
def few(attacked_images):
    x, y, _ = (part[:20] for part in attacked_images)
    return x, np.ascontiguousarray(np.moveaxis(x, -1, 1)), y.astype(np.int64)  # as PyTorch has labels


@pytest.fixture(scope="module")
def own(trained_in_torch, few):
    """What our attack finds when it is called as ours are."""
    x, _, y = few
    found = bsa.attack("pgd", bsa.from_torch(trained_in_torch, input_shape=(28, 28, 1)), epsilon=EPSILON, **PARAMS)(
        x, y
    )
    assert 0 < found.success.sum() < 20
    return found


@pytest.mark.parametrize("bounds", [(0, 1), (-1, 3)])
def test_an_attack_of_ours_as_foolbox_calls_one(fb, trained_in_torch, few, own, bounds):
    _, x, y = few
    low, high = bounds
    # of pixels in other bounds the preprocessing makes those that the network takes
    model = fb.PyTorchModel(trained_in_torch, bounds, "cpu", {"mean": low, "std": high - low})
    images, epsilons = torch.tensor(low + (high - low) * x), [EPSILON * (high - low), EPSILON * (high - low) / 100]
    raw, clipped, fell = neighbours.foolbox("pgd", **PARAMS)(model, images, torch.tensor(y), epsilons=epsilons)
    np.testing.assert_array_equal(fell[0], own.success)
    assert not fell[1].any()
    np.testing.assert_array_equal(raw[0][~fell[0]], images[~fell[0]])
    np.testing.assert_allclose(((clipped[0] - low) / (high - low))[:, 0], own.x[..., 0], atol=1e-6)  # float32 pixels


def test_an_attack_of_ours_as_art_calls_one(classifier, few, own):
    _, x, y = few
    attack = neighbours.art("pgd", classifier, epsilon=EPSILON, **PARAMS)
    for labels in (y, np.eye(10)[y], None):  # all images are classified correctly
        np.testing.assert_array_equal(attack.generate(x, labels), np.moveaxis(own.x, -1, 1))


def test_foolboxs_images_are_judged(fb, trained, trained_in_torch, few):
    x, channels_first, y = few
    images, labels = torch.tensor(channels_first), torch.tensor(y)
    attack = fb.attacks.LinfPGD(steps=5, random_start=False)
    _, clipped, fell = attack(fb.PyTorchModel(trained_in_torch, (0, 1), "cpu"), images, labels, epsilons=EPSILON)
    found = bsa.judge(trained, x, clipped.permute(0, 2, 3, 1), y, EPSILON)
    assert 0 < fell.sum() < 20
    np.testing.assert_array_equal(found.attacked.success, fell)


def test_arts_images_are_judged(trained, classifier, few):
    from art.attacks.evasion import FastGradientMethod

    x, channels_first, y = few
    images = FastGradientMethod(classifier, eps=EPSILON).generate(channels_first, y)
    found = bsa.judge(trained, x, np.moveaxis(images, 1, -1), y, EPSILON)
    wrong = classifier.predict(images).argmax(1) != y
    assert 0 < wrong.sum() < 20
    np.testing.assert_array_equal(found.attacked.success, wrong)


def test_what_is_not_taken_is_said(fb, classifier, trained_in_torch, few):
    from art.estimators.classification import PyTorchClassifier

    _, x, y = few
    model, images, labels = fb.PyTorchModel(trained_in_torch, (0, 1), "cpu"), torch.tensor(x), torch.tensor(y)
    attack = neighbours.foolbox("pgd", **PARAMS)
    with pytest.raises(ValueError, match="Misclassification, found TargetedMisclassification"):
        attack(model, images, fb.TargetedMisclassification(labels), epsilons=EPSILON)
    with pytest.raises(ValueError, match=r"expected a foolbox\.PyTorchModel, found TransformBoundsWrapper"):
        attack(model.transform_bounds((0, 2), wrapper=True), images, labels, epsilons=EPSILON)
    open_ = PyTorchClassifier(trained_in_torch, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10)
    with pytest.raises(ValueError, match=r"expected a PyTorchClassifier with clip_values .* found clip_values None"):
        neighbours.art("pgd", open_, epsilon=EPSILON)
    with pytest.raises(UsageError, match='no attacks component named "pdg"'):
        neighbours.foolbox("pdg")
    with pytest.raises(UsageError, match='expected a key "epsilon"'):
        neighbours.art("pgd", classifier)
