"""Slows down whoever has the password of an account and guesses the codes of its second factor (RFC 4226, 7.3).

Throttles count by name and source, and a guesser may have many sources. This counts by account alone: it cannot lock
anybody out who is not in trouble already, as only a right password gets so far. Each process counts for itself.
"""

from typing import Final

MISSES_MAX: Final = 10
PAUSE_S: Final = 300.0
"""So long after the first of so many misses no code of the account is taken, not even the right one."""


class Guesses:
    """Wrong codes by account. There are no more entries than accounts."""

    def __init__(self) -> None:
        self._missed: dict[str, tuple[float, int]] = {}

    def is_allowed(self, username: str, now_s: float) -> bool:
        """Whether a code may be tried."""
        since_s, misses = self._missed.get(username, (now_s, 0))
        return misses < MISSES_MAX or not 0 <= now_s - since_s < PAUSE_S

    def miss(self, username: str, now_s: float) -> bool:
        """A wrong code. True for the one with which the pause begins."""
        since_s, misses = self._missed.get(username, (now_s, 0))
        if not 0 <= now_s - since_s < PAUSE_S:
            since_s, misses = now_s, 0
        self._missed[username] = (since_s, misses + 1)
        return misses + 1 == MISSES_MAX

    def forget(self, username: str) -> None:
        """A right code."""
        self._missed.pop(username, None)
