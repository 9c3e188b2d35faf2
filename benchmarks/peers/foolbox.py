"""Foolbox 3 with PyTorch."""

import foolbox as fb
import torch

from benchmarks.peers._torch import load

__all__ = ["brendel_bethge", "fmn", "load", "pgd"]
PACKAGES = ("foolbox", "torch", "numpy", "numba")


def pgd(model, x, y, radius, *, steps, repeats):
    attack = fb.attacks.LinfPGD(steps=steps)
    attack = attack.repeat(repeats) if repeats > 1 else attack
    return attack(_wrapped(model), x, y, epsilons=radius)[1]


def fmn(model, x, y, radius, *, steps):
    return fb.attacks.LInfFMNAttack(steps=steps).run(_wrapped(model), x, fb.Misclassification(y))


def brendel_bethge(model, x, y, radius, *, steps):
    """From the nearest solid image that is another class; where no solid image is, from the nearest image of one."""
    attack = fb.attacks.LinfinityBrendelBethgeAttack(steps=steps)
    return attack.run(_wrapped(model), x, fb.Misclassification(y), starting_points=_starts(model, x, y))


def _wrapped(model):
    return fb.PyTorchModel(model, bounds=(0, 1))


def _starts(model, x, y):
    levels = torch.linspace(0, 1, 51)[:, None, None, None].expand(-1, *x.shape[1:])
    pool = torch.cat([levels, x])
    with torch.no_grad():
        predicted = model(pool).argmax(1)
    distance = (pool[None] - x[:, None]).abs().amax((2, 3, 4))
    distance[:, len(levels) :] += 1  # solid images first
    distance[predicted[None] == y[:, None]] = torch.inf
    return pool[distance.argmin(1)].clone()
