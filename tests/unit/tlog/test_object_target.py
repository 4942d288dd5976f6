"""Publishing to an object store, against a server that speaks S3."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from gateway.tlog.local_target import LocalTarget
from gateway.tlog.media import media_of
from gateway.tlog.object_target import ObjectTarget
from gateway.tlog.open_target import TargetError, open_target

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "of-a-test",
    "AWS_SECRET_ACCESS_KEY": "of-a-test-that-nobody-may-see",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}
_PATHS = ("root/checkpoint", "root/tile/0/x001/x234/067", "partners/swift/tile/entries/000.p/17")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        assert httpx.put(f"{url}/published").status_code == 200
        yield url
    finally:
        server.stop()


@pytest.fixture
def environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in (*_ENVIRONMENT.items(), ("AWS_ENDPOINT", endpoint)):
        monkeypatch.setenv(name, value)
    return endpoint


@pytest.fixture
def target(environment: str, request: pytest.FixtureRequest) -> ObjectTarget:
    opened = open_target(f"s3://published/of/{request.node.name}")
    assert isinstance(opened, ObjectTarget)
    return opened


def test_what_was_written_is_read_back_and_may_be_replaced(target: ObjectTarget) -> None:
    for number in range(3):
        for path in _PATHS:
            target.write(path, f"{path} {number}".encode())
    target.flush()
    assert [target.read(path) for path in _PATHS] == [f"{path} 2".encode() for path in _PATHS]


def test_a_large_file_does_not_overtake_the_small_one_that_replaces_it(target: ObjectTarget) -> None:
    target.write("root/checkpoint", bytes(8 << 20))
    target.write("root/checkpoint", b"newer")
    target.write("root/vkey", bytes(24 << 20))  # takes longer than the first, should that still be under way
    target.flush()
    assert target.read("root/checkpoint") == b"newer"


def test_a_file_may_be_read_before_anything_was_flushed(target: ObjectTarget) -> None:
    target.write("root/checkpoint", b"one")
    target.write("root/checkpoint", b"two")
    assert target.read("root/checkpoint") == b"two"


def test_what_is_not_there_is_none_and_can_be_removed(target: ObjectTarget) -> None:
    target.write("root/tile/0/000.p/1", b"1")
    target.remove(["root/tile/0/000.p/1", "root/tile/0/000.p/2"])
    target.remove([])
    assert target.read("root/tile/0/000.p/1") is None


def test_more_files_than_wait_at_once_all_arrive(target: ObjectTarget) -> None:
    written = {f"root/tile/0/{number:03}": bytes([number % 256]) * 100 for number in range(260)}
    for path, data in written.items():
        target.write(path, data)
    target.flush()
    assert {path: target.read(path) for path in list(written)[::20]} == dict(list(written.items())[::20])


@pytest.mark.parametrize("path", _PATHS)
def test_the_bucket_serves_each_file_as_what_it_is(environment: str, path: str) -> None:
    target = open_target("s3://published/as-it-is/")
    target.write(path, b"served")
    target.flush()
    bucket = S3Store("published", client_options={"allow_http": True})
    link = obstore.sign(bucket, "GET", f"as-it-is/{path}", timedelta(minutes=1))
    answer = httpx.get(link)
    assert (answer.status_code, answer.content) == (200, b"served")
    assert answer.headers["Content-Type"] == media_of(path).content_type
    assert answer.headers["Cache-Control"] == media_of(path).cache_control


def test_a_file_that_did_not_arrive_is_a_fault_of_flush_once_and_names_no_secret(environment: str) -> None:
    target = open_target("s3://nobody-made-this/log")
    target.write("root/checkpoint", b"lost")
    with pytest.raises(OSError, match="root/checkpoint") as raised:
        target.flush()
    assert _ENVIRONMENT["AWS_SECRET_ACCESS_KEY"] not in str(raised.value)
    assert "\n" not in str(raised.value)
    target.flush()


def test_a_reader_beside_the_writer_does_not_take_its_fault_away(environment: str) -> None:
    target = open_target("s3://nobody-made-this/log")
    target.write("root/checkpoint", b"lost")
    assert target.read("root/checkpoint") is None
    with pytest.raises(OSError, match="root/checkpoint"):
        target.flush()


def test_a_store_that_does_not_answer_is_an_oserror(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    target = open_target("s3://published/log")
    with pytest.raises(OSError, match="root/checkpoint"):
        target.read("root/checkpoint")
    with pytest.raises(OSError, match="root/vkey"):
        target.remove(["root/vkey"])


def test_an_endpoint_without_tls_is_refused_unless_it_is_allowed(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(OSError, match="root/checkpoint"):
        open_target("s3://published/log").read("root/checkpoint")


def test_a_path_is_a_folder_and_any_other_url_is_refused(tmp_path: Path) -> None:
    assert isinstance(open_target(str(tmp_path)), LocalTarget)
    for wrong in ("s3://", "s3:///log", "gs://bucket/log", "https://bucket.example/log"):
        with pytest.raises(TargetError, match=r"clausegate\.toml, publish: "):
            open_target(wrong)
