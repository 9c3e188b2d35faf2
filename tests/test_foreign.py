"""Where foreign weights are found: folders, URLs, caches, hashes, and what is said when they are not."""

import hashlib
import http.server
import os
import platform
import subprocess
import sys
import threading

import pytest

from bsa import files, foreign
from bsa.errors import WeightsError

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache folder, here an empty one."""
    monkeypatch.delenv("BSA_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr(foreign.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    return tmp_path / "cache" / "bsa" / "weights"


@pytest.fixture
def weights_dir(tmp_path):
    """A folder with one file of weights."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "mnist.pth").write_bytes(CONTENT)
    return folder


def test_a_file_is_looked_for_in_the_folder_that_is_named(weights_dir, monkeypatch):
    file = weights_dir / "mnist.pth"
    assert foreign.locate({"file": "mnist.pth"}, SHA256, weights_dir) == file
    assert foreign.locate({"file": str(file)}, None) == file
    with pytest.raises(WeightsError, match=r"no weights .*cache/bsa/weights/mnist\.pth.*--weights-dir"):
        foreign.locate({"file": "mnist.pth"}, SHA256)
    monkeypatch.setenv("BSA_WEIGHTS_DIR", str(weights_dir))
    assert foreign.locate({"file": "mnist.pth"}, SHA256) == file


def test_another_hash_names_both(weights_dir):
    with pytest.raises(WeightsError, match=rf"mnist\.pth: expected sha256 {'0' * 64}, found {SHA256}"):
        foreign.locate({"file": "mnist.pth"}, "0" * 64, weights_dir)


def test_a_url_is_fetched_once_into_the_cache(weights_dir, cache):
    origin = {"file": "none.pth", "url": (weights_dir / "mnist.pth").as_uri()}
    file = foreign.locate(origin, SHA256, weights_dir)
    assert file == cache / SHA256
    assert file.read_bytes() == CONTENT
    (weights_dir / "mnist.pth").unlink()
    assert foreign.locate(origin, SHA256, weights_dir) == file
    file.write_bytes(b"spoilt")
    with pytest.raises(WeightsError, match=f"expected sha256 {SHA256}"):
        foreign.locate(origin, SHA256, weights_dir)


def test_a_url_that_gives_something_else_leaves_nothing(weights_dir, cache):
    url = (weights_dir / "mnist.pth").as_uri()
    with pytest.raises(WeightsError, match=rf"{url} gave something else: .*expected sha256 {'0' * 64}, found {SHA256}"):
        foreign.locate({"url": url}, "0" * 64)
    (weights_dir / "mnist.pth").write_text("\n<!DOCTYPE HTML><html>Not Found</html>")
    with pytest.raises(WeightsError, match="expected weights, found an HTML page"):
        foreign.locate({"url": url}, SHA256)
    assert list(cache.iterdir()) == []


def test_what_cannot_be_fetched_says_where_to_put_it(weights_dir):
    url = (weights_dir / "none.pth").as_uri()
    with pytest.raises(WeightsError) as caught:
        foreign.locate({"file": "net.pth", "url": url}, SHA256, weights_dir)
    for words in (f"there is no {weights_dir / 'net.pth'}", url, "Fetch it by hand", "--weights-dir"):
        assert words in str(caught.value)


def test_a_spec_is_pinned_to_the_files_that_are_there(weights_dir):
    stated = {"name": "npz", "file": "none.npz", "sha256": "0" * 64}
    found = {"name": "wong_kolter", "file": "mnist.pth", "index": 0}
    spec = {"networks": {"a": {"model": {}, "weights": found}, "b": {"weights": stated}, "c": {"train": {}}}}
    pinned = foreign.pinned(spec, weights_dir)
    assert pinned["networks"]["a"] == {"model": {}, "weights": found | {"sha256": SHA256}}
    assert {name: pinned["networks"][name] for name in "bc"} == {name: spec["networks"][name] for name in "bc"}
    assert "sha256" not in found
    assert foreign.pinned({"weights": found}, weights_dir)["weights"]["sha256"] == SHA256
    assert foreign.pinned({"train": {}}) == {"train": {}}


