"""Sessions of people who are logged in: random ids, kept as hashes for every process, with an idle and an absolute end.

A process remembers for KNOWN_NS what it last read of a session, for screens that refresh by themselves: so long a
session that was ended at another process may go on here. Where they cannot be read nobody is logged in: StoreError.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final

from msgspec import Struct, structs

from gateway.console.wiring import ConsoleAccount, ConsoleSessions
from gateway.store.sessions import KeptSession

IDLE_S: Final = 30 * 60
ABSOLUTE_S: Final = 8 * 60 * 60
SESSIONS_MAX: Final = 1_000
"""More people than a hub's staff; beyond it the session unused for longest ends."""
KNOWN_NS: Final = 1_000_000_000
_SECOND_US: Final = 1_000_000
_FORM: Final = b"clausegate console form"


class Session(Struct, frozen=True):
    """One person's login. `form_token` must come back with every form that changes something."""

    account: ConsoleAccount
    form_token: str


class _Known(Struct, frozen=True):
    """What was read of a session, not before `read_ns`."""

    kept: KeptSession
    read_ns: int


class Sessions:
    """The console's way to the sessions that are kept. `begin`, `find` and `end` raise StoreError."""

    def __init__(self, kept: ConsoleSessions, *, now: Callable[[], float], monotonic_ns: Callable[[], int]) -> None:
        self._kept, self._now, self._monotonic_ns = kept, now, monotonic_ns
        self._known: dict[bytes, _Known] = {}

    async def begin(self, account: ConsoleAccount) -> str | None:
        """Log a person in; the new session's id, for the cookie alone. None if the account has just been deleted or
        disabled."""
        now_us = self._now_us()
        await self._sweep(now_us, SESSIONS_MAX - 1)
        session_id = secrets.token_urlsafe(32)
        return session_id if await self._kept.add(_key(session_id), account.username, now_us) else None

    async def find(self, session_id: str | None, *, is_use: bool = True) -> Session | None:
        """The session of a cookie while it lives. A screen refreshing itself is no use (`is_use` False)."""
        if not session_id:
            return None
        key, now_us, now_ns = _key(session_id), self._now_us(), self._monotonic_ns()
        known = self._known.get(key)
        if known is None or now_ns - known.read_ns >= KNOWN_NS or not _is_alive(known.kept, now_us):
            known = await self._read(key, now_us, now_ns)
        # One write a second is exact enough for an end after half an hour.
        if known is not None and is_use and now_us - known.kept.used_us >= _SECOND_US:
            known = await self._use(known.kept, now_us, now_ns)
        return None if known is None else Session(known.kept, form_token_of(session_id))

    async def end(self, session_id: str | None) -> None:
        """Log out."""
        if session_id:
            await self._kept.end(_key(session_id))
            self._known.pop(_key(session_id), None)

    async def _read(self, key: bytes, now_us: int, now_ns: int) -> _Known | None:
        self._known.pop(key, None)
        kept = await self._kept.find(key)
        if kept is None:
            return None
        if not _is_alive(kept, now_us):
            await self._sweep(now_us, SESSIONS_MAX)
            return None
        return self._remember(kept, now_ns)

    async def _use(self, kept: KeptSession, now_us: int, now_ns: int) -> _Known | None:
        if not await self._kept.use(kept.key, now_us):
            self._known.pop(kept.key, None)
            return None
        return self._remember(structs.replace(kept, used_us=now_us), now_ns)

    def _remember(self, kept: KeptSession, now_ns: int) -> _Known:
        """Whatever is too old to be believed is forgotten on the way, so that this stays small."""
        self._known = {key: known for key, known in self._known.items() if now_ns - known.read_ns < KNOWN_NS}
        self._known[kept.key] = known = _Known(kept, now_ns)
        return known

    async def _sweep(self, now_us: int, kept_max: int) -> None:
        await self._kept.sweep(
            begun_until_us=now_us - ABSOLUTE_S * _SECOND_US,
            used_until_us=now_us - IDLE_S * _SECOND_US,
            kept_max=kept_max,
        )

    def _now_us(self) -> int:
        return int(self._now() * _SECOND_US)


def same(one: str, other: str) -> bool:
    """Whether two tokens are equal, in constant time; an empty one equals nothing."""
    return bool(one) and hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))


def _key(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode(errors="replace")).digest()


def form_token_of(session_id: str) -> str:
    """Derived from the id, which only the person's browser has: nothing that is kept leads to it."""
    return hmac.digest(session_id.encode(errors="replace"), _FORM, "sha256").hex()


def _is_alive(kept: KeptSession, now_us: int) -> bool:
    return now_us - kept.used_us < IDLE_S * _SECOND_US and now_us - kept.begun_us < ABSOLUTE_S * _SECOND_US
