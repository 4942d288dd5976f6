"""How often a partner may make the gateway fetch something: what it names may be anybody's server."""

import math
from collections import deque
from collections.abc import Callable
from typing import Final

TIMES: Final = 30
WITHIN_S: Final = 60.0
_KNOWN_MAX: Final = 10_000


class Pace:
    """So many fetches for each client in any WITHIN_S, in this process. `monotonic_s` never goes back."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._made_s: dict[str, deque[float]] = {}

    def wait_s(self, client_id: str) -> int:
        """0, and it counts; or the seconds until there may be another."""
        now_s = self._monotonic_s()
        if client_id not in self._made_s and len(self._made_s) >= _KNOWN_MAX:
            self._made_s = {name: made for name, made in self._made_s.items() if made[-1] > now_s - WITHIN_S}
        made = self._made_s.setdefault(client_id, deque(maxlen=TIMES))
        if len(made) == TIMES and made[0] + WITHIN_S > now_s:
            return math.ceil(made[0] + WITHIN_S - now_s)
        made.append(now_s)
        return 0
