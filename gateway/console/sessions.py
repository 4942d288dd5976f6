"""Sessions of people who are logged in: random ids kept on the server, with an idle and an absolute end."""

import hashlib
import hmac
import secrets
from collections.abc import Callable

from msgspec import Struct

from gateway.console.wiring import ConsoleAccount

IDLE_S = 30 * 60
ABSOLUTE_S = 8 * 60 * 60
SESSIONS_MAX = 1_000
"""More people than a hub's staff; beyond it the session unused for longest ends."""


class Session(Struct):
    """One person's login. `form_token` must come back with every form that changes something."""

    account: ConsoleAccount
    form_token: str
    began_s: float
    used_s: float


class Sessions:
    """All sessions of this process. A restart ends them. Ids are held as hashes, so that no dump gives one away."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._sessions: dict[bytes, Session] = {}

    def begin(self, account: ConsoleAccount) -> str:
        """Log a person in; returns the new session's id, for the cookie alone."""
        now_s = self._now()
        self._sessions = {key: session for key, session in self._sessions.items() if _is_alive(session, now_s)}
        if len(self._sessions) >= SESSIONS_MAX:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].used_s)]
        session_id = secrets.token_urlsafe(32)
        self._sessions[_key(session_id)] = Session(account, secrets.token_urlsafe(32), now_s, now_s)
        return session_id

    def find(self, session_id: str | None, *, is_use: bool = True) -> Session | None:
        """The session of a cookie while it lives. A screen refreshing itself is no use (`is_use` False)."""
        if not session_id:
            return None
        key, now_s = _key(session_id), self._now()
        session = self._sessions.get(key)
        if session is None:
            return None
        if not _is_alive(session, now_s):
            del self._sessions[key]
            return None
        if is_use:
            session.used_s = now_s
        return session

    def end(self, session_id: str | None) -> None:
        """Log out."""
        if session_id:
            self._sessions.pop(_key(session_id), None)


def same(one: str, other: str) -> bool:
    """Whether two tokens are equal, in constant time; an empty one equals nothing."""
    return bool(one) and hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))


def _key(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode(errors="replace")).digest()


def _is_alive(session: Session, now_s: float) -> bool:
    return now_s - session.used_s < IDLE_S and now_s - session.began_s < ABSOLUTE_S
