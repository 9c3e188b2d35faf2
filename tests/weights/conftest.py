"""Files of `torch.save` written without PyTorch, opcode by opcode, and networks to put weights into."""

import pickle
import struct
import zipfile
from collections import OrderedDict

import keras
import numpy as np
import pytest

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {"f4": "Float", "f8": "Double", "f2": "Half", "i8": "Long", "u2": "BFloat16"}  # NumPy has no bfloat16


class Call:
    """In a pickle: `module.name(*arguments)`, whatever it is."""

    def __init__(self, module, name, *arguments):
        self.module, self.name, self.arguments = module, name, arguments


def opcodes(value, stored, form):
    """The pickle opcodes of a value as PyTorch writes it; arrays are noted in `stored`."""

    def inside(values):
        return b"".join(opcodes(v, stored, form) for v in values)

    if isinstance(value, np.ndarray):
        value = np.ascontiguousarray(value)
        stored.append(value)
        kind = f"ctorch\n{STORAGES[value.dtype.str[1:]]}Storage\n".encode()
        view = (None,) if form == "legacy" else ()  # the legacy format has a place for views of storages
        place = b"(" + inside(["storage"]) + kind + inside([str(len(stored) - 1), "cpu", value.size, *view]) + b"tQ"
        stride = tuple(s // value.itemsize for s in value.strides)
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + place + inside(
            [0, value.shape, stride, False, OrderedDict()]) + b"tR"  # fmt: skip
    if isinstance(value, Call):
        return f"c{value.module}\n{value.name}\n(".encode() + inside(value.arguments) + b"tR"
    if isinstance(value, OrderedDict):
        items = b"(" + inside(v for item in value.items() for v in item) + b"u"
        return b"ccollections\nOrderedDict\n)R" + items + inside([{"_metadata": {}}]) + b"b"
    if isinstance(value, dict):
        return b"}(" + inside(v for item in value.items() for v in item) + b"u"
    if isinstance(value, (list, tuple)):
        return b"(" + inside(value) + (b"t" if isinstance(value, tuple) else b"l")
    return pickle.dumps(value, protocol=2)[2:-1]


def save(path, value, form):
    """Write a value as `torch.save` does, in the form "legacy" or "zip"; gives the path."""
    stored = []
    body = b"\x80\x02" + opcodes(value, stored, form) + b"."
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", body)
            archive.writestr("archive/byteorder", "little")
            for number, array in enumerate(stored):
                archive.writestr(f"archive/data/{number}", array.tobytes())
            archive.writestr("archive/version", "3\n")
        return path
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = b"".join(pickle.dumps(v, protocol=2) for v in (MAGIC, PROTOCOL, system))
    keys = pickle.dumps([str(number) for number in range(len(stored))], protocol=2)
    path.write_bytes(head + body + keys + b"".join(struct.pack("<q", a.size) + a.tobytes() for a in stored))
    return path


@pytest.fixture(params=["legacy", "zip"])
def save_torch(request):
    """save(path, value) in each of PyTorch's formats."""
    return lambda path, value: save(path, value, request.param)


@pytest.fixture
def call():
    return Call


@pytest.fixture
def narrow():
    """A convolution of stride 2 and two dense layers on (4, 6, 3) images."""
    return keras.Sequential(
        [
            keras.Input((4, 6, 3)),
            keras.layers.Conv2D(5, (4, 2), strides=2, padding="same", activation="relu", name="conv"),
            keras.layers.Flatten(),
            keras.layers.Dense(7, activation="relu", name="hidden"),
            keras.layers.Dense(2, name="logits"),
        ],
        name="narrow",
    )


@pytest.fixture
def state():
    """A PyTorch state dict for `narrow`, float32."""
    rng = np.random.default_rng(0)
    shapes = {"0.weight": (5, 3, 4, 2), "0.bias": (5,), "3.weight": (7, 30), "3.bias": (7,), "5.weight": (2, 7),
              "5.bias": (2,)}  # fmt: skip
    return OrderedDict((name, rng.normal(size=shape).astype(np.float32)) for name, shape in shapes.items())
