"""A real receiver of webhooks on loopback that does as it is told, and what a test needs to reach it."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import Struct

from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.verify import INVALID

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, and is made at once: reading what a system trusts takes longer than most tests."""
LOOPBACK = (ip_network("127.0.0.0/8"),)
HANG, CLOSE = "hang", "close"


class Received(Struct, frozen=True):
    """A request as it came in; names of headers in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers each request by the next of `answers` (a status line with headers, HANG or CLOSE), then by 204."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[str] = []
        self.port = 0
        self.serving_name: str | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        self._writers.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.received.append(Received(head[0], headers, body))
            answer = self.answers.pop(0) if self.answers else "204 No Content"
            if answer == HANG:
                await reader.read()  # until the sender gives up
            elif answer != CLOSE:
                writer.write(f"HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def drop(self) -> None:
        """Let go of whoever hangs."""
        for writer in list(self._writers):
            writer.close()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.drop()
        server.close()
        await server.wait_closed()


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds; it has 20 seconds."""
    for _ in range(2_000):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to hold within 20 s")


def in_process(app: Any, partner: str) -> httpx.AsyncClient:
    """Calls an app without a network, as a partner."""
    headers = {"authorization": f"Bearer {partner}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub", headers=headers)


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS for a host of this name, and that of a client who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    chain, private = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(pem)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, private)
    return server, ssl.create_default_context(cadata=pem.decode())


def grants(authorization: bytes | None, now_s: float) -> Grant | Rejected:
    """What verifies tokens in tests of routes: the token is the partner's id."""
    partner = (authorization or b"").removeprefix(b"Bearer ").decode()
    return Grant(f"{partner}-app", partner, "", frozenset(), "", "", 0, 1 << 40) if partner.strip() else INVALID
