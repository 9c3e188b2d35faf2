"""The adversarial-robustness-toolbox with PyTorch."""

import torch
from art.attacks import evasion
from art.estimators.classification import PyTorchClassifier

from benchmarks.peers._torch import load

__all__ = ["autoattack", "carlini_linf", "load"]
PACKAGES = ("adversarial-robustness-toolbox", "torch", "numpy")


def carlini_linf(model, x, y, radius, **params):
    return evasion.CarliniLInfMethod(_wrapped(model), verbose=False, **params).generate(x.numpy(), y.numpy())


def autoattack(model, x, y, radius, *, square_restarts):
    """APGD (cross-entropy, then DLR: 5 restarts of 100 steps), DeepFool, and Square (5,000 queries a restart)."""
    return combined(_wrapped(model), radius, len(x), square_restarts).generate(x.numpy(), y.numpy())


def combined(estimator, radius, batch, square_restarts):
    """The library's AutoAttack, but for the restarts of Square, and quiet; APGD's first step is 2 * radius, as ever."""
    attack = evasion.AutoAttack(estimator, eps=radius, eps_step=2 * radius, batch_size=batch)
    for member in attack.attacks:
        member.set_params(verbose=False)
    attack.attacks[-1].set_params(nb_restarts=square_restarts, batch_size=batch)
    return attack


def _wrapped(model):
    loss = torch.nn.CrossEntropyLoss()
    return PyTorchClassifier(model, loss, input_shape=(1, 28, 28), nb_classes=10, clip_values=(0.0, 1.0))
