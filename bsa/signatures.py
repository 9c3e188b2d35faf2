"""The kind of a file by its first bytes, whatever its name says, and what to do if it is not the expected one."""

import struct
import zipfile
from pathlib import Path

from bsa.errors import WeightsError

AGAIN = "fetch the file itself again"
SAVED = "load it with the program that wrote it, and save its arrays in Keras's layout with numpy.savez, for format npz"
KINDS = {  # kind: what it is, and what to do where it is not what was expected
    "empty": ("an empty file", AGAIN),
    "lfs": ("a Git LFS pointer, which only names the file", "fetch the file itself with git lfs pull"),
    "html": ("an HTML page", f"the link led to a page about the file, or to a login: {AGAIN}"),
    "xml": ("an XML page, as servers send for errors", f"look into it, and {AGAIN}"),
    "json": ("JSON text, as servers send for errors", f"look into it, and {AGAIN}"),
    "cut": ("the beginning of a zip (.pth, .npz, .keras) without its end: a truncated download", AGAIN),
    "gzip": ("a gzip archive", "unpack it first, with gunzip or tar -xzf"),
    "packed": ("a packed archive (tar, bzip2, xz, zstd, 7z or rar)", "unpack it first"),
    "apple": ("macOS metadata (AppleDouble)", 'take the file whose name does not begin with "._"'),
    "hdf5": ("an HDF5 file", SAVED),
    "safetensors": ("a safetensors file", SAVED),
    "gguf": ("a GGUF file", SAVED),
    "npy": ("a single array (.npy)", "save all arrays of the network with numpy.savez, for format npz"),
    "npz": ("arrays of numpy.savez (.npz)", "give format npz"),
    "keras": ("a Keras archive (.keras)", "open it with keras.saving.load_model: it needs no import of weights"),
    "torch": ("a file of torch.save", "give format wong_kolter"),
    "script": ("a TorchScript archive", "save the network's state_dict() with torch.save"),
    "pickle": ("a Python pickle, which could execute anything", "save a state_dict() with torch.save instead"),
    "table": ("a file of a TensorFlow checkpoint", "give format madry_checkpoint"),
    "zip": ("a zip", "unpack it first"),
    "folder": ("a folder", "give the file in it"),
    "special": ("no regular file", "give a file"),
}
NETWORK = "a network that Keras saved (.keras, .h5, .hdf5 or the folder of a SavedModel)"
TORCH = (".pth", ".pt")
IN_TORCH = "load it in PyTorch, and give the network to bsa.from_torch in Python"
ARRAYS = 'weights alone are no network: save it whole, with model.save("net.keras")'
NO_NETWORK = {  # what a network is not, where the advice is another than for weights
    "torch": ("a file of torch.save", IN_TORCH),
    "script": ("a TorchScript archive", IN_TORCH),
    "pickle": ("a Python pickle, which could execute anything", f"of PyTorch's: {IN_TORCH}"),
    "safetensors": ("a safetensors file", ARRAYS),
    "npz": ("arrays of numpy.savez (.npz)", ARRAYS),
    "npy": ("a single array (.npy)", ARRAYS),
    "table": ("a file of a TensorFlow checkpoint", ARRAYS),
    "folder": ("a folder without saved_model.pb", "give the folder that model.export wrote, or a file"),
}
NEVER = ("empty", "lfs", "html", "xml", "json", "cut", "gzip", "packed", "apple", "special")  # no format of weights
SHARD = set(KINDS) - {"empty", "lfs", "html", "xml", "json"}  # what raw numbers may begin like, by chance
PREFIXES = {
    b"version https://git-lfs": "lfs", b"\x1f\x8b": "gzip", b"BZh": "packed", b"\xfd7zXZ\0": "packed",
    b"\x28\xb5\x2f\xfd": "packed", b"7z\xbc\xaf\x27\x1c": "packed", b"Rar!\x1a\x07": "packed",
    b"\0\x05\x16\x07": "apple", b"\x89HDF\r\n\x1a\n": "hdf5", b"GGUF": "gguf", b"\x93NUMPY": "npy",
    b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.": "torch",
}  # fmt: skip
TEXTS = {b"<!doctype html": "html", b"<html": "html", b"<?xml": "xml", b"<error": "xml", b'{"': "json"}
TABLE = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"  # what a table of TensorFlow ends with


def kind(path):
    """One of `KINDS` that the file at `path` is, or None for any other. Raises OSError where it cannot be read."""
    path = Path(path)
    if path.is_dir() or not path.is_file():
        return "folder" if path.is_dir() else "special"
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(512)
        file.seek(max(size - len(TABLE), 0))
        tail = file.read(len(TABLE))
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    named = next((what for start, what in PREFIXES.items() if head.startswith(start)), None)
    named = named or next((what for start, what in TEXTS.items() if text.startswith(start)), None)
    if not head:
        return "empty"
    if named:
        return named
    if head.startswith(b"PK"):
        return _zip(path)
    if head[257:262] == b"ustar":
        return "packed"
    if len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] < 2**27:
        return "safetensors"
    if tail == TABLE:
        return "table"
    return "pickle" if head[:1] == b"\x80" and head[1] in range(2, 6) else None


def network(path):
    """ "keras", "hdf5" or "saved_model": which form of a whole network the file or folder at `path` is.

    WeightsError for anything else, with what it is and what to do.
    """
    path = Path(path)
    if not path.exists():
        raise WeightsError(f"no network {path}: expected {NETWORK} there; a path is absolute, or from this folder")
    try:
        found = kind(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from None
    if found == "folder" and ((path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file()):
        return "saved_model"
    if found in ("keras", "hdf5"):
        return found
    what, advice = NO_NETWORK.get(found) or KINDS.get(found) or _by_name(path)
    raise WeightsError(f"{path}: expected {NETWORK}, found {what}: {advice}")


def _by_name(path):
    """What a file may be that no first bytes tell, and what to do about it."""
    if path.suffix.lower() == ".onnx":
        return "an ONNX file", "load it with onnx2torch, for bsa.from_torch in Python, or convert it to Keras"
    if path.suffix.lower() in (".tflite", ".lite"):
        return "a TensorFlow Lite file", "it has no gradients: give the network that it was converted from"
    if path.suffix.lower() in TORCH:
        return NO_NETWORK["torch"]
    return "a file of another kind", 'save the network with model.save("net.keras")'


def _zip(path):
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        return "cut"
    inner = {name.partition("/")[2] for name in names}
    if {"config.json", "metadata.json"} <= set(names):
        return "keras"
    if "data.pkl" in inner:
        return "script" if "constants.pkl" in inner else "torch"
    return "npz" if names and all(name.endswith(".npy") for name in names) else "zip"


def check(path, expected, takes=None):
    """Raise WeightsError, with what it is and what to do, for a file that is known to be none of the kinds `takes`.

    `expected` is what the message calls them; None takes whatever may hold weights.
    """
    try:
        found = kind(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from None
    if found in NEVER if takes is None else found is not None and found not in takes:
        what, advice = KINDS[found]
        raise WeightsError(f"{path}: expected {expected}, found {what}: {advice}")
