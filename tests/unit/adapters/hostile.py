"""A backend that says on its socket exactly what a test tells it to."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

Reply: TypeAlias = Callable[["Peer", int], Awaitable[None]]


class Peer:
    """The server's side of one connection. `number` counts connections from 0."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self._reader = reader
        self._writer = writer
        self.number = number
        self.method, self.target = "", ""
        self.body = b""

    @property
    def has_gone(self) -> bool:
        """The client has hung up."""
        return self._writer.is_closing()

    async def request(self) -> bytes | None:
        """The next request's head, or None at the end; its body, of the length it says, is in `body`."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await self._reader.readuntil(b"\r\n\r\n")
            self.method, self.target = (word.decode() for word in head.split(b" ")[:2])
            length = re.search(rb"\r\nContent-Length: (\d+)\r\n", head)
            self.body = await self._reader.readexactly(int(length[1])) if length else b""
            return head
        return None

    async def send(self, data: bytes) -> None:
        """Send as a segment of its own; the client may have hung up already."""
        with suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


class Served:
    """A running backend: where, which requests it saw and with which bodies, and how many connections."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.requests: list[bytes] = []
        self.bodies: list[bytes] = []
        self.asked = asyncio.Event()
        self.peers: list[asyncio.Task[None]] = []


@asynccontextmanager
async def serving(reply: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[Served]:
    """Answer each request by `reply(peer, number of the request on this connection)`."""
    served = Served()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.peers.append(task)
        peer = Peer(reader, writer, served.connections)
        served.connections += 1
        number = 0
        try:
            while (head := await peer.request()) is not None:
                served.requests.append(head)
                served.bodies.append(peer.body)
                served.asked.set()
                await reply(peer, number)
                number += 1
        finally:
            writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in served.peers:
            task.cancel()
        await asyncio.gather(*served.peers, return_exceptions=True)


def response(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A well-formed answer of known length."""
    lines = [b"HTTP/1.1 " + status, b"Content-Type: application/json", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
