"""HTTP to a partner: pooled, over TLS that is checked, no redirect followed, no answer larger than agreed."""

import logging
import ssl
from collections.abc import AsyncIterator
from http.cookiejar import DefaultCookiePolicy

import httpx

from gateway.outbound.target import ServiceTarget

TOKEN_BYTES_MAX = 64 * 1024

for _name in ("httpx", "httpcore"):
    # They log URLs with their queries, and headers: whatever level an operator sets, that is nothing for a log.
    logging.getLogger(_name).setLevel(logging.WARNING)


class TooLargeError(httpx.TransportError):
    """The answer is larger than what is taken, or in a coding whose size nobody can know before."""


class CappedTransport(httpx.AsyncBaseTransport):
    """Ends an answer that goes beyond `max_bytes`. A content coding is refused: nobody asked for one, and a few bytes
    of it can become any number."""

    def __init__(self, inner: httpx.AsyncBaseTransport, max_bytes: int) -> None:
        self._inner, self._max_bytes = inner, max_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - narrows the type
        stream = _CappedStream(response.stream, self._max_bytes)
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        length = response.headers.get("content-length", "0")
        if coding != "identity" or (length.isdecimal() and int(length[:20]) > self._max_bytes):
            await stream.aclose()
            raise TooLargeError("the answer is too large or coded")
        return httpx.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class _CappedStream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, max_bytes: int) -> None:
        self._inner, self._left_bytes = inner, max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._inner:
            self._left_bytes -= len(piece)
            if self._left_bytes < 0:
                raise TooLargeError("the answer is too large")
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()


def tls_of(target: ServiceTarget) -> ssl.SSLContext:
    """Whom the hub believes, and its own certificate where it has one. Raises OSError (ssl.SSLError) for bad files."""
    if not any(url.startswith("https:") for url in (target.url, target.token_url)):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and not worth reading all authorities for
    context = ssl.create_default_context(cafile=target.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if target.certificate_file:
        # Of a key under a password it would ask the terminal, and wait.
        context.load_cert_chain(target.certificate_file, target.key_file, password="")
    return context


def transport_of(target: ServiceTarget, tls: ssl.SSLContext, *, keeps: bool, max_bytes: int) -> CappedTransport:
    """Connections to one service; `keeps` False: each carries one request.

    A request that must not be sent twice never goes out on a connection that was idle: the other side might just be
    hanging up, and nobody would know whether it arrived.
    """
    limits = httpx.Limits(
        max_connections=target.connections,
        max_keepalive_connections=target.connections if keeps else 0,
        keepalive_expiry=30.0,
    )
    inner = httpx.AsyncHTTPTransport(verify=tls, http1=True, http2=False, limits=limits, trust_env=False, retries=0)
    return CappedTransport(inner, max_bytes)


def client_of(target: ServiceTarget, tls: ssl.SSLContext, *, keeps: bool) -> httpx.AsyncClient:
    """A client of one service, without redirects, cookies, and whatever the environment says of proxies."""
    client = httpx.AsyncClient(
        transport=transport_of(target, tls, keeps=keeps, max_bytes=target.max_bytes),
        timeout=timeouts_of(target),
        follow_redirects=False,
        trust_env=False,
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def timeouts_of(target: ServiceTarget) -> httpx.Timeout:
    """Of each step; the whole call has its deadline beside."""
    return httpx.Timeout(target.timeout_ms / 1000, connect=target.connect_timeout_ms / 1000)
