"""MNIST's files: where they are looked for, and the download, against a server of our own."""

import errno
import gzip
import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tinygrad_course import data, errors
from tinygrad_course.data import download as downloads
from tinygrad_course.data import published

NAMES = [file.name for file in published.DOWNLOADS["mnist"]]


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def small_mnist():
    """Content by name: files laid out like MNIST's, with 30 and 10 images of noise."""
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, (30, 28, 28), np.uint8),
        rng.integers(0, 10, 30).astype(np.uint8),
        rng.integers(0, 256, (10, 28, 28), np.uint8),
        rng.integers(0, 10, 10).astype(np.uint8),
    ]
    return {
        name: gzip.compress(idx(array), mtime=0) for name, array in zip(NAMES, arrays, strict=True)
    }


CONTENT = small_mnist()
TRAIN = CONTENT[NAMES[0]]


class Handler(BaseHTTPRequestHandler):
    """Serves /<how>/<name>; `how` is the fault to show."""

    def do_GET(self):
        _, how, name = self.path.split("/")
        self.server.asked.append(self.path)
        body = CONTENT[name]
        if how == "missing":
            self.send_error(404)
            return
        if how == "garbage":
            body = bytes(len(body))
        if how == "short":
            body = body[: len(body) // 2]
        if how == "long":
            body += bytes(1 << 20)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if how in ("truncated", "stalled"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if how == "stalled":
                self.server.go_on.wait(20)
            return
        if how == "long":
            try:
                self.wfile.write(body)
            except OSError:  # the client has seen enough and hung up
                self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.asked = []
        http.go_on = threading.Event()
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        http.address = f"http://127.0.0.1:{http.server_address[1]}"
        yield http
        http.go_on.set()
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, the small files in MNIST's place, no proxy; the path of the cache."""
    monkeypatch.delenv("TGC_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    small = tuple(
        published.File(
            "mnist",
            name,
            len(content),
            hashlib.sha256(content).hexdigest(),
            len(gzip.decompress(content)),
            hashlib.sha256(gzip.decompress(content)).hexdigest(),
        )
        for name, content in CONTENT.items()
    )
    monkeypatch.setitem(published.DOWNLOADS, "mnist", small)
    return tmp_path / "cache" / "tinygrad_course" / "mnist"


@pytest.fixture
def mirrors(monkeypatch, server):
    def use(*addresses):
        whole = [a if "://" in a else f"{server.address}/{a}/" for a in addresses]
        monkeypatch.setitem(published.MIRRORS, "mnist", tuple(whole))

    use("ok")
    return use


def listing(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def lay_out(folder, names=NAMES, *, unpacked=False):
    (folder / "mnist").mkdir(parents=True)
    for name in names:
        content = gzip.decompress(CONTENT[name]) if unpacked else CONTENT[name]
        (folder / "mnist" / (name.removesuffix(".gz") if unpacked else name)).write_bytes(content)
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_load_downloads_once(cache, mirrors, server, capsys):
    assert [line.state for line in data.status("mnist")] == ["absent"] * 4
    mnist = data.load("mnist", dtype=np.uint8)
    assert mnist.train.x.shape == (30, 28, 28, 1)
    assert idx(mnist.train.x[..., 0]) == gzip.decompress(TRAIN)
    assert listing(cache) == sorted(NAMES)
    assert (cache / NAMES[0]).stat().st_mode & 0o777 == 0o644
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("downloading") == shown.err.count("received") == 4
    data.load("mnist", fetch=False)
    assert len(server.asked) == 4
    assert [line.state for line in data.verify("mnist")] == ["present"] * 4
    assert {line.place for line in data.status("mnist")} == {"cache"}


def test_fetch_is_quiet_when_asked_and_replaces_a_damaged_file(cache, mirrors, server, capsys):
    data.fetch("mnist", progress=False)
    assert capsys.readouterr().err == ""
    (cache / NAMES[1]).write_bytes(b"damaged")
    assert [line.state for line in data.status("mnist")].count("corrupt") == 1
    with pytest.raises(
        errors.DataError, match=r"labels-idx1.*expected 1?\d\d? bytes, got 7.*fetch"
    ):
        data.verify("mnist")
    with pytest.raises(errors.DataError, match=r"got 7: .*`tgc data fetch mnist` replaces it"):
        data.load("mnist", fetch=False)
    data.fetch("mnist", progress=False)
    assert len(server.asked) == 5
    assert (cache / NAMES[1]).read_bytes() == CONTENT[NAMES[1]]
    assert [line.state for line in data.fetch("digits")] == ["present"]


def test_a_bar_is_drawn_on_a_terminal(mirrors, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    data.fetch("mnist")
    assert NAMES[0] in screen.getvalue()
    assert "kB" in screen.getvalue()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "HTTP 404 Not Found"),
        ("garbage", "is not the published file: expected SHA-256"),
        ("short", rf"expected {len(TRAIN):,} bytes, got {len(TRAIN) // 2:,}"),
        ("long", rf"expected {len(TRAIN):,} bytes, got "),
        ("truncated", rf"(broke off after|got {len(TRAIN) // 2:,})"),
    ],
)
def test_a_bad_mirror_leaves_nothing_and_the_next_is_tried(how, reason, cache, mirrors, server):
    mirrors(how)
    with pytest.raises(errors.DataError, match=reason):
        data.load("mnist", progress=False)
    assert listing(cache) == []
    mirrors(how, "ok")
    data.load("mnist", progress=False)
    assert listing(cache) == sorted(NAMES)


def test_refused_and_offline(cache, mirrors, monkeypatch):
    refused = f"http://127.0.0.1:{free_port()}/"
    mirrors(refused, "http://no-such-host.invalid/", "nonsense://x/", "http://[bad/")
    with pytest.raises(errors.DataError) as caught:
        data.load("mnist", progress=False)
    message = str(caught.value)
    # Which file, where it was looked for, what was tried, and how to get it.
    assert message.startswith(f"mnist: the file {NAMES[0]} ({len(TRAIN):,} bytes) is not on this")
    for path in (cache / NAMES[0], cache / NAMES[0].removesuffix(".gz")):
        assert f"\n  {path}\n" in message
    assert f"{refused}{NAMES[0]}: [Errno" in message
    assert "no-such-host.invalid" in message
    assert "Remedy: with a network, `tgc data fetch mnist`" in message
    assert "set TGC_DATA to a folder that holds mnist/" in message
    assert not cache.exists()


def test_a_mirror_that_falls_silent_is_given_up(cache, mirrors, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2)
    mirrors("stalled", "ok")
    data.fetch("mnist", progress=False)
    assert listing(cache) == sorted(NAMES)


def test_without_fetch_the_missing_file_is_named(cache):
    with pytest.raises(errors.DataError, match=rf"mnist needs {cache}.*`tgc data fetch mnist`"):
        data.load("mnist", fetch=False)
    with pytest.raises(errors.DataError, match=rf"verify: mnist needs {cache}"):
        data.verify("mnist")


def test_an_interrupt_leaves_nothing(cache, mirrors, monkeypatch):
    @contextmanager
    def show(*arguments):
        def interrupt(count):
            assert len(listing(cache)) == 1  # the temporary file
            raise KeyboardInterrupt

        yield interrupt

    monkeypatch.setattr(downloads, "show", show)
    with pytest.raises(KeyboardInterrupt):
        data.load("mnist")
    assert listing(cache) == []


def test_a_killed_download_leaves_no_final_name(cache, mirrors, server, tmp_path):
    script = (
        "import sys; from tinygrad_course.data import published; "
        "from tinygrad_course.data.download import download; "
        f"download(published.DOWNLOADS['mnist'][0], ['{server.address}/stalled'], progress=False)"
    )
    root = Path(data.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, cwd=tmp_path)
    try:
        deadline = time.monotonic() + 30
        while not listing(cache) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert [name.endswith(".part") for name in listing(cache)] == [True]
    data.load("mnist", progress=False)
    assert data.verify("mnist")


def test_a_full_disk_is_named_and_leaves_nothing(cache, mirrors, server, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads.os, "fsync", full)
    with pytest.raises(errors.DataError, match=r"cannot write into .* \(No space left on device\)"):
        data.load("mnist", progress=False)
    assert listing(cache) == []
    assert len(server.asked) == 1  # no other mirror helps


def test_a_cache_that_cannot_be_written(cache, mirrors, monkeypatch):
    cache.parent.parent.mkdir()
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(errors.DataError, match=r"cannot write into .*set XDG_CACHE_HOME"):
        data.load("mnist", progress=False)

    def refuse(self, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    cache.parent.unlink()
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(errors.DataError, match=r"cannot write into .*\(Permission denied\)"):
        data.load("mnist", progress=False)
    assert listing(cache) == []


@pytest.mark.parametrize("unpacked", [False, True])
def test_tgc_data_comes_first_and_is_never_written(unpacked, cache, mirrors, monkeypatch, tmp_path):
    folder = lay_out(tmp_path / "mine", NAMES[:3], unpacked=unpacked)
    before = listing(folder / "mnist")
    monkeypatch.setenv("TGC_DATA", str(folder))
    mnist = data.load("mnist", progress=False)
    assert len(mnist.test.y) == 10
    assert listing(folder / "mnist") == before
    assert listing(cache) == [NAMES[3]]  # what TGC_DATA lacks goes into the cache
    places = [(line.place, line.file.endswith(".gz")) for line in data.status("mnist")]
    assert places == [("TGC_DATA", not unpacked)] * 3 + [("cache", True)]


@pytest.mark.parametrize("unpacked", [False, True])
def test_a_damaged_file_in_tgc_data_is_an_error(unpacked, cache, mirrors, monkeypatch, tmp_path):
    folder = lay_out(tmp_path / "mine", unpacked=unpacked)
    monkeypatch.setenv("TGC_DATA", str(folder))
    path = folder / "mnist" / (NAMES[2].removesuffix(".gz") if unpacked else NAMES[2])
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    for function in (data.load, data.fetch, data.verify):
        with pytest.raises(errors.DataError, match=rf"{path}: expected SHA-256 .*unset TGC_DATA"):
            function("mnist")
    states = [line.state for line in data.status("mnist")]
    assert states == ["present", "present", "corrupt", "present"]
    assert listing(cache) == []


def test_an_unreadable_file_is_an_error(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("TGC_DATA", str(lay_out(tmp_path / "mine")))

    def refuse(self):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(errors.DataError, match=r"cannot be read \(Permission denied\)"):
        data.load("mnist")
    assert data.status("mnist")[0].detail == "cannot be read (Permission denied)"


def test_where_the_folders_are(monkeypatch, tmp_path):
    monkeypatch.setenv("TGC_DATA", str(tmp_path / "nowhere"))
    for function in (data.load, data.status, data.fetch):
        with pytest.raises(errors.DataError, match=r"TGC_DATA: expected a folder.*is not there"):
            function("mnist")
    monkeypatch.setenv("TGC_DATA", str(tmp_path))
    assert data.data_folder() == tmp_path
    monkeypatch.delenv("TGC_DATA")
    assert data.data_folder() is None
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert data.cache_folder() == tmp_path / ".cache" / "tinygrad_course"

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(errors.DataError, match="set XDG_CACHE_HOME"):
        data.cache_folder()
