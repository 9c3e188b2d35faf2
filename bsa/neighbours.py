"""Our attacks with the interfaces of Foolbox 3 and of the Adversarial Robustness Toolbox (ART).

Neither is needed elsewhere, or installed with bsa. For the other direction, `bsa.judge` takes images of their attacks.
"""

from typing import Any

import numpy as np

import bsa
from bsa.criteria import SLACK
from bsa.errors import UsageError
from bsa.spec.parameters import parameters


def foolbox(name: str, **params: Any) -> Any:
    """The attack called `name` as a Foolbox attack: `foolbox("corner_descent")(fmodel, x, y, epsilons=[8 / 255])`.

    `params` are those of the attack, without epsilon. The result is a `foolbox.attacks.base.FixedEpsilonAttack`: a call
    returns (raw, clipped, is_adv); for a list of epsilons, lists and (epsilons, n). `fmodel` is a
    `foolbox.PyTorchModel` with any bounds and preprocessing, x its images (n, channels, height, width). Only
    untargeted. Raises UsageError without Foolbox, ValueError for other models and criteria.
    """
    own, _ = _parameters(name, {**params, "epsilon": 0.5})
    try:
        import eagerpy
        import torch
        from foolbox import Misclassification, PyTorchModel
        from foolbox.attacks.base import FixedEpsilonAttack
        from foolbox.distances import linf
    except ImportError as error:
        raise _missing("foolbox and PyTorch", error) from None

    class Model(torch.nn.Module):
        def __init__(self, fmodel):
            super().__init__()
            self.fmodel = fmodel

        def forward(self, x):
            return self.fmodel(x.to(self.fmodel.device))

    class Attack(FixedEpsilonAttack):
        """The attack, see `bsa.neighbours.foolbox`."""

        distance = linf

        def run(self, model, inputs, criterion, *, epsilon, **_):
            if not isinstance(model, PyTorchModel):
                advice = "hand a Keras model to bsa.attack itself"
                raise ValueError(f"expected a foolbox.PyTorchModel, found {type(model).__name__}: {advice}")
            if not isinstance(criterion, Misclassification):
                raise ValueError(f"expected labels or a foolbox.Misclassification, found {criterion!r}")
            x, restored = eagerpy.astensor_(inputs)
            network = Model(model.transform_bounds((0, 1)))
            labels = criterion.labels.numpy()
            found = _searched(network, x.numpy(), labels, name, own, epsilon, model.bounds)
            return restored(eagerpy.from_numpy(x, found))

    return Attack()


def art(name: str, estimator: Any, **params: Any) -> Any:
    """The attack called `name` as an ART attack: `art("corner_descent", classifier, epsilon=8 / 255).generate(x, y)`.

    `estimator` is a `PyTorchClassifier` with clip_values whose model gives logits; x are its images
    (n, channels, height, width), epsilon is on their scale, and y are labels (n,) or one-hot (n, classes), by default
    the classifier's predictions. Its preprocessing is applied if it is in PyTorch. The result is an
    `art.attacks.EvasionAttack`; images that it cannot break are returned unchanged. Raises UsageError without ART,
    ValueError for other classifiers.
    """
    own, epsilon = _parameters(name, params)
    try:
        import torch
        from art.attacks import EvasionAttack
        from art.estimators.classification import PyTorchClassifier
    except ImportError as error:
        raise _missing("adversarial-robustness-toolbox and PyTorch", error) from None

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = estimator.model

        def forward(self, x):
            for each in estimator.preprocessing_operations:
                x, _ = each.forward(x)
            return self.model(x)

    class Attack(EvasionAttack):
        """The attack, see `bsa.neighbours.art`."""

        _estimator_requirements = (PyTorchClassifier,)

        def generate(self, x, y=None, **_):
            y = np.argmax(estimator.predict(x), 1) if y is None else np.asarray(y)
            return _searched(Model(), np.asarray(x, np.float32), y, name, own, epsilon, estimator.clip_values)

    attack = Attack(estimator=estimator)
    if estimator.clip_values is None or not estimator.channels_first:
        found = f"clip_values {estimator.clip_values} and channels_first {estimator.channels_first}"
        raise ValueError(f"expected a PyTorchClassifier with clip_values and channels first, found {found}")
    return attack


def _searched(network, x, y, name, params, epsilon, bounds):
    """The attack's result for images x (n, channels, height, width) and a radius, both within `bounds`."""
    low, high = (np.float32(bound) for bound in bounds)
    images = np.clip((np.moveaxis(x, 1, -1) - low) / (high - low), 0, 1)
    model = bsa.from_torch(network, input_shape=images.shape[1:])
    radius = float(epsilon / (high - low))
    found = bsa.attack(name, model, epsilon=radius, **params)(images, y)
    if len(found.moved):
        raise ValueError(f"expected an attack that stays within epsilon of the images, found {name}, which moves them")
    moved = x.copy()  # images not broken within epsilon stay as they are: some attacks return images beyond epsilon
    rows = (found.distance > 0) & (found.distance <= radius + SLACK)
    moved[rows] = np.moveaxis(low + (high - low) * found.x[rows], -1, 1)
    return moved


def _parameters(name, params):
    """The parameters of an attack without epsilon, and epsilon; UsageError if the attack does not take them."""
    parameters("attacks", name, params)
    return {key: value for key, value in params.items() if key != "epsilon"}, params["epsilon"]


def _missing(what, error):
    return UsageError(f"expected {what}, found none ({error}): install them beside bsa, see docs/neighbours.md")
