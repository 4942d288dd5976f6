"""A client that talks to a scripted backend, and the shortest way to ask it something."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.http_client import HttpClient, Origin
from tests.unit.adapters.hostile import Peer, Reply, Served, serving


@asynccontextmanager
async def talking_to(reply: Reply, connections: int = 4) -> AsyncIterator[tuple[HttpClient, Served]]:
    async with serving(reply) as served:
        client = HttpClient(Origin("http", "127.0.0.1", served.port), {}, connections)
        try:
            yield client, served
        finally:
            await client.close()


async def get(client: HttpClient, target: str = "/x", *, timeout_ms: int = 5000, max_bytes: int = 100_000) -> object:
    return await client.get(target, timeout_ms=timeout_ms, max_bytes=max_bytes)


def always(*segments: bytes, close: bool = False) -> Reply:
    async def reply(peer: Peer, _number: int) -> None:
        for segment in segments:
            await peer.send(segment)
            await asyncio.sleep(0)
        if close:
            await peer.close()

    return reply
