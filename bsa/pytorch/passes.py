"""The passes of a PyTorch module, forward and back, on NumPy arrays with channels last."""

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from bsa.errors import one_line
from bsa.pytorch.opened import Opened

STORED = (
    "expected a network that Keras can save, found one of PyTorch, which exists in this process only: use it with the "
    "library's functions, without a store and without Ray, or build it in Keras and import its weights "
    "(bsa.import_weights)"
)
# One thread for all of PyTorch's work: OpenMP keeps as many threads as there are cores for each calling thread, and
# TensorFlow would call from any of its own.
THREAD = ThreadPoolExecutor(1, "pytorch")


class Passes:
    """Both passes of `module`; with a `sharpness`, the backward pass opens ReLUs, see `bsa.rewrites.opened`.

    The backward pass reuses the forward pass of the same images, if that was kept and is the last one.
    """

    def __init__(self, module, sharpness=None):
        self.module, self.sharpness = module, sharpness
        self.opened = False  # whether the last pass met a ReLU that it opened
        self._last, self._numbers, self._classes = None, itertools.count(), {}

    def get_config(self):
        """Keras calls it to save a model; copies in this process receive the passes themselves."""
        raise ValueError(STORED)

    def classes(self, shape):
        """How many outputs the module has for an image of `shape` (height, width, channels); None if a size is None."""
        if None in shape:
            return None
        if shape not in self._classes:
            try:
                self._classes[shape] = self._first(shape).shape[1]
            except Exception as error:  # whatever a module raises
                height, width, channels = shape
                reason = f"{type(error).__name__}: {one_line(error)}"
                expected = f"a module that takes images (n, {channels}, {height}, {width}) and returns logits"
                raise _shown(ValueError(f"expected {expected} (n, classes), found {reason}")) from error
        return self._classes[shape]

    def opens(self, shapes):
        """Whether an image of the first of the `shapes` meets a ReLU that can be opened; without shapes: True."""
        for shape in shapes:
            try:
                self._first(shape)
            except Exception:  # a compiled module may refuse this
                return False
            return self.opened
        return True

    @property
    def seen(self):
        """The shapes (height, width, channels) of the images so far."""
        return tuple(self._classes)

    def forward(self, x, keep):
        """Logits (n, classes) of x (n, height, width, channels), and the number of this pass, for `backward`."""
        return THREAD.submit(self._numbered, x, keep).result()

    def backward(self, x, g, number):
        """The gradient, like x, of the sum of the logits times g (n, classes)."""
        return THREAD.submit(self._back, x, g, number).result()

    def _numbered(self, x, keep):
        number = np.int64(next(self._numbers))
        self._last = None  # its memory is free before the next pass
        images = self._images(x, keep)
        logits = self._logits(images, keep)
        if keep:
            self._last = number, images, logits
        return logits.detach().cpu().numpy(), number

    def _first(self, shape):
        """The logits of a grey image of that shape."""
        return self.forward(np.full((1, *shape), 0.5, np.float32), keep=False)[0]

    def _back(self, x, g, number):
        last, self._last = self._last, None
        if last is None or last[0] != number:
            images = self._images(x, True)
            last = number, images, self._logits(images, True)
        _, images, logits = last
        slope = None
        if logits.requires_grad:  # some modules have no gradient
            (slope,) = torch.autograd.grad(logits, images, torch.tensor(g).to(logits.device), allow_unused=True)
        return np.zeros_like(x) if slope is None else np.moveaxis(slope.cpu().numpy(), 1, -1)

    def _images(self, x, keep):
        """x as a tensor of its own with channels first, on the module's device."""
        device = next((p.device for p in self.module.parameters()), None)
        return torch.from_numpy(np.array(np.moveaxis(x, -1, 1), order="C")).to(device).requires_grad_(keep)

    def _logits(self, images, keep):
        """The module's logits in inference mode; the module's own mode is restored."""
        training = [each for each in self.module.modules() if each.training]
        self.module.eval()
        try:
            opening = Opened(self.sharpness) if self.sharpness else contextlib.nullcontext()
            with torch.set_grad_enabled(keep), opening as relus:
                logits = self.module(images.clone())  # the module may work in place
            self.opened = bool(relus and relus.found)
            return _one(logits, len(images))
        finally:
            for each in training:
                each.training = True


def _one(given, count):
    """The logits (count, classes) that a module returns: a tensor, or the only entry of a list, a dict or an object."""
    if hasattr(given, "logits"):  # of Hugging Face's models
        given = given.logits
    if isinstance(given, dict | list | tuple) and len(given) == 1:
        (given,) = given.values() if isinstance(given, dict) else given
    if not isinstance(given, torch.Tensor):
        raise ValueError(f"its output is a {type(given).__name__}, not one tensor: wrap it in a module that returns it")
    if given.ndim < 2 and given.numel() == count:
        given = given.reshape(count, 1)
    if given.ndim != 2 or len(given) != count:
        raise ValueError(f"its output for {count} images is of shape {tuple(given.shape)}")
    return given.float()


def _shown(error):
    """`error`, marked so that Keras shows it as it is, without the arguments of the call."""
    error._keras_call_info_injected = True
    return error
