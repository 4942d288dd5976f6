"""A real server of key sets on loopback that does as it is told, and counts who asks."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from joserfc.jwk import ECKey, Key

HANG = "\0hang"
"""At the end of an answer: it is not ended."""


def jwk(kid: str, key: Key | None = None) -> dict[str, Any]:
    """A public key of this name."""
    return (key or ECKey.generate_key("P-256")).as_dict(private=False, kid=kid)


class KeyServer:
    """Answers each request with `raw` if that is set, else with what was published; `heads` are those it was sent."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[str] = []
        self.headers = ""
        self.raw: str | None = None
        self._body = '{"keys": []}'
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/jwks"

    def publish(self, *keys: dict[str, Any]) -> None:
        """These and no others, from the next request on."""
        self._body, self.raw = json.dumps({"keys": keys}), None

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        self._open.add(writer)
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{self.headers}\r\n"
            answer = head + self._body if self.raw is None else self.raw
            writer.write(answer.removesuffix(HANG).encode())
            await writer.drain()
            if answer.endswith(HANG):
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    def drop(self) -> None:
        """Let go of whoever hangs."""
        for writer in list(self._open):
            writer.close()


@asynccontextmanager
async def key_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[KeyServer]:
    """A server that listens."""
    serving = KeyServer()
    listening = await asyncio.start_server(serving.handle, "127.0.0.1", 0, ssl=tls)
    serving.port = listening.sockets[0].getsockname()[1]
    try:
        yield serving
    finally:
        serving.drop()
        listening.close()
        await listening.wait_closed()
