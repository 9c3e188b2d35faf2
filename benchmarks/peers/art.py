"""The adversarial-robustness-toolbox with PyTorch."""

import torch
from art.attacks import evasion
from art.estimators.classification import PyTorchClassifier

from benchmarks.peers._torch import load

__all__ = ["autoattack", "carlini_linf", "load"]
PACKAGES = ("adversarial-robustness-toolbox", "torch", "numpy")


def carlini_linf(model, x, y, radius, **params):
    return evasion.CarliniLInfMethod(_wrapped(model, x), verbose=False, **params).generate(x.numpy(), y.numpy())


def autoattack(model, x, y, radius, *, square_restarts):
    """APGD (cross-entropy, then DLR: 5 restarts of 100 steps), DeepFool, and Square (5,000 queries a restart)."""
    return combined(_wrapped(model, x), radius, len(x), square_restarts).generate(x.numpy(), y.numpy())


def combined(estimator, radius, batch, square_restarts):
    """The library's AutoAttack, but for the restarts of Square, and quiet; APGD's first step is 2 * radius, as ever."""
    attack = evasion.AutoAttack(estimator, eps=radius, eps_step=2 * radius, batch_size=batch)
    for member in attack.attacks:
        member.set_params(verbose=False)
    attack.attacks[-1].set_params(nb_restarts=square_restarts, batch_size=batch)
    return attack


def _wrapped(model, x):
    """`x` are images as the network takes them: their shape is asked for."""
    with torch.no_grad():
        classes = model.network(x[:1]).shape[-1]
    loss, shape = torch.nn.CrossEntropyLoss(), tuple(x.shape[1:])
    return PyTorchClassifier(model, loss, input_shape=shape, nb_classes=classes, clip_values=(0.0, 1.0))
