"""adv-lib with PyTorch."""

import math
import sys
from types import ModuleType

# adv-lib imports visdom for its plots and torchvision for a perceptual distance. No attack here uses either, and the
# one drags in a web server and the other a build of its own for every PyTorch: empty modules do.
for _name in ("visdom", "torchvision", "torchvision.models"):
    sys.modules.setdefault(_name, ModuleType(_name))
sys.modules["torchvision"].models = sys.modules["torchvision.models"]

from adv_lib import attacks  # noqa: E402

from benchmarks.peers._torch import load  # noqa: E402

__all__ = ["apgd_targeted", "carlini_wagner_linf", "fmn", "load", "pdpgd"]
PACKAGES = ("adv-lib", "torch", "numpy")


def carlini_wagner_linf(model, x, y, radius, **params):
    return attacks.carlini_wagner_linf(model, x, y, **params)


def fmn(model, x, y, radius, *, steps):
    return attacks.fmn(model, x, y, norm=math.inf, steps=steps)


def pdpgd(model, x, y, radius, *, num_steps):
    return attacks.pdpgd(model, x, y, norm=math.inf, num_steps=num_steps)


def apgd_targeted(model, x, y, radius, *, n_iter):
    return attacks.apgd_targeted(model, x, y, eps=radius, norm=math.inf, n_iter=n_iter)
