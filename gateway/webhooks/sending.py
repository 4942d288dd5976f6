"""One attempt to deliver a webhook over HTTP: one POST, no redirect, no proxy, nothing of the answer's body kept."""

import asyncio
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from ssl import SSLContext
from typing import Final

import httpx
from msgspec import Struct

from gateway.store.hidden import Hidden
from gateway.webhooks.address import Place, Resolvers
from gateway.webhooks.signing import signature_header

ATTEMPT_S: Final = 15.0
"""As long as a receiver has, from looking its name up to the last header: Standard Webhooks says 15 to 30 s. Well below
CLAIM_S, so that nobody else attempts the same delivery meanwhile."""


class Attempt(Struct, frozen=True):
    """How an attempt ended: an HTTP status or an SMTP code, 0 where there was none; a word for a fault, "" for none.

    `permanent`: trying again is in vain. `retry_after_s` is how long the receiver asks to be left alone.
    """

    status: int = 0
    fault: str = ""
    retry_after_s: int | None = None
    permanent: bool = False


class Target(Struct, frozen=True):
    """Where to deliver, and whose endpoint that is: `partner` is "" for the hub."""

    url: str
    partner: str


class Message(Struct, frozen=True):
    """What to deliver: `id` is the webhook-id, `body` JSON."""

    id: str
    body: str


class Sender:
    """Posts webhooks. Belongs to one event loop."""

    def __init__(self, resolvers: Resolvers, *, tls: SSLContext | None = None, attempt_s: float = ATTEMPT_S) -> None:
        self._resolvers, self._attempt_s = resolvers, attempt_s
        # A connection serves one attempt: what a name meant a minute ago must not be what it means now. The environment
        # is not asked for a proxy, which would resolve the name once more.
        self._client = httpx.AsyncClient(
            verify=tls if tls is not None else True,
            trust_env=False,
            follow_redirects=False,
            timeout=attempt_s,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            headers={"User-Agent": "clausegate", "Accept": "*/*", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()
        self._resolvers.close()

    async def send(self, target: Target, keys: Sequence[Hidden[str]], message: Message, now_us: int) -> Attempt:
        """Post a message, signed with each of the keys."""
        try:
            async with asyncio.timeout(self._attempt_s):
                place = await self._resolvers.of(target.partner).place_of(target.url)
                if place is None:
                    return Attempt(fault="address")
                return await self._post(place, keys, message, now_us)
        except TimeoutError:
            return Attempt(fault="timeout")

    async def _post(self, place: Place, keys: Sequence[Hidden[str]], message: Message, now_us: int) -> Attempt:
        body, time_s = message.body.encode(), now_us // 1_000_000
        headers = {
            "Host": place.host,
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(time_s),
            "webhook-signature": signature_header(keys, message.id, time_s, body),
        }
        attempt = Attempt(fault="unreachable")
        for url in place.urls:
            try:
                asked = self._client.stream(
                    "POST", url, content=body, headers=headers, extensions={"sni_hostname": place.sni}
                )
                async with asked as answer:
                    return _attempt(answer, now_us)
            except httpx.ConnectError:
                continue  # nothing was sent: the next address may be one that answers
            except httpx.TimeoutException:
                return Attempt(fault="timeout")
            except httpx.HTTPError:
                return Attempt(fault="broken")
        return attempt


def _attempt(answer: httpx.Response, now_us: int) -> Attempt:
    if answer.is_success:
        return Attempt(answer.status_code)
    fault = "gone" if answer.status_code == httpx.codes.GONE else "status"
    return Attempt(answer.status_code, fault, _retry_after_s(answer.headers.get("retry-after", ""), now_us))


def _retry_after_s(header: str, now_us: int) -> int | None:
    """RFC 9110 section 10.2.3: seconds, or a date. None for neither."""
    if header.isascii() and header.isdigit():
        return int(header[:9])
    try:
        at = parsedate_to_datetime(header)
        return max(0, int(at.timestamp()) - now_us // 1_000_000)
    except (ValueError, TypeError, OverflowError):
        return None