def test_folders_and_prefixes_are_hashed_by_what_is_in_them(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder / "secret").mkdir(parents=True)
        (tmp_path / folder / "secret" / "model.index").write_bytes(b"1")
        (tmp_path / folder / "secret" / "model.data").write_bytes(b"2")
    whole, prefix = files.sha256(tmp_path / "a"), files.sha256(tmp_path / "a" / "secret" / "model")
    assert (whole, prefix) == (files.sha256(tmp_path / "b"), files.sha256(tmp_path / "b" / "secret" / "model"))
    assert foreign.checked(tmp_path / "a" / "secret" / "model", prefix)
    (tmp_path / "a" / "secret" / "model2.index").write_bytes(b"3")  # another checkpoint beside it
    assert files.sha256(tmp_path / "a" / "secret" / "model") == prefix
    assert files.sha256(tmp_path / "a") != whole
    (tmp_path / "b" / "secret" / "model.data").rename(tmp_path / "b" / "secret" / "model.more")
    assert files.sha256(tmp_path / "b" / "secret" / "model") != prefix


def test_a_file_of_a_checkpoint_stands_for_all_of_its_files(tmp_path):
    for name in ("model.ckpt-1.index", "model.ckpt-1.data-00000-of-00001", "model.ckpt-1.meta"):
        (tmp_path / name).write_bytes(name.encode())
    whole = files.sha256(tmp_path / "model.ckpt-1")
    assert files.sha256(tmp_path / "model.ckpt-1.index") == whole
    shard = tmp_path / "model.ckpt-1.data-00000-of-00001"
    assert files.sha256(shard) == whole
    shard.write_bytes(b"other")
    assert files.sha256(tmp_path / "model.ckpt-1.index") != whole


@pytest.fixture
def server():
    """serve(head, body): the address of a server that answers every request with these bytes, and hangs up."""
    closing = []

    def serve(head, body=b""):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.wfile.write(head + b"\r\n\r\n" + body)

            def log_message(self, *words):
                pass

        started = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=started.serve_forever, args=(0.01,), daemon=True).start()
        closing.append(started)
        return f"http://127.0.0.1:{started.server_port}/net.pth"

    yield serve
    for started in closing:
        started.shutdown()
        started.server_close()


@pytest.mark.parametrize(
    ("head", "body", "message"),
    [
        (b"HTTP/1.0 200 OK\r\nContent-Length: 99999", b"", "expected at most 1000 bytes .*, found 99999"),
        (b"HTTP/1.0 200 OK", bytes(1001), "expected at most 1000 bytes of weights, found more"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 7", b"weig", "expected 7 bytes, found 4: the connection broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"4\r\nwe", "IncompleteRead"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: many", b"", "ValueError"),
        (b"nonsense", b"", "BadStatusLine"),
        (b"HTTP/1.0 404 Not Found", b"", "HTTP Error 404"),
    ],
)  # fmt: skip
def test_what_a_server_does_wrong_is_one_sentence_and_leaves_nothing(head, body, message, server, cache, monkeypatch):
    monkeypatch.setattr(foreign, "MOST", 1000)
    with pytest.raises(WeightsError, match=message) as caught:
        foreign.locate({"url": server(head, body)}, SHA256)
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("url", ["http://[", "http://a b/net.pth", "nonsense", "http://127.0.0.1:1/\x00"])
def test_an_address_that_is_none_is_one_sentence(url, cache):
    with pytest.raises(WeightsError, match="cannot fetch weights"):
        foreign.locate({"url": url}, SHA256)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no /dev/zero")
def test_a_file_without_an_end_fills_no_disk(cache):
    with pytest.raises(WeightsError, match="expected at most 0 bytes of weights, found more"):
        foreign.locate({"url": "file:///dev/zero"}, SHA256)
    assert list(cache.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot be asked whether a process lives")
def test_what_a_killed_process_left_is_deleted_and_what_a_living_one_fetches_is_not(weights_dir, cache):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    cache.mkdir(parents=True)
    dead, live = (cache / f"{'1' * 64}.{platform.node()}.{pid}.tmp" for pid in (gone.pid, os.getppid()))
    old, elsewhere = cache / f"{'2' * 64}.77.tmp", cache / f"{'3' * 64}.another.{gone.pid}.tmp"
    for file in (dead, live, old, elsewhere):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    foreign.locate({"url": (weights_dir / "mnist.pth").as_uri()}, SHA256)
    assert sorted(cache.iterdir()) == sorted([live, elsewhere, cache / SHA256])


def test_a_sum_that_is_not_stated_is_told(weights_dir):
    told = []
    spec = {"weights": {"name": "npz", "file": "mnist.pth"}}
    pinned = foreign.pinned(spec, weights_dir, told.append)
    assert len(told) == 1
    assert f"found sha256 {SHA256}" in told[0]
    foreign.pinned(pinned, weights_dir, told.append)
    assert len(told) == 1
