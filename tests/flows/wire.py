"""An HTTP/1.1 client that sends exactly the bytes it is given, and keeps every byte that comes back."""

import asyncio
from collections.abc import Iterable
from typing import Self

import msgspec
from msgspec import Struct

_PATIENCE_S = 30


class Reply(Struct, frozen=True):
    """An answer. `headers` by lower-case name, the last of a name; `raw` is all of it as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def code(self) -> str:
        """The problem's code; "" for an answer that is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return str(msgspec.json.decode(self.body)["type"]).removeprefix("/problems/")

    @property
    def receipt(self) -> str | None:
        return self.headers.get("clausegate-receipt")


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    @classmethod
    async def open(cls, url: str) -> Self:
        host = url.removeprefix("http://")
        name, _, port = host.partition(":")
        reader, writer = await asyncio.open_connection(name, int(port), limit=16 << 20)
        return cls(reader, writer, host)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up at once, whatever is not sent yet."""
        self._writer.transport.abort()

    def head(self, target: str, headers: Iterable[tuple[str, str]] = (), method: str = "GET") -> bytes:
        """A well-formed request without a body."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}", *(f"{name}: {value}" for name, value in headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def send(self, data: bytes) -> None:
        """Send. Raises ConnectionError once the other side has hung up."""
        self._writer.write(data)
        async with asyncio.timeout(_PATIENCE_S):
            await self._writer.drain()

    async def answer(self, method: str = "GET") -> Reply | None:
        """The next answer, whole; None when the connection ended before it was."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                head = await self._reader.readuntil(b"\r\n\r\n")
                line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                if headers.get("transfer-encoding") == "chunked" and method != "HEAD":
                    body = await self._chunks()
                else:
                    size = 0 if method == "HEAD" else int(headers.get("content-length", 0))
                    body = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return Reply(int(line.split(" ")[1]), headers, body, head + body)

    async def _chunks(self) -> bytes:
        """A chunked body up to its last chunk (RFC 9112 section 7.1). Raises IncompleteReadError without that one."""
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += await self._reader.readexactly(size)
            assert await self._reader.readexactly(2) == b"\r\n"
        assert await self._reader.readexactly(2) == b"\r\n"
        return body

    async def ask(self, target: str, headers: Iterable[tuple[str, str]] = (), method: str = "GET") -> Reply:
        """One request and its answer, which must come."""
        await self.send(self.head(target, headers, method))
        reply = await self.answer(method)
        assert reply is not None, "the connection ended without an answer"
        return reply

    async def rest(self) -> bytes:
        """Everything until the other side hangs up."""
        async with asyncio.timeout(_PATIENCE_S):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""
