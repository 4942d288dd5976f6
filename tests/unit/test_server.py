"""Connections that never ask for anything whole do not stay."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from gateway.server import BoundedProtocol, listen
from tests.flows.wire import Wire

PATIENCE_S = 30


async def greet(scope: Any, _receive: Any, send: Any) -> None:
    """Answers everything."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@asynccontextmanager
async def serving(keep_alive_s: int) -> AsyncIterator[str]:
    """The URL of a server with this keep-alive time."""
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        greet, http=BoundedProtocol, lifespan="off", log_config=None, timeout_keep_alive=keep_alive_s
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listening.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: a\r\nx-a: b"])
async def test_a_head_that_does_not_become_complete_is_not_waited_for(sent: bytes) -> None:
    async with serving(keep_alive_s=0) as url, await Wire.open(url) as wire:
        with suppress(ConnectionError):  # it may have been hung up on already
            await wire.send(sent)
        assert await wire.rest() == b""


async def test_a_request_in_time_is_answered_and_the_next_one_is_waited_for_anew() -> None:
    async with serving(keep_alive_s=PATIENCE_S) as url, await Wire.open(url) as wire:
        for _ in range(3):
            await wire.send(b"GET / HTTP/1.1\r\n")
            await wire.send(b"Host: a\r\n\r\n")
            reply = await wire.answer()
            assert reply is not None
            assert reply.body == b"hi"
