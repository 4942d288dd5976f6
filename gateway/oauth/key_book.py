"""The public keys of clients: registered by value, or published by themselves and kept here for a while (JWKS by URL).

An outage of a partner's key server must not lock it out, its recovery must not be hammered, and nobody who knows a
client_id may use the gateway to call that server as often as he likes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog

from gateway.oauth.key_fetching import FetchedKeys, FetchFault
from gateway.store.clients import Client, ClientKey

STALE_S: Final = 24 * 3600.0
"""So long keys that were fetched go on to be used while newer ones cannot be had."""
RETRY_S: Final = 30.0
"""After a fetch that failed; doubled with each further one, up to RETRY_S_MAX."""
RETRY_S_MAX: Final = 300.0
UNKNOWN_S: Final = 30.0
"""For key ids that are not in a set that is fresh, or have ended, at most one fetch in this time, whoever asks."""

Fetch: TypeAlias = Callable[[str], Awaitable[FetchedKeys | FetchFault]]
"""KeyFetcher.fetch."""

_log = structlog.get_logger(__name__)


class _Published:
    """What is known of the keys that one client publishes at one URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: tuple[ClientKey, ...] | None = None
        self.fresh_until_s = self.stale_until_s = self.retry_at_s = self.unknown_at_s = float("-inf")
        self.failures = 0
        self.fetching: asyncio.Task[None] | None = None

    def take(self, got: FetchedKeys | FetchFault, now_s: float) -> None:
        """Take over an answer, or let go of what it disproves."""
        if isinstance(got, FetchedKeys):
            self.keys, self.failures, self.retry_at_s = got.keys, 0, float("-inf")
            self.fresh_until_s, self.stale_until_s = now_s + got.fresh_s, now_s + STALE_S
            return
        if got.reason == "keys-private":  # whoever publishes a private key has none that proves anything
            self.keys = None
        self.retry_at_s = now_s + min(RETRY_S * 2.0**self.failures, RETRY_S_MAX)
        self.failures = min(self.failures + 1, 10)

    def usable(self, now_s: float) -> tuple[ClientKey, ...] | None:
        """The keys, if they may be used: fresh, or stale for want of better ones; without those that have ended."""
        if self.keys is None or now_s >= self.stale_until_s:
            return None
        return tuple(key for key in self.keys if key.is_live(now_s))

    def has(self, kid: str | None, now_s: float) -> bool:
        """Whether the set is fresh and holds what is looked for. A key that has ended may have been prolonged there."""
        if self.keys is None or now_s >= self.fresh_until_s:
            return False
        return kid is None or any(key.kid == kid and key.is_live(now_s) for key in self.keys)

    def needs_fetching(self, kid: str | None, now_s: float) -> bool:
        """Whether to look again before a key is chosen. Counts a look for a key id that is unknown, or has ended."""
        if now_s < self.retry_at_s:
            return False
        if self.keys is None or now_s >= self.fresh_until_s:
            return True
        if self.has(kid, now_s) or now_s < self.unknown_at_s + UNKNOWN_S:
            return False
        self.unknown_at_s = now_s
        return True


class KeyBook:
    """Answers which keys a client has. Belongs to one event loop; each worker has one."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._published: dict[str, _Published] = {}

    async def keys_of(self, client: Client, kid: str | None, now_s: float) -> tuple[ClientKey, ...] | None:
        """The client's keys that are good now; None where they cannot be had. `kid` is the one that is looked for.

        All who ask for one client meanwhile wait for the same fetch, and one who stops waiting does not stop it.
        """
        if not client.jwks_url:
            return tuple(key for key in client.keys if key.is_live(now_s))
        published = self._published.get(client.client_id)
        if published is None or published.url != client.jwks_url:
            published = self._published[client.client_id] = _Published(client.jwks_url)
        if published.fetching is None and published.needs_fetching(kid, now_s):
            published.fetching = asyncio.create_task(self._refresh(client.client_id, published, now_s))
        if published.fetching is not None and not published.has(kid, now_s):
            await asyncio.shield(published.fetching)
        return published.usable(now_s)

    async def close(self) -> None:
        """Give up what is being fetched."""
        fetching = [each.fetching for each in self._published.values() if each.fetching is not None]
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)

    async def _refresh(self, client_id: str, published: _Published, now_s: float) -> None:
        try:
            got = await self._fetch(published.url)
            if isinstance(got, FetchFault):
                _log.warning("the keys of a client cannot be fetched", client=client_id, reason=got.reason)
            elif published.failures:
                _log.info("the keys of a client can be fetched again", client=client_id)
            published.take(got, now_s)
        finally:
            published.fetching = None
