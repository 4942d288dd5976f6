"""The circuit breaker of one service: a partner whose interface keeps failing is left alone for a while.

Closed, calls go through; after so many failures in a row it opens, and nothing is sent; once the pause is over it is
half open, and one call at a time tries whether it is over. A value says whether a call may go; nothing is raised.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

State: TypeAlias = Literal["closed", "open", "half-open"]
_MS_NS = 1_000_000


class Held(Struct, frozen=True):
    """The call may not go; `retry_after_s`, rounded up, is when one may be tried."""

    retry_after_s: int


class Breaker:
    """`failures` in a row open it for `pause_ms`. `monotonic_ns` is its clock. Belongs to one event loop."""

    def __init__(self, *, failures: int, pause_ms: int, monotonic_ns: Callable[[], int]) -> None:
        self._failures_max, self._pause_ns, self._now_ns = failures, pause_ms * _MS_NS, monotonic_ns
        self._failures = 0
        self._open_until_ns = 0
        self._trying = False

    @property
    def state(self) -> State:
        """What it is now."""
        if self._failures < self._failures_max:
            return "closed"
        return "open" if self._now_ns() < self._open_until_ns else "half-open"

    def admit(self) -> Held | None:
        """None: go on, and say afterwards how it went, by `note` or `forget`."""
        state = self.state
        if state == "closed":
            return None
        if state == "half-open" and not self._trying:
            self._trying = True
            return None
        wait_ns = max(self._open_until_ns - self._now_ns(), 1)
        return Held(-(-wait_ns // 1_000_000_000))

    def note(self, *, failed: bool) -> None:
        """How a call that was admitted went."""
        self._trying = False
        if not failed:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= self._failures_max:
            self._open_until_ns = self._now_ns() + self._pause_ns

    def forget(self) -> None:
        """A call that was admitted ended without telling anything of the partner."""
        self._trying = False
