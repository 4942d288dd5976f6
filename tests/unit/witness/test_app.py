"""The witness over HTTP, on a real socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.tlog.note import parse_vkey
from gateway.witness.app import witness_app
from gateway.witness.folder import open_folder
from gateway.witness.witness import Witness, keys_by_origin
from tests.flows.served import served
from tests.unit.witness.growing import GrowingLog

LOG, FORK = GrowingLog(), GrowingLog(forked_at=3)


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    folder = open_folder(tmp_path, "witness.example/w1")
    keys = keys_by_origin([key for key in [parse_vkey(LOG.vkey)] if key])
    application = witness_app(Witness(folder, folder.signer, keys, lambda: 1_700_000_000))
    async with served(application) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield client
    folder.close()


async def test_a_cosignature_is_one_line_of_text(http: httpx.AsyncClient) -> None:
    answer = await http.post("/add-checkpoint", content=LOG.body(0, 7))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("— witness.example/w1 ")
    assert answer.text.count("\n") == 1


async def test_each_status_of_the_specification_comes_over_the_wire(http: httpx.AsyncClient) -> None:
    await http.post("/add-checkpoint", content=LOG.body(0, 5))
    bodies = {
        400: LOG.body(8, 7),
        403: GrowingLog(seed=b"\x02" * 32).body(5, 7),
        404: GrowingLog("other.example").body(5, 7),
        409: LOG.body(0, 7),
        422: FORK.body(5, 7),
        200: LOG.body(5, 7),
    }
    for status, body in bodies.items():
        assert (await http.post("/add-checkpoint", content=body)).status_code == status


async def test_a_conflict_has_the_size_and_its_media_type(http: httpx.AsyncClient) -> None:
    await http.post("/add-checkpoint", content=LOG.body(0, 5))
    answer = await http.post("/add-checkpoint", content=LOG.body(0, 7))
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (409, "5\n", "text/x.tlog.size")


async def test_the_key_is_given_as_a_line(http: httpx.AsyncClient) -> None:
    answer = await http.get("/vkey")
    key = parse_vkey(answer.text.removesuffix("\n"))
    assert key is not None
    assert key.name == "witness.example/w1"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_the_body_is_read_as_bytes_whatever_it_is_called(http: httpx.AsyncClient, content_type: str) -> None:
    answer = await http.post("/add-checkpoint", content=LOG.body(0, 7), headers={"content-type": content_type})
    assert answer.status_code == 200


async def test_a_body_over_64_kib_is_not_read(http: httpx.AsyncClient) -> None:
    assert (await http.post("/add-checkpoint", content=b"o" * 65_537)).status_code == 413


async def test_a_body_without_announced_length_is_bounded_as_well(http: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"o" * 1024

    assert (await http.post("/add-checkpoint", content=pieces())).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/add-checkpoint", 405), ("GET", "/", 404), ("POST", "/vkey", 405)]
)
async def test_there_is_nothing_else(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    assert (await http.request(method, path)).status_code == status
