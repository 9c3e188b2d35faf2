"""`bsa.rewrites.opened` for networks of PyTorch: a ReLU that is off still passes some gradient on."""

import torch


class _ReLU(torch.autograd.Function):
    """`bsa.rewrites.opened.open_relu`."""

    @staticmethod
    def forward(context, h, sharpness, ceiling):
        context.save_for_backward(h)
        context.sharpness, context.ceiling = sharpness, ceiling
        return h.clamp(0, ceiling)

    @staticmethod
    def backward(context, g):
        (h,) = context.saved_tensors
        opening = torch.sigmoid(context.sharpness * h)
        if context.ceiling is not None:
            opening = opening * torch.sigmoid(context.sharpness * (context.ceiling - h))
        return g * opening, None, None


class Opened(torch.overrides.TorchFunctionMode):
    """A context in which every ReLU and ReLU6 passes gradients by `open_relu`; `found` counts them."""

    IN_PLACE = frozenset({torch.relu_, torch.Tensor.relu_})
    RELUS = IN_PLACE | {torch.relu, torch.Tensor.relu, torch.nn.functional.relu}  # which layers call, too

    def __init__(self, sharpness):
        super().__init__()
        self.sharpness, self.found = sharpness, 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        ceiling = 0 if function in self.RELUS else _ceiling(function, *args, **kwargs)
        if ceiling is None:
            return function(*args, **kwargs)
        self.found += 1
        h = args[0] if args else kwargs["input"]
        if not (kwargs.get("inplace") or function in self.IN_PLACE):
            return _ReLU.apply(h, self.sharpness, ceiling or None)
        return h.copy_(_ReLU.apply(h.clone(), self.sharpness, ceiling or None))


def _ceiling(function, *args, min_val=-1.0, max_val=1.0, **_):
    """The upper limit of a function that is 0 below 0 and capped above, such as ReLU6; None for all others."""
    if function is torch.nn.functional.relu6:
        return 6.0
    return max_val if function is torch.nn.functional.hardtanh and min_val == 0 else None
