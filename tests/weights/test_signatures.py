"""Files that are something else than their names say: what they are, and what to do, in one line from every reader."""

import bz2
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest

import bsa
from bsa import foreign, signatures
from bsa.errors import WeightsError

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 99\n"
HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()


def packed():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("net.pth"))
    return file.getvalue()


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return file.getvalue()


FILES = {
    "empty": b"",
    "lfs": LFS,
    "html": b"\xef\xbb\xbf\n<!DOCTYPE HTML><html>404</html>",
    "xml": b"<?xml version='1.0'?><Error/>",
    "json": b' {"message": "Not Found"}',
    "cut": zipped("archive/data.pkl")[:40],
    "gzip": gzip.compress(b"weights"),
    "packed": packed(),
    "apple": b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(99),
    "safetensors": struct.pack("<Q", len(HEADER)) + HEADER + bytes(4),
    "gguf": b"GGUF\x03\0\0\0",
    "npz": zipped("w.npy"),
    "keras": zipped("metadata.json", "config.json", "model.weights.h5"),
    "torch": zipped("archive/data.pkl", "archive/data/0"),
    "script": zipped("net/data.pkl", "net/constants.pkl", "net/code/net.py"),
    "pickle": pickle.dumps({"w": 1}, protocol=4),
    "table": bytes(40) + signatures.TABLE,
    "zip": zipped("readme.txt"),
}
READ = {"npz": {"npz"}, "wong_kolter": {"torch"}, "madry_checkpoint": {"table"}}


@pytest.mark.parametrize("reader", READ)
@pytest.mark.parametrize("kind", FILES)
def test_every_reader_says_what_a_file_is(reader, kind, narrow, tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(FILES[kind])
    assert signatures.kind(file) == kind
    with pytest.raises(WeightsError, match="weights: expected ") as caught:
        bsa.import_weights(reader, narrow, file)
    what, advice = signatures.KINDS[kind]
    told = str(caught.value)
    assert "\n" not in told
    assert "allow_pickle" not in told
    assert f"found {what}: {advice}" in told or kind in {*READ[reader], "zip", "pickle"}


def test_other_bytes_and_other_places_are_told_too(narrow, tmp_path):
    assert signatures.kind(tmp_path) == "folder"
    assert signatures.kind("/dev/null") == "special"
    (tmp_path / "net").write_bytes(bz2.compress(b"weights"))
    assert signatures.kind(tmp_path / "net") == "packed"
    (tmp_path / "net").write_bytes(b"weights")
    assert signatures.kind(tmp_path / "net") is None
    for reader in ("npz", "wong_kolter"):
        with pytest.raises(WeightsError, match="found a folder: give the file in it"):
            bsa.import_weights(reader, narrow, tmp_path)
    with pytest.raises(WeightsError, match="found no regular file"):
        foreign.checked("/dev/zero")


def test_released_weights_are_what_they_are(weights_dir):
    files = {each.name: signatures.kind(each) for each in weights_dir.iterdir() if each.suffix in (".pth", ".npz")}
    assert {kind for name, kind in files.items() if name.endswith(".pth")} <= {"torch"}
    assert {kind for name, kind in files.items() if name.endswith(".npz")} <= {"npz"}


def test_a_header_that_promises_more_than_the_file_holds_takes_no_memory(narrow, tmp_path):
    arrays = {weight.path.removeprefix("narrow/"): weight.numpy() for weight in narrow.weights}
    np.savez(tmp_path / "w.npz", **arrays)
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": (2**40, 7)})
    with zipfile.ZipFile(tmp_path / "w.npz") as whole, zipfile.ZipFile(tmp_path / "bomb.npz", "w") as bomb:
        for name in whole.namelist():
            bomb.writestr(name, member.getvalue() if name == "hidden/kernel.npy" else whole.read(name))
    with pytest.raises(WeightsError, match=r'"hidden/kernel": expected 30786325577728 bytes for the shape .*, found 0'):
        bsa.import_weights("npz", narrow, tmp_path / "bomb.npz")
