"""torchattacks with PyTorch."""

import torchattacks as ta

from benchmarks.peers._torch import load

__all__ = ["apgd", "apgdt", "autoattack", "autoattack_of_the_paper", "fab", "load", "square"]
PACKAGES = ("torchattacks", "torch", "numpy")


def apgd(model, x, y, radius, **params):
    return ta.APGD(model, eps=radius, seed=_seed(), **params)(x, y)


def apgdt(model, x, y, radius, **params):
    return ta.APGDT(model, eps=radius, seed=_seed(), **params)(x, y)


def fab(model, x, y, radius, **params):
    return ta.FAB(model, eps=radius, seed=_seed(), **params)(x, y)


def square(model, x, y, radius, **params):
    return ta.Square(model, eps=radius, seed=_seed(), **params)(x, y)


def autoattack(model, x, y, radius):
    """AutoAttack standard as this library has it; its gradient attacks make 10 steps."""
    return ta.AutoAttack(model, eps=radius, version="standard", seed=_seed())(x, y)


def autoattack_of_the_paper(model, x, y, radius):
    """AutoAttack standard with the budgets of Croce and Hein (2020): 100 steps each, 5,000 queries."""
    attacks = [
        ta.APGD(model, eps=radius, steps=100, seed=_seed()),
        ta.APGDT(model, eps=radius, steps=100, seed=_seed()),
        ta.FAB(model, eps=radius, steps=100, multi_targeted=True, seed=_seed()),
        ta.Square(model, eps=radius, n_queries=5000, seed=_seed()),
    ]
    return ta.MultiAttack(attacks)(x, y)


def _seed():
    """These attacks seed PyTorch themselves; the number comes from the worker's seed."""
    import torch

    return torch.initial_seed() % 2**31
