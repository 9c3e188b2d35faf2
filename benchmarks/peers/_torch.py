"""bsa's MNIST networks in PyTorch, with the weights of a Keras network, and a count of their passes."""

import numpy as np
import torch
from torch import nn


class Counted(nn.Module):
    """A network that counts the images that pass it, forward and backward (gradients of the logits)."""

    def __init__(self, network):
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.forwards = self.backwards = 0
        self.train(False)

    def forward(self, x):
        self.forwards += len(x)
        logits = self.network(x)
        if logits.requires_grad:
            logits.register_hook(self._passed)
        return logits

    def _passed(self, gradient):
        self.backwards += len(gradient)

    def spent(self):
        """Forward and backward passes since the last call."""
        counts = [self.forwards, self.backwards]
        self.forwards = self.backwards = 0
        return counts

    def seed(self, number):
        np.random.seed(number)  # ART draws from NumPy
        torch.manual_seed(number)

    def inward(self, x, y):
        """Images (n, height, width, channels) and labels as this library wants them."""
        return torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(y.astype(np.int64))

    def outward(self, x):
        x = x.detach().numpy() if isinstance(x, torch.Tensor) else x
        return x.transpose(0, 2, 3, 1)

    def logits(self, x):
        """Logits (n, classes) of images (n, height, width, channels); not counted."""
        with torch.no_grad():
            return self.network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()


def load(job):
    """The job's network."""
    with np.load(job["weights"]) as file:
        arrays = [file[name] for name in file.files]
    network = {"wong_small": _wong_small, "madry_mnist": _madry_mnist}[job["architecture"]]()
    weights = from_keras(arrays, [tuple(p.shape) for p in network.parameters()])
    network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
    return Counted(network)


def from_keras(arrays, shapes):
    """Keras weights in PyTorch's layout: kernels (out, in, height, width), matrices (out, in) of channels-first inputs.

    `shapes` are the wanted ones; the first matrix after the kernels takes the channels of the last kernel.
    """
    found, channels = [], None
    for array, shape in zip(arrays, shapes, strict=True):
        if array.ndim == 4:
            array, channels = array.transpose(3, 2, 0, 1), array.shape[3]
        elif array.ndim == 2 and channels:
            side = round((len(array) / channels) ** 0.5)
            array = array.reshape(side, side, channels, -1).transpose(3, 2, 0, 1).reshape(array.shape[1], -1)
            channels = None
        elif array.ndim == 2:
            array = array.T
        if array.shape != shape:
            raise ValueError(f"expected a weight of shape {shape}, found {array.shape}")
        found.append(torch.from_numpy(np.ascontiguousarray(array)))
    return found


def _wong_small():
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 100), nn.ReLU(), nn.Linear(100, 10),
    )  # fmt: skip


def _madry_mnist():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 1024), nn.ReLU(), nn.Linear(1024, 10),
    )  # fmt: skip
