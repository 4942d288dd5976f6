"""How long to wait before something that ended is started again: at first hardly, then longer each time."""

import time
from collections.abc import Callable
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 10.0
SOUND_S: Final = 30.0
"""Who has lived so long was sound: the next pause is the first one again."""


class Backoff:
    """The pauses of one thing that is started again and again."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()
        self._failures = 0

    def began(self) -> None:
        """It was started."""
        self._began_s = self._monotonic_s()

    def ended(self) -> float:
        """It ended; the seconds to wait."""
        if self._monotonic_s() - self._began_s >= SOUND_S:
            self._failures = 0
        self._failures += 1
        return min(FIRST_S * float(1 << min(self._failures - 1, 16)), LONGEST_S)
