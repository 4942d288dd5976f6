"""A partner's interface on a real socket that does what a test tells it to: answers, fails, stalls, hangs up."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct, field


class Got(Struct, frozen=True):
    """One request as it arrived: header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Reply(Struct, frozen=True, kw_only=True):
    """What is sent back. `stall`: nothing, until the test is over. `after_bytes`: so much of it, then hang up."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: bool = False
    after_bytes: int | None = None
    chunked: bool = False


def says(value: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON answer; header names with underscores for hyphens."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status=status, body=json.dumps(value).encode(), headers=named)


class PartnerApi:
    """`first` are the answers to the first requests by path, one each; `usual` what follows. Tokens count from 1."""

    def __init__(self) -> None:
        self.first: dict[str, list[Reply]] = {}
        self.usual: dict[str, Reply] = {}
        self.got: list[Got] = []
        self.port = 0
        self.connections = 0
        self.token_lifetime_s = 3600
        self._tokens = 0
        self._over = asyncio.Event()

    def paths(self) -> list[str]:
        """Where requests went, in order, without queries."""
        return [got.target.partition("?")[0] for got in self.got]

    def _reply(self, got: Got) -> Reply:
        path = got.target.partition("?")[0]
        if self.first.get(path):
            return self.first[path].pop(0)
        if path == "/token" and path not in self.usual:
            self._tokens += 1
            token = {"access_token": f"token-{self._tokens}", "token_type": "Bearer"}
            return says({**token, "expires_in": self.token_lifetime_s})
        return self.usual.get(path, Reply(status=404, body=b"{}"))

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while True:
                got = await _request(reader)
                self.got.append(got)
                reply = self._reply(got)
                if reply.stall:
                    await self._over.wait()
                    return
                data = _bytes(reply)
                writer.write(data if reply.after_bytes is None else data[: reply.after_bytes])
                await writer.drain()
                if reply.after_bytes is not None:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def end(self) -> None:
        """Let go of whoever is stalled."""
        self._over.set()


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[PartnerApi]:
    """The interface on a free port of loopback, while the block lasts."""
    api = PartnerApi()
    server = await asyncio.start_server(api.talk, "127.0.0.1", 0, ssl=tls)
    api.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield api
        finally:
            api.end()


async def _request(reader: asyncio.StreamReader) -> Got:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Got(method, target, headers, body)


def _bytes(reply: Reply) -> bytes:
    framing = "Transfer-Encoding: chunked" if reply.chunked else f"Content-Length: {len(reply.body)}"
    lines = [f"HTTP/1.1 {reply.status} Said", framing]
    lines += [f"Content-Type: {reply.content_type}"] if reply.content_type else []
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(reply.body), reply.body) if reply.chunked else reply.body
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
