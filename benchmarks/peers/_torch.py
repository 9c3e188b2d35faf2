"""bsa's networks in PyTorch, with the weights of a Keras network, and a count of their passes."""

import json

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
        layers = json.loads(str(file["layers"]))
        arrays = [file[name] for name in file.files if name != "layers"]
    network = nn.Sequential(*(module for layer in layers for module in _KINDS[layer.pop("kind")](**layer)))
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


class Normalisation(nn.Module):
    """(x - mean) / deviation, by channel. It has no weights."""

    def __init__(self, mean, deviation):
        super().__init__()
        for name, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, x):
        return (x - self.mean) / self.deviation


def _convolution(inputs, outputs, size, strides, before, after, bias):
    if before == after:  # convex_adversarial knows no layers that pad
        return [nn.Conv2d(inputs, outputs, size, strides, tuple(before), bias=bias)]
    (top, left), (bottom, right) = before, after
    return [nn.ZeroPad2d((left, right, top, bottom)), nn.Conv2d(inputs, outputs, size, strides, bias=bias)]


_KINDS = {  # `benchmarks._network.layers` has what each takes
    "normalisation": lambda **sizes: [Normalisation(**sizes)],
    "convolution": _convolution,
    "pooling": lambda size, strides: [nn.MaxPool2d(size, strides)],
    "dense": lambda inputs, outputs, bias: [nn.Linear(inputs, outputs, bias=bias)],
    "flatten": lambda: [nn.Flatten()],
    "relu": lambda: [nn.ReLU()],
    "elu": lambda: [nn.ELU()],
}
