"""One HTTP/1.1 connection: a request at a time, and whether it may carry another one afterwards.

httptools (llhttp, in its strict mode) finds the message's end and refuses double or malformed lengths, a length beside
chunks, folded headers and bare line feeds; what it lets pass and should not is refused here.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Any, Literal, cast

import httptools
from msgspec import Struct

from adapters.base import Answer, Fault

HEAD_BYTES_MAX = 64 * 1024
HEADERS_MAX = 100


class Stale(Struct, frozen=True):
    """The connection ended before the first byte of an answer: the request may be sent again elsewhere."""


class Connection(asyncio.Protocol):
    """The wire. `forget` is called once, when it is lost; `poller` watches it between requests.

    `reusable`: nothing unexpected has happened and no answer is due. `used`: it has carried an answer before.
    `lost` is done when the transport has let go of its socket.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, forget: Callable[["Connection"], None], poller: select.poll
    ) -> None:
        self._loop = loop
        self._forget = forget
        self._poller = poller
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._due: asyncio.Future[Answer | Fault | Stale] | None = None
        self.lost: asyncio.Future[None] = loop.create_future()
        self.reusable = True
        self.used = False
        self._begin(0)

    def _begin(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._body: list[bytes] = []
        self._head_bytes = 0
        self._headers = 0
        self._content_type = ""
        self._framed: Literal["length", "chunks"] | None = None
        self._status = 0
        self._in_body = False
        self._complete = False
        self._fault: Fault | None = None

    async def exchange(self, request: bytes, deadline: float, max_bytes: int) -> Answer | Fault | Stale:
        """Send `request` and read its answer until `deadline` (loop time). Cancelling discards the connection."""
        if self._transport is None or not self.reusable:
            return Stale()
        self._begin(max_bytes)
        due = self._due = self._loop.create_future()
        timer = self._loop.call_at(deadline, self._end, Fault("timeout", "the backend took too long"))
        self._transport.write(request)
        try:
            outcome: Answer | Fault | Stale = await due
        except asyncio.CancelledError:
            self.discard()
            raise
        finally:
            timer.cancel()
            self._due = None
        if isinstance(outcome, Answer):
            self.used = True
        return outcome

    def is_quiet(self) -> bool:
        """Nothing has arrived since the last answer, not even an end: a system call, and no waiting."""
        return self.reusable and not self._poller.poll(0)

    def discard(self) -> None:
        """Close at once; never to be used again."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there; its socket is watched for what comes unasked."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass of it
        self._poller.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Part of an answer; or, when none is due, a reason to hang up."""
        if self._due is None or self._due.done():
            self.discard()
            return
        if not self._in_body and self._head_bytes + len(data) > HEAD_BYTES_MAX:
            head, rest = data[: HEAD_BYTES_MAX - self._head_bytes], data[HEAD_BYTES_MAX - self._head_bytes :]
            self._feed(head)
            if self._fault is None and not self._in_body and not self._complete:
                self._fault = Fault("too_large", "the backend's headers are too large")
            if self._fault is None:
                self._feed(rest)
        else:
            self._feed(data)
        if self._fault is not None:
            self._end(self._fault)
        elif self._complete:
            if self._framed == "length" and self._body and not data.endswith(self._body[-1]):
                self._end(Fault("protocol", "the backend sent more than it announced"))
            else:
                self._answer()

    def eof_received(self) -> None:
        """The peer is done: the end of a body that has no other end, or too early. The transport closes itself."""
        self.reusable = False
        if self._due is None or self._due.done():
            return
        if self._in_body and self._framed is None and self._fault is None:
            self._answer()
        else:
            self._end(self._cut_short())

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self.reusable = False
        self._transport = None
        self._end(self._cut_short())
        self._parser = None  # parser and connection hold each other
        if not self.lost.done():
            self.lost.set_result(None)
        self._forget(self)

    # httptools.HttpResponseParser

    def on_message_begin(self) -> None:
        """A second message in one answer is one too many."""
        if self._complete:
            self._fault = Fault("protocol", "the backend sent more than it announced")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Only the framing, the coding and the media type matter."""
        self._headers += 1
        if self._headers > HEADERS_MAX:
            self._fault = Fault("too_large", "the backend sends too many headers")
            return
        if self._in_body:
            return  # a trailer has no say in how the message is to be read (RFC 9110 section 6.5.1)
        name = name.lower()
        if name == b"content-type":
            if self._content_type:
                self._fault = Fault("protocol", "the backend sends two content types")
            self._content_type = value.decode("latin-1")
        elif name == b"content-length":
            self._framed = "length"
            if int(value) > self._max_bytes:
                self._fault = Fault("too_large", "the backend announces more than may be read")
        elif name == b"transfer-encoding":
            self._framed = "chunks"
            if value.strip().lower() != b"chunked":
                self._fault = Fault("protocol", "the backend uses a transfer coding that was not asked for")
        elif name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            self._fault = Fault("protocol", "the backend uses a content coding that was not asked for")

    def on_headers_complete(self) -> None:
        """Final or interim (1xx)?"""
        self._status = self._parser.get_status_code()
        self._in_body = self._status >= 200
        if not self.used and self._parser.get_http_version() not in {"1.1", "1.0"}:
            self._fault = Fault("protocol", "the backend does not speak HTTP/1.1")

    def on_body(self, body: bytes) -> None:
        """A piece of the body, kept while the whole stays within bounds."""
        self._bytes += len(body)
        if self._bytes > self._max_bytes:
            self._fault = Fault("too_large", "the backend sends more than may be read")
        elif self._fault is None:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one, after which the real one still comes."""
        if self._status >= 200:
            self._complete = True
            self.reusable = self.reusable and self._parser.should_keep_alive()
        else:
            self._content_type, self._framed = "", None

    # ends

    def _feed(self, data: bytes) -> None:
        if not self._in_body:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError):
            if self._fault is None:
                self._fault = Fault("protocol", "the backend's answer is not well-formed HTTP/1.1")

    def _answer(self) -> None:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        if self._due is not None and not self._due.done():
            self._due.set_result(Answer(self._status, self._content_type, body))

    def _cut_short(self) -> Fault | Stale:
        if self._head_bytes or self._in_body:
            return Fault("protocol", "the backend closed the connection in the middle of its answer")
        return Stale()

    def _end(self, outcome: Fault | Stale) -> None:
        """No answer: say so, and hang up."""
        if self._due is not None and not self._due.done():
            self._due.set_result(outcome)
        self.discard()
