"""The HTTP server: uvicorn with httptools and uvloop, and bounds that neither of them has."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.tls import tls_extension
from gateway.workers.sharing import SharedListening

HEAD_BYTES_MAX = 64 * 1024
"""Bytes of request line and headers before the connection is closed: well over what the exchange accepts (8 + 16 KiB),
so that an oversized but honest request gets its problem document."""
_URI_TOO_LONG = b"HTTP/1.1 414 URI Too Long\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on what a caller can make it keep.

    An endless request head is cut off, not collected; a head that does not become complete within the keep-alive time
    is not waited for; requests that are sent ahead of their answers are left in the socket. An offer to upgrade
    (h2c, which some clients make with every first request) is not taken up: what follows is HTTP/1.1 (RFC 9110
    section 7.8). With TLS, each request's scope has the connection's client certificate (ASGI TLS extension).
    """

    _head_bytes = 0
    _silent_bytes = 0
    _is_silent = True
    _extensions: dict[str, Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = tls_extension(transport.get_extra_info("ssl_object"))
        if tls is not None:
            self._extensions = {"tls": tls}
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        rest, self._is_silent = data, True
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    rest = b""
                except httptools.HttpParserUpgrade as offer:
                    rest = rest[offer.args[0] :]
        except httptools.HttpParserError:
            if not self.transport.is_closing():
                self.logger.warning("a request was no well-formed HTTP")
                self.send_400_response("Invalid HTTP request received.")
            return
        # The parser collects a single header, name or trailer until it ends, and tells nobody meanwhile.
        self._silent_bytes = self._silent_bytes + len(data) if self._is_silent else 0
        if self._silent_bytes > HEAD_BYTES_MAX:
            self._cut_off(_HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()
        if self._extensions is not None:
            self.scope["extensions"] = self._extensions

    def on_url(self, url: bytes) -> None:
        self._count(len(url), _URI_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value), _HEAD_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._unset_keepalive_if_required()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._is_silent = False
        super().on_body(body)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:  # the answer made room for no more than one request, so no more are read
            self.flow.pause_reading()

    def _count(self, size_bytes: int, answer: bytes) -> None:
        self._is_silent = False
        self._head_bytes += size_bytes
        if self._head_bytes > HEAD_BYTES_MAX:
            self._cut_off(answer)
            raise ValueError("request head too large")

    def _cut_off(self, answer: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(answer)
        self.transport.close()


async def send_whole(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes | None) -> None:
    """Send an answer that is complete, in one write. `headers` hold its content-length; None: no body (HEAD, 204).

    For uvicorn's own `send` this does at once what its two messages would do one after the other, without looking at
    every header again: ours are made here, not taken from a caller. Any other `send` gets the two messages.
    """
    cycle = getattr(send, "__self__", None)
    if not isinstance(cycle, RequestResponseCycle) or cycle.flow.write_paused or not cycle.keep_alive:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body or b""})
        return
    if cycle.disconnected:
        return
    lines = b"\r\n".join([b": ".join(header) for header in (*cycle.default_headers, *headers)])
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(b"%b%b\r\n\r\n%b" % (STATUS_LINE[status], lines, body or b""))
    cycle.message_event.set()
    cycle.on_response()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening


class _Server(uvicorn.Server):
    """Says when it listens, after the application has started. `shared`: other processes listen on its socket too."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], *, shared: bool) -> None:
        super().__init__(config)
        self._ready, self._shared = ready, shared

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends in good order on SIGINT and SIGTERM. uvicorn's own version raises them again once it has ended, which
        would end the process before the log is closed."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([] if self._shared else sockets)
        if self._shared and self.started:
            for listening in sockets or []:
                shared = SharedListening(listening, self._protocol, self._opened, tls=self.config.ssl)
                self.servers.append(shared)  # type: ignore[arg-type]  # as much of a Server as is used
        if self.started:
            self._ready()

    def _opened(self) -> int:
        """How many connections are open."""
        return len(self.server_state.connections)

    def _protocol(self) -> asyncio.Protocol:
        """What uvicorn makes for each connection."""
        return BoundedProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


async def run(
    app: Any,
    listening: socket.socket,
    ready: Callable[[], None],
    *,
    shared: bool = False,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve `app` on a socket until SIGINT or SIGTERM; requests in flight are finished first.

    `shared`: other processes listen on the same socket, and get their share of the connections. `tls`: see TlsContext;
    without it the socket speaks plain HTTP.
    """
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        interface="asgi3",
        ws="none",
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=30,
        proxy_headers=False,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    await _Server(config, ready, shared=shared).serve(sockets=[listening])
