"""PyTorch's files without PyTorch: values, layouts, refusals, and the released networks on real images."""

import hashlib
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import bsa
from bsa.errors import WeightsError
from bsa.networks import logits
from bsa.weights import _bounds, _torch


def torch_logits(state, x):
    """What PyTorch computes with `state` on x (n, 3, 4, 6): padding (1, 0), stride 2, channels first; in float64."""
    kernel, bias, first, b, second, c = (v.astype(np.float64) for v in state.values())
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 2), axis=(2, 3))[:, :, ::2, ::2]
    x = np.maximum(np.einsum("nihwab,oiab->nohw", windows, kernel) + bias[:, None, None], 0)
    return np.maximum(x.reshape(len(x), -1) @ first.T + b, 0) @ second.T + c


def test_logits_are_those_of_the_channels_first_network(narrow, state, save_torch, tmp_path):
    file = save_torch(tmp_path / "net.pth", state)
    bsa.import_weights("wong_kolter", narrow, file)
    x = np.random.default_rng(1).random((8, 4, 6, 3)).astype(np.float32)
    # float32 against float64, of logits near 10
    np.testing.assert_allclose(narrow(x), torch_logits(state, x.transpose(0, 3, 1, 2)), rtol=1e-4, atol=1e-4)


def test_a_cascade_gives_the_network_that_is_asked_for(narrow, state, save_torch, tmp_path):
    other = {name: value + 1 for name, value in state.items()}
    content = {"state_dict": [state, other], "err": 0.7, "epoch": 20, "sampler_indices": [np.arange(3)]}
    file = save_torch(tmp_path / "cascade.pth", content)
    bsa.import_weights("wong_kolter", narrow, file, index=1)
    np.testing.assert_array_equal(narrow.get_layer("logits").bias, state["5.bias"] + 1)
    bsa.import_weights("wong_kolter", narrow, file)
    np.testing.assert_array_equal(narrow.get_layer("logits").bias, state["5.bias"])
    with pytest.raises(WeightsError, match=r"cascade\.pth: expected an index below 2.*found 2"):
        bsa.import_weights("wong_kolter", narrow, file, index=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.update({"3.weight": s["3.weight"][:, :29]}),
         r'"3\.weight" for hidden/kernel: expected the shape \(7, 30\), found \(7, 29\)'),
        (lambda s: s.update({"0.weight": s["0.weight"].transpose(2, 3, 1, 0)}),
         r'"0\.weight" for conv/kernel: expected the shape \(5, 3, 4, 2\), found \(4, 2, 3, 5\)'),
        (lambda s: s.pop("3.bias"), r"expected 6 tensors for narrow \(conv/kernel.*found 5 \(0\.weight, 0\.bias, 3\.w"),
        (lambda s: s.update({"5.bias": np.float32([1, np.nan])}), r'"5\.bias".*expected finite numbers'),
        (lambda s: s.update({"5.bias": "no tensor"}), r"tensors alone, found others: 5\.bias"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_change_nothing(change, message, narrow, state, save_torch, tmp_path):
    before = narrow.get_weights()
    change(state)
    with pytest.raises(WeightsError, match=message):
        bsa.import_weights("wong_kolter", narrow, save_torch(tmp_path / "net.pth", state))
    for old, new in zip(before, narrow.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("function", [("os", "system"), ("posix", "system"), ("builtins", "eval"),
                                      ("collections", "OrderedDict.__class__"), ("torch.serialization", "load"),
                                      ("bsa.weights._torch", "Tensor"), ("torch", "nnStorage")])  # fmt: skip
def test_a_malicious_pickle_is_refused_and_does_nothing(function, narrow, state, save_torch, call, tmp_path):
    written = tmp_path / "written"
    state["5.bias"] = call(*function, f"touch {written}")
    file = save_torch(tmp_path / "net.pth", state)
    with pytest.raises(WeightsError, match=rf"net\.pth: refused: it names {function[0]}\.{function[1]}"):
        bsa.import_weights("wong_kolter", narrow, file)
    assert not written.exists()


def test_a_malicious_head_is_refused_too(narrow, tmp_path):
    file = tmp_path / "net.pth"
    file.write_bytes(b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00touch\x85R.")
    with pytest.raises(WeightsError, match=r"refused: it names posix\.system"):
        bsa.import_weights("wong_kolter", narrow, file)


@pytest.mark.parametrize("attribute", ["__call__", "make", "__defaults__", "__dict__"])
def test_a_pickle_cannot_change_what_it_gets(attribute, narrow, state, tmp_path):
    """BUILD with a pair sets attributes on what stands before it: here on the stand-in of a function."""
    name = struct.pack("<I", len(attribute)) + attribute.encode()
    file = tmp_path / "net.pth"
    file.write_bytes(b"\x80\x02ctorch._utils\n_rebuild_parameter\n(N}X" + name + b"K\x01stb.")
    before = dict(_torch.ADMITTED)
    with pytest.raises(WeightsError):
        bsa.import_weights("wong_kolter", narrow, file)
    assert before == _torch.ADMITTED
    assert _torch.ADMITTED["torch._utils", "_rebuild_parameter"]("tensor", True, None) == "tensor"


@pytest.mark.parametrize(
    ("offset", "size", "stride"), [(1, (2, 3), (3, 1)), (0, (2, 3), (4, 1)), (-1, (2, 3), (3, 1)), (0, (6,), (-1,))]
)
def test_a_tensor_stays_within_its_storage(offset, size, stride):
    storage = _torch.Storage("<f4", "0", 6, {"0": lambda: np.arange(6, dtype="<f4").tobytes()})
    np.testing.assert_array_equal(_torch.array(_torch.Tensor(storage, 0, (3, 2), (1, 3)), "w", "f"),
                                  [[0, 3], [1, 4], [2, 5]])  # fmt: skip
    with pytest.raises(WeightsError, match='f: "w": expected numbers within its storage of 6'):
        _torch.array(_torch.Tensor(storage, offset, size, stride), "w", "f")


def test_files_that_are_none(narrow, state, save_torch, tmp_path):
    file = save_torch(tmp_path / "net.pth", state)
    whole = file.read_bytes()
    huge = b"\x80\x02Nr\xff\xff\xff\x7f."  # what it remembers is to have the number 2^31 - 1
    for damaged in (whole[: len(whole) // 2], b"", b"PK\x03\x04", b"\x80\x02K\x01.", b"weights", huge):
        file.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"net\.pth: expected (weights|a file of torch\.save), found"):
            bsa.import_weights("wong_kolter", narrow, file)
    with pytest.raises(WeightsError, match=r"no weights .*none\.pth"):
        bsa.import_weights("wong_kolter", narrow, tmp_path / "none.pth")


def nested(levels, key):
    """A pickle of tuples within one another, as the key of a dict or alone."""
    deep = b")" + b"\x85" * levels
    return b"\x80\x02" + (b"}" + deep + b"K\x01s" if key else deep) + b"."


@pytest.mark.parametrize(("levels", "key"), [(200_000, True), (1_000_000, False), (60, True)])
def test_tuples_within_one_another_do_not_end_the_process(levels, key, narrow, tmp_path):
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as archive:
        archive.writestr("archive/data.pkl", nested(levels, key))
    with pytest.raises(WeightsError, match="a pickle of over 16777216 bytes or 50 levels"):
        bsa.import_weights("wong_kolter", narrow, tmp_path / "net.pth")


def test_depths_are_those_of_what_python_makes():
    value = {"a": [1, (2, (3,), {"b": ((4,),)})], "c": ((), [[]]), "d": "e"}

    def depth(value):
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return 1 + max(map(depth, inner), default=0) if isinstance(value, (dict, list, tuple)) else 0

    for protocol in range(6):
        depths, code = _bounds.Depths(), pickle.dumps(value, protocol)
        found = max(depths.after(op, argument) for op, argument, _ in pickletools.genops(code))
        assert depth(value) <= found <= depth(value) + 2  # scalars count as a level, an empty container as none


def test_bfloat16_is_read_as_the_float32_that_it_is(narrow, state, save_torch, tmp_path):
    kept = {name: value.view(np.uint32) >> 16 for name, value in state.items()}  # sign, exponent, 7 bits
    file = save_torch(tmp_path / "net.pth", OrderedDict((name, value.astype("<u2")) for name, value in kept.items()))
    bsa.import_weights("wong_kolter", narrow, file)
    np.testing.assert_array_equal(narrow.get_layer("logits").bias, (kept["5.bias"] << 16).view(np.float32))


def test_types_that_are_not_read_are_told(narrow, state, save_torch, call, tmp_path):
    state["5.bias"] = call("torch", "ComplexFloatStorage")
    with pytest.raises(WeightsError, match=r"torch\.ComplexFloatStorage; numbers of this type are not read"):
        bsa.import_weights("wong_kolter", narrow, save_torch(tmp_path / "net.pth", state))


def test_other_layers_with_weights_are_named(state, save_torch, tmp_path, digits):
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(name="norm"), keras.layers.Dense(2)])
    with pytest.raises(WeightsError, match="Conv2D and Dense layers, found norm, BatchNormalization"):
        bsa.import_weights("wong_kolter", model, save_torch(tmp_path / "net.pth", state))


def released(weights_dir, name, sha256):
    file = weights_dir / name
    if not file.is_file():
        pytest.skip(f"no {name} in BSA_WEIGHTS_DIR")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    return file


def test_the_released_mnist_network_is_as_accurate_as_published(weights_dir, data_dir):
    file = released(weights_dir, "wong_kolter_mnist.pth",
                    "95014ab0c04c73f48b3be0cb7acc42aff60ce4420c6c43bec25e9a1447279e08")  # fmt: skip
    model = bsa.build("wong_small", input_shape=(28, 28, 1), num_classes=10)
    bsa.import_weights("wong_kolter", model, file)
    data = bsa.load("mnist", split="test", data_dir=data_dir)
    right = logits(model, data.x).argmax(-1) == data.y
    assert right.sum() == 9820  # the published error of 1.80 %
    assert right[:2000].sum() == 1949  # 97.45 %


def test_the_released_cifar10_cascade(weights_dir, data_dir):
    import tensorflow_datasets as tfds

    file = released(weights_dir, "wong_scaled_cifar_small_8px.pth",
                    "f07c615f58616cbc7667974f146c4baa851bf0e71df8431a150abea8b7901f37")  # fmt: skip
    model = bsa.build("wong_small", input_shape=(32, 32, 3), num_classes=10, mean=(0.485, 0.456, 0.406), std=[0.225])
    bsa.import_weights("wong_kolter", model, file, index=0)
    try:
        data = tfds.builder("cifar10", data_dir=data_dir).as_dataset(split="test", batch_size=-1)
    except AssertionError:  # not prepared
        pytest.skip("no cifar10 in BSA_DATA_DIR")
    guess = logits(model, data["image"].numpy().astype(np.float32) / np.float32(255)).argmax(-1)
    # 27.60 % under PyTorch; logits that are nearly tied may fall otherwise
    assert (guess == data["label"].numpy()).sum() == pytest.approx(2760, abs=2)
