"""One service as it is reached: a call becomes attempts within one deadline, repeated only where that is safe."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import httpx
from msgspec import Struct

from gateway.file_stamp import Replaced
from gateway.outbound.breaker import Breaker
from gateway.outbound.target import ServiceTarget
from gateway.outbound.tokens import TokenFault, TokenSource, fetcher
from gateway.outbound.transport import TOKEN_BYTES_MAX, TooLargeError, client_of, timeouts_of, tls_of, transport_of

_BACKOFF_S = 0.05
_RETRY_STATUS = frozenset({502, 503, 504})


class Sending(Struct, frozen=True):
    """What is sent. `repeatable`: to send it twice does no more than once."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    repeatable: bool


class Answered(Struct, frozen=True):
    """The partner's answer, whatever its status. `retry_after_s` is what it says of when to come again, 0: nothing."""

    status: int
    content_type: str
    body: bytes
    retry_after_s: int = 0


Failure: TypeAlias = Literal["unreachable", "timeout", "closed", "too-large", "no-token"]
"""unreachable: nothing of the call was sent. closed: the connection ended without a whole answer."""


class Failed(Struct, frozen=True):
    """There is no whole answer."""

    kind: Failure


class Called(Struct, frozen=True):
    """How a call went: `attempts` counts requests that were sent, or tried to be; `latency_us` runs from the first of
    them to the whole answer. Time spent on getting a token is not the interface's, and not in it.

    A partner whose authorization server is down cannot be called either: that counts as an attempt. One that says no
    to the hub does not, for that may be the hub's own fault.
    """

    outcome: Answered | Failed
    attempts: int
    latency_us: int

    @property
    def failed(self) -> bool:
        """Whether it speaks against the partner's interface being up."""
        return isinstance(self.outcome, Failed) or self.outcome.status >= 500


class Connection:
    """The pool, token and circuit breaker of one service. Raises OSError or KeyFileError for files that are no good.

    `files` tells when those that it was made from were replaced; `breaker` is that of the connection before it.
    """

    def __init__(
        self,
        target: ServiceTarget,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        breaker: Breaker | None = None,
    ) -> None:
        self.target, self.files = target, Replaced(target.files())
        self._monotonic_ns, self._sleep = monotonic_ns, sleep
        tls = tls_of(target)
        self._kept, self._fresh = client_of(target, tls, keeps=True), client_of(target, tls, keeps=False)
        self._token_transport = transport_of(target, tls, keeps=False, max_bytes=TOKEN_BYTES_MAX)
        self._tokens: TokenSource | None = None
        if target.token_url:
            fetch = fetcher(target, self._token_transport, timeouts_of(target))
            self._tokens = TokenSource(fetch, now_s=lambda: monotonic_ns() / 1e9)
        self._basic = httpx.BasicAuth(target.client_id, target.client_secret) if target.auth == "basic" else None
        self.breaker = breaker or Breaker(failures=target.failures, pause_ms=target.pause_ms, monotonic_ns=monotonic_ns)
        self._in_flight = 0

    async def call(self, sending: Sending) -> Called:
        """Call the partner, within the service's time. Nothing expected is raised."""
        return await _Attempts(self, sending).run()

    @contextmanager
    def room(self) -> Iterator[bool]:
        """A place for one call while the block lasts; False: as many as there may be are under way."""
        has_room = self._in_flight < self.target.connections
        self._in_flight += has_room
        try:
            yield has_room
        finally:
            self._in_flight -= has_room

    async def close(self) -> None:
        """Drop every connection."""
        await self._kept.aclose()
        await self._fresh.aclose()
        await self._token_transport.aclose()

    async def token(self) -> str | TokenFault | None:
        """The access token, None where none is used."""
        return None if self._tokens is None else await self._tokens.token()

    def drop(self, token: str) -> None:
        """The partner refused this token."""
        if self._tokens is not None:
            self._tokens.drop(token)

    async def send(self, sending: Sending, token: str | None) -> httpx.Response:
        """One request. Raises httpx.TransportError."""
        client = self._kept if sending.repeatable else self._fresh
        headers = [*self.target.headers.items(), *sending.headers]
        if token is not None:
            headers.append(("Authorization", f"Bearer {token}"))
        url = self.target.url.rstrip("/") + sending.path + (f"?{sending.query}" if sending.query else "")
        return await client.request(
            sending.method, url, headers=headers, content=sending.body, auth=self._basic, follow_redirects=False
        )

    def now_ns(self) -> int:
        """The clock."""
        return self._monotonic_ns()

    async def pause(self, seconds: float) -> None:
        """Wait before the next attempt."""
        await self._sleep(seconds)


