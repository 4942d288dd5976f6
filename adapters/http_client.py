"""A pooled HTTP/1.1 client for the hot path: bounded in time, size and connections, strict about framing.

Reads share connections. A change is sent once, on a connection that has carried nothing yet: on an idle one it could
meet the other side hanging up, and nobody would know whether it was made (RFC 9110 section 9.2.2).

A connection on which anything unexpected happened is discarded, never reused: what it might still deliver could be
taken for the answer to somebody else's request.
"""

import asyncio
import re
import select
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from adapters.base import Answer, Fault
from adapters.http_connection import Connection, Stale

_HOST = re.compile(r"[A-Za-z0-9._\-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TARGET = re.compile(r"/[!-~]*")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2, token
_VALUE = re.compile(r"[!-~]([ \t!-~]*[!-~])?")
_OURS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade", "te"}
    | {"traceparent", "content-type", "idempotency-key"}
)
TARGET_BYTES_MAX = 8 * 1024

Exchanged: TypeAlias = Answer | Fault


class Origin(Struct, frozen=True):
    """Where requests go. `host` is a name or an address without brackets."""

    scheme: Literal["http", "https"]
    host: str
    port: int

    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


def bad_header(name: str, value: str) -> str | None:
    """Why a header cannot be sent with every request, or None. Never repeats the value: it may be a secret."""
    if not _NAME.fullmatch(name):
        return "is no header name"
    if name.lower() in _OURS:
        return "is set by Clausegate itself"
    return None if _VALUE.fullmatch(value) else "has a value that is empty or holds a line break or non-ASCII character"


