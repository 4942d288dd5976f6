"""How often a partner may ask for nothing: reports are for errors, and no way to find out values by guessing them.

Who reports is told whether there is such a record and whether it shows the value already. A report that comes to
nothing leaves no trace and counts towards no limit of the agreement, so there may only be so many of them.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

GUESSES_MAX: Final = 60
"""So many reports of a partner may come to nothing within `WITHIN_S`, in one worker."""
WITHIN_S: Final = 3_600


class Guesses:
    """Counts them. `monotonic_s` is its clock. Belongs to one event loop."""

    def __init__(self, monotonic_s: Callable[[], float], *, guesses_max: int = GUESSES_MAX) -> None:
        self._monotonic_s, self._guesses_max = monotonic_s, guesses_max
        self._made: dict[str, deque[float]] = {}

    def wait_s(self, partner: str) -> int | None:
        """How long a partner has to wait before it may report anything; None: it may now."""
        made, now_s = self._made.get(partner), self._monotonic_s()
        while made and made[0] <= now_s - WITHIN_S:
            made.popleft()
        if made is None or len(made) < self._guesses_max:
            return None
        return int(made[0] + WITHIN_S - now_s) + 1

    def note(self, partner: str) -> None:
        """A report of a partner came to nothing. Only partners with an agreement get so far: they are few."""
        self._made.setdefault(partner, deque()).append(self._monotonic_s())
