"""Slows down whoever has the password of an account and guesses the codes of its second factor (RFC 4226, 7.3).

Throttles count by name and source, and a guesser may have many sources. This counts by account alone: it cannot lock
anybody out who is not in trouble already, as only a right password gets so far. The count is kept with the account
(gateway/store/accounts.py): all processes have one, and a restart forgets nothing.
"""

from typing import Final

from msgspec import Struct

MISSES_MAX: Final = 10
PAUSE_S: Final = 300
"""So long after the first of so many misses no code of the account is taken, not even the right one."""


class Guessed(Struct, frozen=True):
    """How many codes of an account were wrong, the first of them at `since_s` (Unix time)."""

    misses: int = 0
    since_s: int = 0

    def admits(self, now_s: int) -> bool:
        """Whether a code may be tried."""
        return self.misses < MISSES_MAX or not self._counts(now_s)

    def missed(self, now_s: int) -> "Guessed":
        """With one more, of a code that was admitted. A pause begins when there are MISSES_MAX."""
        if not self.misses or not self._counts(now_s):
            return Guessed(1, now_s)
        return Guessed(self.misses + 1, self.since_s)

    def _counts(self, now_s: int) -> bool:
        # A clock that was set back must not prolong the pause.
        return 0 <= now_s - self.since_s < PAUSE_S