class HttpClient:
    """At most `connections` connections to one origin; callers beyond that queue until their deadline.

    `headers` go with every request. Raises ValueError for a host or header that could not be sent as it is.
    """

    def __init__(
        self, origin: Origin, headers: Mapping[str, str], connections: int, tls: ssl.SSLContext | None = None
    ) -> None:
        if not _HOST.fullmatch(origin.host):
            raise ValueError("not a host name")
        for name, value in headers.items():
            if why := bad_header(name, value):
                raise ValueError(f"header {name!r} {why}")
        lines = [f"Host: {origin.authority()}", *(f"{name}: {value}" for name, value in headers.items())]
        self._origin = origin
        self._after_target = (" HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode("ascii")
        self._tls = (tls or ssl.create_default_context()) if origin.scheme == "https" else None
        self._connections_max = connections
        self._slots_used = 0  # connections that are open, being opened, or on their way to a waiter
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False

    async def change(
        self,
        method: Literal["POST", "PATCH", "DELETE"],
        target: str,
        *,
        fields: Mapping[str, str],
        body: bytes,
        timeout_ms: int,
        max_bytes: int,
    ) -> Exchanged:
        """Send a request that changes something, with header `fields` of its own; no body where it is empty.

        It is sent at most once. A Fault is "unreachable" only if nothing of it can have arrived.
        """
        if self._closed:
            return Fault("unreachable", "the adapter is closed")
        for name, value in fields.items():
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                return Fault("unreachable", "a header of the request cannot be sent")
        if len(target) > TARGET_BYTES_MAX or not _TARGET.fullmatch(target):
            return Fault("unreachable", "the request target cannot be sent")
        lines = [*(f"{name}: {value}" for name, value in fields.items()), *_length(method, body), "", ""]
        head = f"{method} {target}".encode("ascii") + self._after_target[:-2] + "\r\n".join(lines).encode("ascii")
        deadline = asyncio.get_running_loop().time() + timeout_ms / 1000
        self._retire_idle()
        reached = await self._reach(deadline, fresh=True)
        if isinstance(reached, Fault):
            return Fault("unreachable", reached.detail)
        try:
            outcome = await reached.exchange(head + body, deadline, max_bytes)
        finally:
            self._give_back(reached)
        if isinstance(outcome, Stale):
            return Fault("protocol", "the backend closed the connection without an answer")
        return outcome

    async def get(self, target: str, *, timeout_ms: int, max_bytes: int, traceparent: str | None = None) -> Exchanged:
        """GET an origin-form `target`, already percent-encoded, within `timeout_ms` for everything.

        Redirects are not followed. A target with a space, a control or a non-ASCII character is a protocol Fault; a
        `traceparent` that is none (W3C Trace Context) is left out.
        """
        if self._closed:
            return Fault("unreachable", "the adapter is closed")
        if len(target) > TARGET_BYTES_MAX or not _TARGET.fullmatch(target):
            return Fault("protocol", "the request target cannot be sent")
        request = b"GET " + target.encode("ascii") + self._after_target
        if traceparent is not None and _TRACEPARENT.fullmatch(traceparent):
            request = request[:-2] + b"traceparent: " + traceparent.encode("ascii") + b"\r\n\r\n"
        deadline = asyncio.get_running_loop().time() + timeout_ms / 1000
        connection = self._take_idle()
        if connection is None:
            reached = await self._reach(deadline)
            if isinstance(reached, Fault):
                return reached
            connection = reached
        return await self._exchange(connection, request, deadline, max_bytes)

    async def close(self) -> None:
        """Drop every connection; calls in flight and waiting end in a Fault."""
        self._closed = True
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
        connections = list(self._open)
        for connection in connections:
            connection.discard()
        for connection in connections:
            await connection.lost
        self._idle.clear()

    async def _exchange(self, connection: Connection, request: bytes, deadline: float, max_bytes: int) -> Exchanged:
        """One request on a connection; once more on a fresh one if the peer had given up the old one meanwhile."""
        try:
            outcome = await connection.exchange(request, deadline, max_bytes)
            if isinstance(outcome, Stale):
                if not connection.used or self._closed:
                    return Fault("unreachable", "the backend closed the connection without an answer")
                fresh = await self._connect(deadline)
                if isinstance(fresh, Fault):
                    return fresh
                connection = fresh
                outcome = await connection.exchange(request, deadline, max_bytes)
                if isinstance(outcome, Stale):
                    return Fault("unreachable", "the backend closed the connection without an answer")
            return outcome
        finally:
            self._give_back(connection)

    def _take_idle(self) -> Connection | None:
        """The connection used last, if it is quiet: readable means closed, or bytes nobody asked for."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_quiet():
                return connection
            connection.discard()
            self._slots_used -= 1
        return None

    def _retire_idle(self) -> None:
        """Make room for a new connection."""
        connection = self._take_idle()
        if connection is not None:
            connection.discard()
            self._slots_used -= 1

    async def _reach(self, deadline: float, *, fresh: bool = False) -> Connection | Fault:
        """A connection by waiting for one or opening one; the slot it takes is the caller's to give back.

        `fresh`: one that has carried nothing yet.
        """
        given: Connection | None = None
        if self._slots_used < self._connections_max:
            self._slots_used += 1
        else:
            try:
                given = await self._wait(deadline)
            except TimeoutError:
                return Fault("timeout", "no connection to the backend became free in time")
        if given is not None:
            if not fresh and given.is_quiet():
                return given
            given.discard()
        kept = False
        try:
            opened = await self._connect(deadline)
            kept = isinstance(opened, Connection)
            return opened
        finally:
            if not kept:
                self._give_back(None)

    async def _wait(self, deadline: float) -> Connection | None:
        """Queue for a slot: with a connection, or without one (None), so that the waiter opens its own."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._give_back(waiter.result())  # it came, but this caller is gone: the next one gets it
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            raise

    async def _connect(self, deadline: float) -> Connection | Fault:
        if self._closed:
            return Fault("unreachable", "the adapter is closed")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self._forget, select.poll()),
                    self._origin.host,
                    self._origin.port,
                    ssl=self._tls,
                    server_hostname=self._origin.host if self._tls else None,
                )
        except TimeoutError:
            return Fault("timeout", "connecting to the backend took too long")
        except ssl.SSLError:
            return Fault("unreachable", "no TLS connection to the backend: its certificate or protocol was refused")
        except (OSError, UnicodeError):
            return Fault("unreachable", "the backend cannot be connected to")
        if self._closed:
            connection.discard()
            return Fault("unreachable", "the adapter is closed")
        self._open.add(connection)
        return connection

    def _give_back(self, connection: Connection | None) -> None:
        """End of an exchange: the slot goes to the first waiter, with the connection if it may be used again."""
        reusable = connection if connection is not None and connection.reusable and not self._closed else None
        if connection is not None and reusable is None:
            connection.discard()
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(reusable)
                return
        if reusable is None:
            self._slots_used -= 1
        else:
            self._idle.append(reusable)

    def _forget(self, connection: Connection) -> None:
        """A connection is gone; one that was idle frees its slot, one in use is given back by its user."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
            self._slots_used -= 1


def _length(method: str, body: bytes) -> list[str]:
    """Content-Length; none where a method has no use for a body (RFC 9110 section 8.6)."""
    return [] if method == "DELETE" and not body else [f"Content-Length: {len(body)}"]
