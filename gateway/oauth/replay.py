"""Single use of what is signed to be used once: the port, and the cache of one process.

Client assertions (RFC 7523 section 3, `jti`), DPoP proofs (RFC 9449 section 11.1) and signatures of requests (RFC 9421
section 7.2.2).
"""

import hashlib
import heapq
import math
from typing import Final, Literal, Protocol, TypeAlias

Claim: TypeAlias = Literal["first", "again", "unavailable"]
"""first: nobody used it; again: it was used; unavailable: nobody can say, so the caller refuses."""

_LOCAL_KEY_BYTES: Final = 16
"""Of a SHA-256: as few as nobody finds two of, for there are many."""


class ReplayCache(Protocol):
    """Remembers what was used, for as long as it could be accepted again."""

    async def claim(self, who: str, jti: str, now_s: float, until_s: float) -> Claim:
        """Use it up, atomically: of several callers at once exactly one hears `first`. `who` is the client_id of an
        assertion, `dpop <thumbprint>` of a proof, `signature <client_id>` of a signed request."""
        ...


class LocalReplayCache:
    """For one process. Holds at most `entries_max`, of some 110 bytes each; when all of them may still be replayed, it
    says `unavailable`: forgetting one of them instead would let it be replayed.

    A proof stays for 70 seconds, so that the default is reached at 5,700 requests a second with a proof each.
    """

    def __init__(self, entries_max: int = 400_000) -> None:
        self._entries_max = entries_max
        self._used: set[bytes] = set()
        # By the second in which they end: entries that end together are forgotten together.
        self._ending: dict[int, list[bytes]] = {}
        self._ends: list[int] = []

    async def claim(self, who: str, jti: str, now_s: float, until_s: float) -> Claim:
        while self._ends and self._ends[0] <= now_s:
            self._used.difference_update(self._ending.pop(heapq.heappop(self._ends)))
        key = replay_key(who, jti)[:_LOCAL_KEY_BYTES]
        if key in self._used:
            return "again"
        if len(self._used) >= self._entries_max:
            return "unavailable"
        self._used.add(key)
        end_s = math.ceil(until_s)
        if end_s not in self._ending:
            self._ending[end_s] = []
            heapq.heappush(self._ends, end_s)
        self._ending[end_s].append(key)
        return "first"


def replay_key(who: str, jti: str) -> bytes:
    """SHA-256 of the pair: of one size whatever a client sends, and no two pairs share it (nobody's name has a NUL)."""
    return hashlib.sha256(who.encode() + b"\0" + jti.encode("utf-8", "surrogatepass")).digest()
