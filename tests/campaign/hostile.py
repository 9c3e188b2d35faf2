"""Files that mean harm: pickles that call, bombs, paths that climb, networks with code in them, urls without end.

Each goes through `bsa import` or `bsa run`, in a process of its own with bounds on its memory and its files.
"""

import http.server
import io
import json
import os
import pickle
import random
import struct
import sys
import threading
import zipfile
import zlib

import numpy as np

LIMITS = {"DATA": 6 << 30, "FSIZE": 256 << 20}  # bytes: a bomb hurts no one but its own process
TORCH = [pickle.dumps(v, protocol=2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
EVIL = ("os system", "posix system", "builtins eval", "builtins exec", "subprocess Popen", "shutil rmtree",
        "torch.serialization load", "numpy load", "keras.saving load_model", "functools partial",
        "builtins getattr", "importlib import_module", "operator methodcaller", "webbrowser open", "pty spawn",
        "collections OrderedDict.__reduce__", "bsa.weights._torch _Unpickler", "codecs decode", "timeit timeit",
        "runpy run_path")  # fmt: skip


def call(name, words):
    """The opcodes that call `name` with a string."""
    module, function = name.split(" ")
    return b"c" + module.encode() + b"\n" + function.encode() + b"\n(X" + struct.pack("<I", len(words)) + words + b"tR"


def pickles(canary):
    """(name, bytes of a pickle) of all kinds."""
    touch = f"touch {canary}".encode()
    for name in EVIL:
        yield name, b"\x80\x02" + call(name, touch) + b"."
        yield f"{name} by STACK_GLOBAL", b"\x80\x04" + b"".join(
            b"\x8c" + bytes([len(w)]) + w.encode() for w in name.split(" ")) + b"\x93\x8c" + bytes([len(touch)]) + (
            touch + b"\x85R.")  # fmt: skip
    yield "INST", b"(S'" + touch + b"'\nios\nsystem\n."
    yield "BUILD of a dict", b"\x80\x02ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00aK\x01sb."
    for depth in (10, 1000, 100_000, 1_000_000):
        yield f"{depth} tuples in one another", b"\x80\x02K\x01" + b"\x85" * depth + b"."
        yield f"a key of {depth} tuples", b"\x80\x02}K\x01" + b"\x85" * depth + b"K\x01s."
        yield f"{depth} lists in one another", b"\x80\x02" + b"(" * depth + b"l" * depth + b"."
        yield f"{depth} dicts in one another", b"\x80\x02" + b"}K\x01" * depth + b"}" + b"s" * depth + b"."
    yield "a memo of four thousand million", b"\x80\x02K\x01r\xff\xff\xff\xffN."
    yield "a LONG4 of two thousand million bytes", b"\x80\x02\x8b\xff\xff\xff\x7f."
    yield "a string of four thousand million bytes", b"\x80\x02X\xff\xff\xff\xff."
    yield "a bytearray of 2^63", b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f."
    yield "a frame of 2^63", b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f."
    yield "a persistent reference to nothing", b"\x80\x02K\x01Q."
    yield "an extension", b"\x80\x02\x82\x01."
    yield "protocol 255", b"\x80\xff."
    yield "nothing", b""
    yield "POPs", b"\x80\x02" + b"0" * 100 + b"."
    laughs = (b"(" + (b"h" + bytes([n])) * 10 + b"lq" + bytes([n + 1]) for n in range(60))
    yield "lists of ten lists of ten lists", b"\x80\x02]q\x00" + b"".join(laughs) + b"."


def zipped(entries, compression=zipfile.ZIP_STORED):
    """The bytes of a zip of (name, content)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def bomb(name, size):
    """A zip whose one member unpacks to `size` zeros: one deflated block again and again."""
    packer, block = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(1 << 24)
    one = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    body = one * (size // len(block)) + packer.flush()
    head = struct.pack("<HHHHHIII", 20, 0, 8, 0, 0x21, 0, len(body), size)
    local = b"PK\x03\x04" + head + struct.pack("<HH", len(name), 0) + name.encode() + body
    central = b"PK\x01\x02" + struct.pack("<H", 20) + head + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0)
    central += name.encode()
    return local + central + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def files(canary):
    """(what, format, suffix, bytes) of hostile files."""
    for what, body in pickles(canary):
        yield f"pickle: {what}", "wong_kolter", ".pth", b"".join(TORCH) + body
        yield f"head: {what}", "wong_kolter", ".pth", body
        yield f"zip: {what}", "wong_kolter", ".pth", zipped([("archive/data.pkl", body), ("archive/version", "3")])
    objects = io.BytesIO()
    np.save(objects, np.array([_Evil(f"touch {canary}")], object), allow_pickle=True)
    yield "npz: objects", "npz", ".npz", zipped([("a.npy", objects.getvalue())])
    yield "npz: a bomb", "npz", ".npz", bomb("a.npy", 2 << 30)
    for shape in ("(4611686018427387904,)", "(-1,)", "(1e9,)", "(" + "1," * 5000 + ")", "__import__('os')"):
        head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
        head += b" " * (-(len(head) + 11) % 64) + b"\n"
        npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) % 65536) + head
        yield f"npz: shape {shape[:20]}", "npz", ".npz", zipped([(f"{n}.npy", npy) for n in range(8)])
    for name in ("../../escape", "/tmp/escape", "..\\..\\escape", "C:\\escape", "a/../../escape", "a\0b", "x" * 60000):
        yield f"zip: member {name[:20]!r}", "madry_checkpoint", ".zip", zipped([(name, b"x"), ("model.index", b"x")])
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    yield "zip: a link", "madry_checkpoint", ".zip", zipped([(link, "/etc/passwd"), ("link/escape", "x")])
    yield "zip: a bomb", "madry_checkpoint", ".zip", bomb("model.index", 2 << 30)
    yield "zip: itself", "madry_checkpoint", ".zip", zipped([("model.index", zipped([("model.index", b"x")]))])
    for kind in ("npz", "wong_kolter", "madry_checkpoint"):
        for what, content in STUMPS.items():
            yield f"{kind}: {what}", kind, ".npz" if kind == "npz" else ".pth", content
    whole = zipped([("archive/data.pkl", b"\x80\x02}."), ("archive/version", "3")])
    for at in range(8, len(whole), 40):
        yield f"a zip cut at {at}", "wong_kolter", ".pth", whole[:at]


STUMPS = {
    "empty": b"",
    "zeros": bytes(4096),
    "PK": b"PK\x03\x04",
    "HTML": b"<!DOCTYPE html>",
    "the end of a zip": b"PK\x05\x06" + b"\xff" * 18,
}


class _Evil:
    def __init__(self, words):
        self.words = words

    def __reduce__(self):
        return os.system, (self.words,)


def of_weights(server, folder, tally, count=None, seed=0):
    """Hostile weights through `bsa import`; `count` of them drawn."""
    canary = folder / "canary"
    every = list(files(canary))
    chosen = every if count is None else random.Random(seed).sample(every, count)
    jobs = []
    for number, (_, kind, suffix, content) in enumerate(chosen):
        place = folder / f"hostile_{number:03d}"
        place.mkdir()
        (place / f"net{suffix}").write_bytes(content)
        argv = ["import", kind, f"net{suffix}", "--model", "wong_small", "--out", "net.keras"]
        jobs.append({"argv": argv, "folder": str(place), "limits": LIMITS, "env": {"TMPDIR": str(place)}})
    for at in range(0, len(jobs), 2):
        for job, each, ended in zip(jobs[at:], chosen[at:], server.run(*jobs[at : at + 2]), strict=False):
            left = {p.name for p in folder.joinpath(job["folder"]).iterdir()}
            left -= {"stdout", "stderr", f"net{each[2]}"}
            _judge(tally, each[0], ended, canary, left)
    if list(folder.rglob("escape*")):
        tally.fell("all", "something was written outside")


def _judge(tally, what, ended, canary, left=()):
    sentences = sum(line.startswith("bsa: ") for line in ended.err.splitlines())
    if canary.exists():
        canary.unlink()
        tally.fell(what, "EXECUTED")
    elif ended.code < 0:
        tally.fell(what, f"died by signal {-ended.code}")
    elif ended.traceback:
        tally.fell(what, f"a traceback, {ended.says}")
    elif ended.code == 0:
        tally.fell(what, "taken")
    elif ended.code not in (1, 2, 3) or sentences != 1:
        tally.fell(what, f"exit code {ended.code}, {sentences} sentences, {ended.says}")
    elif left:
        tally.fell(what, f"left {sorted(left)}")
    else:
        tally.survived("refused in one sentence, nothing executed, nothing left")


ANSWERS = {
    "/garbage": b"\x00\x01\x02 this is no HTTP\r\n\r\n",
    "/half_a_line": b"HTTP/1.1 20",
    "/nothing": b"",
    "/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc",
    "/negative": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
    "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\nabc",
    "/headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    "/header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    "/page": b"HTTP/1.1 200 OK\r\n\r\n<!doctype html><html>log in</html>",
    "/other": b"HTTP/1.1 200 OK\r\n\r\nsomething else",
    "/loop": b"HTTP/1.1 302 Found\r\nLocation: /loop\r\n\r\n",
    "/to_file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
    "/missing": b"HTTP/1.1 404 Not Found\r\n\r\n",
    "/error": b"HTTP/1.1 500 Oh\r\n\r\n",
    "/code": b"HTTP/1.1 999999 Oh\r\n\r\n",
}


class _Hostile(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.wfile.write(ANSWERS.get(self.path, b""))

    def log_message(self, *_):
        pass


def of_urls(server, folder, tally, count=None):
    """Hostile urls through `bsa run`; the file's sha256 is stated, as it must be."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hostile)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    here = f"http://127.0.0.1:{served.server_address[1]}"
    urls = [f"{here}{path}" for path in ANSWERS]
    urls += ["file:///dev/zero", "file:///etc", "file:///no/such/file", "file://other/x", "https://[", "https://a b/c",
             "https://127.0.0.1:1/x", "https://", "https://:99999999/x", "ftp://127.0.0.1/x", "data:,abc", "https://\u00e9/",
             f"{here}/../../escape", "file:///proc/self/mem"]  # fmt: skip
    try:
        for number, url in enumerate(urls[-count:] if count else urls):
            place = folder / f"url_{number:02d}"
            place.mkdir()
            _fetch(server, place, url, tally, folder / "canary")
    finally:
        served.shutdown()
        served.server_close()
        thread.join()


def _fetch(server, place, url, tally, canary):
    job = {"folder": str(place), "limits": LIMITS}
    job["env"] = {"XDG_CACHE_HOME": str(place / "cache"), "http_proxy": "", "https_proxy": "", "no_proxy": "*"}
    if url.startswith("http://"):  # which a spec may not name: a certificate would be needed for what it may
        job |= {"call": "campaign.hostile:fetched", "given": {"url": url}}
    else:
        weights = {"name": "npz", "file": "none.npz", "url": url, "sha256": "0" * 64}
        spec = {"name": "fetched", "data": {"name": "digits"}, "model": {"name": "wong_small"}, "weights": weights}
        (place / "spec.json").write_text(json.dumps(spec | {"measures": [{"name": "accuracy", "images": 5}]}))
        job["argv"] = ["run", "spec.json", "--store", "store", "--out", "out", "--weights-dir", "."]
    (ended,) = server.run(job)
    left = [p.name for p in (place / "cache").rglob("*") if p.is_file()]
    _judge(tally, f"url {url}", ended, canary, left)


def fetched(url):
    """What the command line does with an error of `foreign.locate`."""
    from bsa import errors, foreign

    try:
        foreign.locate({"url": url}, "0" * 64)
    except errors.BsaError as error:
        sys.stderr.write(f"bsa: {error}\n")
        sys.stderr.flush()
        os._exit(1)
