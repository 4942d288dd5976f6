"""Single use of client assertions (RFC 7523 section 3, `jti`): the port, and the cache of one process."""

import hashlib
import heapq
from typing import Literal, Protocol, TypeAlias

Claim: TypeAlias = Literal["first", "again", "unavailable"]
"""first: nobody used it; again: it was used; unavailable: nobody can say, so the caller refuses."""


class ReplayCache(Protocol):
    """Remembers which (client, jti) were used for as long as the assertion could be accepted again."""

    async def claim(self, client_id: str, jti: str, now_s: float, until_s: float) -> Claim:
        """Use it up, atomically: of several callers at once exactly one hears `first`."""
        ...


class LocalReplayCache:
    """For one process. Holds at most `entries_max`; when all of them may still be replayed, it says `unavailable`:
    forgetting one of them instead would let it be replayed."""

    def __init__(self, entries_max: int = 100_000) -> None:
        self._entries_max = entries_max
        self._used: set[bytes] = set()
        self._ends: list[tuple[float, bytes]] = []

    async def claim(self, client_id: str, jti: str, now_s: float, until_s: float) -> Claim:
        while self._ends and self._ends[0][0] <= now_s:
            self._used.discard(heapq.heappop(self._ends)[1])
        key = replay_key(client_id, jti)
        if key in self._used:
            return "again"
        if len(self._used) >= self._entries_max:
            return "unavailable"
        self._used.add(key)
        heapq.heappush(self._ends, (until_s, key))
        return "first"


def replay_key(client_id: str, jti: str) -> bytes:
    """SHA-256 of the pair: of one size whatever a client sends, and no two pairs share it (a client_id has no NUL)."""
    return hashlib.sha256(client_id.encode() + b"\0" + jti.encode("utf-8", "surrogatepass")).digest()
