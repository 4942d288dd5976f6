"""Exports over the wire: whole ones end properly, broken ones never look whole, and the log tells of every piece."""

import asyncio
import json
from collections.abc import Iterator
from threading import Event

import httpx
import pytest

from gateway.audit.leaf import Exchange, Part
from gateway.audit.reader import read_entries
from tests.flows.backend import Backend, backend, shipment, well
from tests.flows.hub import Gateway, hub
from tests.flows.wire import Wire
from tests.unit.adapters.hostile import Peer, response

PAGES, RECORDS = 40, 200
LINES = ("accept", "application/x-ndjson")


@pytest.fixture(scope="module")
def running() -> Iterator[Backend]:
    with backend() as made:
        yield made


@pytest.fixture(scope="module")
def gateway(running: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with hub(tmp_path_factory.mktemp("exports"), running.url) as made, made.serving() as serving:
        yield serving


@pytest.fixture(autouse=True)
def pages(running: Backend) -> Iterator[None]:
    running.reply = page
    yield
    running.reply = well


async def page(peer: Peer, _: int) -> None:
    """The page after the one that is named, of `PAGES` in all."""
    number = int(peer.target.partition("after=")[2] or 0)
    records = [shipment(f"S-{number}-{place}") for place in range(RECORDS)]
    following = str(number + 1) if number + 1 < PAGES else None
    await peer.send(response(json.dumps({"data": records, "next": following}).encode()))


async def broken(peer: Peer, number: int) -> None:
    """As `page`, until the third page, of which only the beginning comes."""
    if "after=2" in peer.target:
        await peer.send(
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"data":[{"canary'
        )
        await peer.close()
    else:
        await page(peer, number)


def parts(gateway: Gateway, receipt: str | None) -> list[Part]:
    """The pieces after the first of the answer with this receipt."""
    first = gateway.hub.exchange(receipt)
    found = [located.leaf.entry for located in read_entries(gateway.hub.log)]
    return [entry for entry in found if isinstance(entry, Part) and entry.request_id == first.request_id]


async def test_an_export_comes_whole_and_the_connection_serves_the_next_request(gateway: Gateway) -> None:
    async with await Wire.open(gateway.url) as wire:
        reply = await wire.ask("/v1/shipments", [gateway.bearer, LINES])
        lines = reply.body.splitlines()
        assert reply.status == 200
        assert len(lines) == PAGES * RECORDS
        assert {json.loads(line)["shipment_id"] for line in lines} == {
            f"S-{number}-{place}" for number in range(PAGES) for place in range(RECORDS)
        }
        assert b"canary" not in reply.body
        assert (await wire.ask("/v1/shipments?limit=200", [gateway.bearer])).status == 200
    told = parts(gateway, reply.receipt)
    assert [part.number for part in told] == list(range(2, PAGES + 1))
    first = gateway.hub.exchange(reply.receipt)
    assert isinstance(first, Exchange)
    assert first.records + sum(part.records for part in told) == PAGES * RECORDS
    assert first.bytes + sum(part.bytes for part in told) == len(reply.body)


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
async def test_an_export_that_breaks_off_is_an_error_to_every_client(
    gateway: Gateway, running: Backend, coding: str
) -> None:
    running.reply = broken
    headers = dict([gateway.bearer, LINES, ("accept-encoding", coding)])
    async with (
        httpx.AsyncClient() as client,
        client.stream("GET", f"{gateway.url}/v1/shipments", headers=headers) as got,
    ):
        assert got.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            async for _ in got.aiter_raw():
                pass
        told = parts(gateway, got.headers["clausegate-receipt"])
    assert [(part.number, part.code, part.records) for part in told] == [(2, "", RECORDS), (3, "backend-invalid", 0)]


async def test_a_caller_that_hangs_up_is_not_served_to_the_end(gateway: Gateway, running: Backend) -> None:
    gone = Event()

    async def slow(peer: Peer, number: int) -> None:
        if "after=3" in peer.target:
            await asyncio.to_thread(gone.wait, 30)
        await page(peer, number)

    running.reply = slow
    async with await Wire.open(gateway.url) as wire:
        await wire.send(wire.head("/v1/shipments", [gateway.bearer, LINES]))
        head = await wire._reader.readuntil(b"\r\n\r\n")
    gone.set()
    receipt = next(
        line.partition(b": ")[2].decode() for line in head.split(b"\r\n") if line.startswith(b"clausegate-receipt")
    )
    assert (await gateway.get("/v1/shipments?limit=200")).status == 200
    assert len(parts(gateway, receipt)) < PAGES - 1
