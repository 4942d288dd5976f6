"""Where trees are read from: folders, and a web server that may answer anything."""

import gzip
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.tlog.checking import check_tree
from gateway.tlog.source import BUNDLE_BYTES_MAX, Source, SourceError, folder_source, target_source, url_source
from gateway.tlog.tiles import TileError
from gateway.tlog.tree_report import TreeReport
from tests.unit.tlog.segment_log import KEYS, MemoryTarget
from tests.unit.tlog.sequenced import TREE, files_in, memory_source, some_log


class Server:
    """Serves `files` on loopback; `special` answers come as they are: (status, headers, body)."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.special: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.removeprefix("/partner/log/")
                server.asked.append((path, self.headers.get("Authorization")))
                status, headers, body = server.answer(path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/partner/log"
        self._thread = threading.Thread(target=self._http.serve_forever)
        self._thread.start()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path in self.special:
            return self.special[path]
        body = self.files.get(path)
        if body is None:
            return 404, {}, b"nothing"
        return (200, {"Content-Encoding": "gzip"}, gzip.compress(body)) if "entries" in path else (200, {}, body)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    yield served
    served.close()


def test_a_tree_over_http_is_the_same_as_its_folder(server: Server, tmp_path: Path) -> None:
    log = some_log(tmp_path / "log")
    server.files = files_in(log.folder / "tree" / TREE)
    over_http = check_tree(url_source(server.url, "secret-token"), KEYS.verifier(TREE))
    in_folder = check_tree(folder_source(log.folder / "tree" / TREE), KEYS.verifier(TREE))
    assert isinstance(over_http, TreeReport), over_http
    assert isinstance(in_folder, TreeReport)
    assert (over_http.root, over_http.size, over_http.writers) == (in_folder.root, in_folder.size, in_folder.writers)
    assert {token for _, token in server.asked} == {"Bearer secret-token"}


def test_a_file_that_is_not_there_is_none_and_any_other_refusal_is_said(server: Server) -> None:
    server.special = {"gone": (410, {}, b""), "busy": (503, {}, b"later"), "closed": (401, {}, b"")}
    source = url_source(server.url)
    assert source.fetch("nothing") is None
    assert source.fetch("gone") is None
    with pytest.raises(SourceError, match=r"^busy: the answer is 503$"):
        source.fetch("busy")
    with pytest.raises(SourceError, match="CLAUSEGATE_TOKEN"):
        source.fetch("closed")


def test_a_server_that_wants_to_be_read_more_slowly_is_waited_for(server: Server) -> None:
    server.special = {"checkpoint": (429, {"Retry-After": "7"}, b"")}
    server.files = {"checkpoint": b"found"}
    waited: list[float] = []

    def sleep(time_s: float) -> None:
        waited.append(time_s)
        if len(waited) == 2:
            server.special = {}

    assert url_source(server.url, sleep=sleep).fetch("checkpoint") == b"found"
    assert waited == [7, 7]


def test_a_server_that_never_wants_to_be_read_is_not_waited_for_without_end(server: Server) -> None:
    server.special = {
        "busy": (429, {"Retry-After": "1"}, b""),
        "rude": (429, {}, b""),
        "slow": (429, {"Retry-After": "121"}, b""),
        "odd": (429, {"Retry-After": "Sat, 28 Nov 2026 00:00:00 GMT"}, b""),
    }
    waited: list[float] = []
    source = url_source(server.url, sleep=waited.append)
    for path, waits in (("busy", 5), ("rude", 0), ("slow", 0), ("odd", 0)):
        waited.clear()
        with pytest.raises(SourceError, match=f"^{path}: the answer is 429$"):
            source.fetch(path)
        assert len(waited) == waits


def test_a_redirect_is_not_followed_so_that_no_token_goes_elsewhere(server: Server) -> None:
    server.files = {"elsewhere": b"x"}
    server.special = {"checkpoint": (302, {"Location": f"{server.url}/elsewhere"}, b"")}
    with pytest.raises(SourceError, match="302"):
        url_source(server.url, "token").fetch("checkpoint")
    assert [path for path, _ in server.asked] == ["checkpoint"]


def test_no_answer_is_taken_that_is_larger_than_it_can_be(server: Server) -> None:
    bomb = gzip.compress(bytes(BUNDLE_BYTES_MAX + 1))
    server.special = {
        "checkpoint": (200, {}, bytes(70_000)),
        "tile/entries/000": (200, {"Content-Encoding": "gzip"}, bomb),
        "cut": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 1000)[:-9]),
        "torn": (200, {"Content-Encoding": "gzip"}, b"no gzip"),
        "brotli": (200, {"Content-Encoding": "br"}, b""),
        "short": (200, {"Content-Length": "100", "Connection": "close"}, b"x"),
    }
    source = url_source(server.url)
    for path in ("checkpoint", "tile/entries/000"):
        with pytest.raises(TileError, match="larger than"):
            source.fetch(path)
    for path in ("cut", "torn", "brotli", "short"):
        with pytest.raises(SourceError):
            source.fetch(path)


def test_an_answer_that_does_not_end_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files = {"checkpoint": bytes(1000)}
    monkeypatch.setattr("gateway.tlog.source.FILE_S_MAX", -1)
    with pytest.raises(SourceError, match=r"^checkpoint: the answer has not ended after"):
        url_source(server.url).fetch("checkpoint")


def test_a_server_that_is_not_there_is_said_without_its_address() -> None:
    closed = Server()
    closed.close()
    with pytest.raises(SourceError, match=r"^checkpoint: no answer \(ConnectionRefusedError\)$"):
        url_source(closed.url).fetch("checkpoint")


@pytest.mark.parametrize(
    "url",
    ["ftp://h/log", "https://", "https://user:password@h/log", "https://h/log?x=1", "https://h/log#x", "file:///etc"],
)
def test_a_url_that_is_none_of_a_log_is_refused(url: str) -> None:
    with pytest.raises(SourceError):
        url_source(url)


def test_a_token_travels_over_tls_or_within_this_machine() -> None:
    with pytest.raises(SourceError, match="http://"):
        url_source("http://gateway.example/log", "token")
    for url in ("http://gateway.example/log", "http://localhost:1/log", "http://[::1]:1/log"):
        url_source(url, "" if "example" in url else "token")


def test_files_come_in_order_however_many_are_under_way() -> None:
    release = [threading.Event() for _ in range(100)]

    def fetch(path: str) -> bytes | None:
        # Each waits for the one behind it, as far as that is under way at the same time.
        number = int(path)
        release[number].set()
        if number % 4 != 3:
            assert release[number + 1].wait(10)
        return path.encode()

    source = Source("here", fetch, 4)
    assert list(source.in_order(str(number) for number in range(100))) == [b"%d" % number for number in range(100)]


def test_a_fault_in_one_of_them_ends_the_reading() -> None:
    def fetch(path: str) -> bytes | None:
        if path == "7":
            raise SourceError("7: the answer is 503")
        return b""

    with pytest.raises(SourceError):
        list(Source("here", fetch, 4).in_order(str(number) for number in range(1000)))


def test_a_folder_names_its_files_and_none_that_are_being_written(tmp_path: Path) -> None:
    for name in ("a/tile/0/000", "a/.000.temporary", "a/checkpoint", "b/checkpoint"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    source = folder_source(tmp_path)
    assert source.names is not None
    assert list(source.names("a")) == ["checkpoint", "tile/0/000"]
    below = source.below("a")
    assert below.names is not None
    assert (list(below.names("")), list(below.names("tile"))) == (["checkpoint", "tile/0/000"], ["0/000"])
    assert (below.fetch("checkpoint"), below.fetch("tile"), below.fetch("x/y")) == (b"a/checkpoint", None, None)
    os.mkfifo(tmp_path / "pipe")  # nobody will ever write to it
    with pytest.raises(TileError, match="no regular file"):
        source.fetch("pipe")
    (tmp_path / "large").write_bytes(bytes(70_000))
    with pytest.raises(TileError):
        source.fetch("large")


def test_a_bucket_is_read_by_its_target() -> None:
    target = MemoryTarget()
    target.files = {"root/checkpoint": b"c", "root/large": bytes(70_000)}
    source = target_source(target, "s3://bucket/prefix").below("root")
    assert (source.where, source.fetch("checkpoint"), source.fetch("vkey")) == ("s3://bucket/prefix/root", b"c", None)
    with pytest.raises(TileError):
        source.fetch("large")
    assert memory_source(target.files).below("root").fetch("checkpoint") == b"c"
