"""Counting calls against limits, in this process: exact, atomic, on a monotonic clock, refused calls not charged.

Each limit is held twice at once. GCRA (the generic cell rate algorithm of ATM Forum TM 4.0, annex C.3) spaces calls
after a burst; by itself it would admit up to `limit + burst - 1` calls in one window. So the times of the last calls
are remembered too, and no window of any position ever holds more than `limit` of them.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from policies.clause import Limit

Charge: TypeAlias = tuple[str, Limit]
"""A limit and the key of the counter it is held against."""


class Standing(Struct, frozen=True):
    """How a limit stands after a decision: calls left in the window, and the nanoseconds until there are more."""

    limit: Limit
    remaining: int
    reset_ns: int


class Decision(Struct, frozen=True):
    """All limits of a request, decided together. `bound` is the limit that refused, None when all admitted."""

    standings: tuple[Standing, ...]
    bound: Limit | None
    wait_ns: int


class _Counter:
    """One key's state: when its calls were, and GCRA's theoretical arrival time.

    The latter is multiplied by `scale`, the limit, so that the even spacing window/limit is a whole number.
    """

    __slots__ = ("arrival_scaled", "scale", "times_ns")

    def __init__(self, scale: int) -> None:
        self.times_ns: deque[int] = deque()
        self.arrival_scaled = 0
        self.scale = scale

    def rescale(self, scale: int) -> None:
        """A reload changed the limit: keep the time, in the new unit (rounded up, so that nothing is given away)."""
        self.arrival_scaled = -(-self.arrival_scaled * scale // self.scale)
        self.scale = scale


class Counters:
    """The in-process engine. One decision is one synchronous call, so nothing can come between check and charge."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._counters: dict[str, _Counter] = {}

    def decide(self, charges: Sequence[Charge]) -> Decision:
        """Check every limit, then charge all of them or none."""
        now_ns = self._now_ns()
        bound: Limit | None = None
        wait_ns = 0
        held: list[tuple[Limit, _Counter]] = []
        for key, limit in charges:
            counter = self._counters.get(key)
            if counter is None:
                counter = self._counters[key] = _Counter(limit.limit)
            elif counter.scale != limit.limit:
                counter.rescale(limit.limit)
            held.append((limit, counter))
            needed_ns = _wait_ns(counter, limit, now_ns)
            if needed_ns > wait_ns:
                bound, wait_ns = limit, needed_ns
        if bound is None:
            for limit, counter in held:
                _charge(counter, limit, now_ns)
        standings = tuple(_standing(counter, limit, now_ns) for limit, counter in held)
        return Decision(standings, bound, wait_ns)

    def used(self, key: str, limit: Limit) -> int:
        """Calls charged to a key in the window that ends now; for screens."""
        counter = self._counters.get(key)
        if counter is None:
            return 0
        _forget(counter, limit, self._now_ns())
        return len(counter.times_ns)


def _forget(counter: _Counter, limit: Limit, now_ns: int) -> None:
    times_ns, start_ns = counter.times_ns, now_ns - limit.window_ns
    while times_ns and times_ns[0] <= start_ns:
        times_ns.popleft()


def _wait_ns(counter: _Counter, limit: Limit, now_ns: int) -> int:
    """How long until one more call fits; 0 when it fits now."""
    _forget(counter, limit, now_ns)
    times_ns = counter.times_ns
    wait_ns = 0
    if len(times_ns) >= limit.limit:
        # a reload may have lowered the limit below what is already in the window
        wait_ns = times_ns[len(times_ns) - limit.limit] + limit.window_ns - now_ns
    early_scaled = counter.arrival_scaled - (limit.burst - 1) * limit.window_ns - now_ns * limit.limit
    if early_scaled > 0:
        wait_ns = max(wait_ns, -(-early_scaled // limit.limit))
    return wait_ns


def _charge(counter: _Counter, limit: Limit, now_ns: int) -> None:
    counter.times_ns.append(now_ns)
    counter.arrival_scaled = max(counter.arrival_scaled, now_ns * limit.limit) + limit.window_ns


def _standing(counter: _Counter, limit: Limit, now_ns: int) -> Standing:
    """What is left in the window, and how long until the oldest call leaves it."""
    times_ns = counter.times_ns
    remaining = max(0, limit.limit - len(times_ns))
    reset_ns = times_ns[0] + limit.window_ns - now_ns if times_ns else 0
    return Standing(limit, remaining, reset_ns)