class _Attempts:
    """One call on its way."""

    def __init__(self, connection: Connection, sending: Sending) -> None:
        self._connection, self._sending = connection, sending
        self._attempts = self._sent_ns = 0
        self._renewed = False

    async def run(self) -> Called:
        timeout_s = self._connection.target.timeout_ms / 1000
        ends_s = asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(ends_s):
                outcome = await self._until(ends_s)
        except TimeoutError:
            outcome, self._attempts = Failed("timeout"), max(self._attempts, 1)
        since_ns = self._connection.now_ns() - self._sent_ns if self._sent_ns else 0
        return Called(outcome, self._attempts, since_ns // 1000)

    async def _until(self, ends_s: float) -> Answered | Failed:
        """Attempts until one is good, or no further one is safe or has the time."""
        while True:
            outcome = await self._attempt()
            if not self._is_worth_another(outcome):
                return outcome
            wait_s = _BACKOFF_S * 2 ** (self._attempts - 1) * random.uniform(1.0, 1.5)  # noqa: S311 - spreads retries
            if isinstance(outcome, Answered):
                wait_s = max(wait_s, outcome.retry_after_s)
            if asyncio.get_running_loop().time() + wait_s >= ends_s:
                return outcome
            await self._connection.pause(wait_s)

    async def _attempt(self) -> Answered | Failed:
        """One request; a second one at once where the token was not taken any more, for then nothing was done."""
        token = await self._connection.token()
        if isinstance(token, TokenFault):
            return self._without(token)
        outcome = await self._send(token)
        if isinstance(outcome, Answered) and outcome.status == 401 and token is not None and not self._renewed:
            self._renewed = True
            self._connection.drop(token)
            token = await self._connection.token()
            outcome = self._without(token) if isinstance(token, TokenFault) else await self._send(token)
        return outcome

    def _without(self, fault: TokenFault) -> Failed:
        """There is no token to call with."""
        if fault.kind == "refused":
            return Failed("no-token")
        self._attempts += 1
        return Failed(fault.kind)

    async def _send(self, token: str | None) -> Answered | Failed:
        self._attempts += 1
        self._sent_ns = self._sent_ns or self._connection.now_ns()
        try:
            return _answered(await self._connection.send(self._sending, token))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Failed("unreachable")
        except httpx.TimeoutException:
            return Failed("timeout")
        except TooLargeError:
            return Failed("too-large")
        except (httpx.HTTPError, httpx.InvalidURL):
            return Failed("closed")

    def _is_worth_another(self, outcome: Answered | Failed) -> bool:
        tries_max = self._connection.target.attempts + (1 if self._renewed else 0)
        if self._attempts >= tries_max:
            return False
        if isinstance(outcome, Answered):
            return self._sending.repeatable and outcome.status in _RETRY_STATUS
        if outcome.kind == "unreachable":
            return True
        return self._sending.repeatable and outcome.kind in ("timeout", "closed")


def _answered(response: httpx.Response) -> Answered:
    said = response.headers.get("retry-after", "")
    retry_after_s = int(said) if said.isascii() and said.isdecimal() and len(said) <= 6 else 0
    content_type = response.headers.get("content-type", "")
    return Answered(response.status_code, content_type, response.content, retry_after_s)
