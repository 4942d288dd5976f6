"""A counter of calls in a sliding window: exact, with a burst, on a monotonic clock.

A rate is held twice at once. GCRA (the generic cell rate algorithm of ATM Forum TM 4.0, annex C.3) spaces calls after
a burst; by itself it would admit up to `limit + burst - 1` calls in one window. So the time of each call in the window
is remembered too, and no window of any position ever holds more than `limit` of them.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, cast

from policies.limit import Charge, Moment, Rate, Standing
from policies.seed import RateSeed, Seed, larger_calls

_EMPTY_NS: Final = 1 << 80
"""Later than any clock says: when the oldest call leaves a window that holds none."""
WINDOW_MAX_NS: Final = 31 * 86_400 * 1_000_000_000
"""The longest that a clause may ask for; calls told of before any limit was are kept for so long."""


class RateCounter:
    """When the calls of the window were, what each cost, and GCRA's theoretical arrival time.

    The latter is multiplied by `scale`, the limit, so that the even spacing window/limit is a whole number. Of `total`
    ever charged, `left` has left the window.
    """

    __slots__ = (
        "arrival_scaled",
        "costs",
        "fits_ns",
        "leaves_ns",
        "left",
        "needed",
        "scale",
        "times_ns",
        "total",
        "window_ns",
    )

    def __init__(self) -> None:
        """Empty, and of no limit yet: the first that it is bound to says how long the window is."""
        self.times_ns: deque[int] = deque()
        self.costs: deque[int] = deque()
        self.total = self.left = 0
        self.leaves_ns = _EMPTY_NS
        self.scale, self.window_ns = 1, WINDOW_MAX_NS
        self.arrival_scaled = -_EMPTY_NS
        self.needed = self.fits_ns = -1

    def bind(self, charge: Charge) -> "RateCharge":
        """This counter for one charge."""
        return RateCharge(self, charge)

    def follow(self, limit: Rate) -> None:
        """A reload may have changed the limit: what is used stays, as far as it is still remembered.

        The arrival time keeps its moment in the new unit, rounded up, so that nothing is given away.
        """
        if self.scale != limit.limit:
            self.arrival_scaled = -(-self.arrival_scaled * limit.limit // self.scale)
            self.scale = limit.limit
        if self.window_ns != limit.window_ns:
            self.window_ns = limit.window_ns
            self._changed()

    def forget(self, now_ns: int) -> None:
        """Drop the calls that have left the window."""
        times_ns, costs, start_ns = self.times_ns, self.costs, now_ns - self.window_ns
        while times_ns and times_ns[0] <= start_ns:
            times_ns.popleft()
            self.left += costs.popleft()
        self.leaves_ns = times_ns[0] + self.window_ns if times_ns else _EMPTY_NS

    def left_ns(self, needed: int) -> int:
        """When so much of all that was charged will have left the window: at most all of it, more than has by now.

        The answer is kept, for a flood of refused calls asks again and again.
        """
        if self.needed != needed:
            left = self.left
            for time_ns, cost in zip(self.times_ns, self.costs, strict=True):
                left += cost
                if left >= needed:
                    self.needed, self.fits_ns = needed, time_ns + self.window_ns
                    break
        return self.fits_ns

    def charge_past(self, charge: Charge, at: Moment) -> None:
        """Charge what happened, wherever its time belongs among the others."""
        limit, now_ns = cast(Rate, charge.limit), at.monotonic_ns
        self.follow(limit)
        if charge.amount <= 0:
            return
        position = len(self.times_ns)
        while position and self.times_ns[position - 1] > now_ns:
            position -= 1
        self.times_ns.insert(position, now_ns)
        self.costs.insert(position, charge.amount)
        self.total += charge.amount
        step_scaled = charge.amount * self.window_ns
        self.arrival_scaled = max(self.arrival_scaled, now_ns * self.scale) + step_scaled
        self._changed()

    def release(self, hold: str) -> None:
        """What was called was called."""

    def idle(self, now_ns: int, time_us: int) -> bool:
        """All calls have left the window, and the next burst may be a whole one."""
        over = not self.times_ns or self.times_ns[-1] + self.window_ns <= now_ns
        return over and self.arrival_scaled <= now_ns * self.scale

    def seed(self, key: str, at: Moment) -> Seed | None:
        """Its calls on the clock of all processes; rounded up, so that nothing leaves the window sooner."""
        self.forget(at.monotonic_ns)
        if self.idle(at.monotonic_ns, at.time_us):
            return None
        calls = tuple((_unix_us(at, time_ns), cost) for time_ns, cost in zip(self.times_ns, self.costs, strict=True))
        arrival_ns = -(-self.arrival_scaled // self.scale)
        return RateSeed(key, calls, _unix_us(at, arrival_ns) if arrival_ns > at.monotonic_ns else 0)

    def adopt(self, seed: Seed, at: Moment) -> None:
        """Since any moment, as many calls as the seed says or as are counted here, whichever is more."""
        if not isinstance(seed, RateSeed):
            return
        now_ns = at.monotonic_ns
        told = [(min(now_ns, _monotonic_ns(at, time_us)), cost) for time_us, cost in seed.calls if cost > 0]
        self._remember(larger_calls(zip(self.times_ns, self.costs, strict=True), told))
        if seed.arrival_us:
            self.arrival_scaled = max(self.arrival_scaled, _monotonic_ns(at, seed.arrival_us) * self.scale)

    def _remember(self, calls: Iterable[tuple[int, int]]) -> None:
        self.times_ns, self.costs = deque(), deque()
        for time_ns, cost in calls:
            self.times_ns.append(time_ns)
            self.costs.append(cost)
        self.total, self.left = sum(self.costs), 0
        self._changed()

    def _changed(self) -> None:
        """Other calls, or another window, than what was walked through."""
        self.leaves_ns = self.times_ns[0] + self.window_ns if self.times_ns else _EMPTY_NS
        self.needed = -1


class RateCharge:
    """A rate's counter with what one call costs; all that does not change with the counter is computed once."""

    __slots__ = ("amount", "count", "counter", "limit", "never", "slack_scaled", "step_scaled", "window_ns")

    def __init__(self, counter: RateCounter, charge: Charge) -> None:
        limit = cast(Rate, charge.limit)
        self.counter, self.limit = counter, limit
        self.amount, self.count, self.window_ns = max(0, charge.amount), limit.limit, limit.window_ns
        self.never = self.amount > min(limit.limit, limit.burst)
        self.step_scaled = self.amount * limit.window_ns
        self.slack_scaled = (limit.burst - self.amount) * limit.window_ns

    def wait_ns(self, now_ns: int, time_us: int, hold: str) -> int:
        """What GCRA or the window asks for, whichever is longer; a window for what never fits."""
        counter, count = self.counter, self.count
        if counter.scale != count or counter.window_ns != self.window_ns:
            counter.follow(self.limit)
        if now_ns >= counter.leaves_ns:
            counter.forget(now_ns)
        if self.never:
            return self.window_ns
        early_scaled = counter.arrival_scaled - self.slack_scaled - now_ns * count
        needed = counter.total + self.amount - count
        if early_scaled <= 0 and needed <= counter.left:
            return 0
        wait_ns = counter.left_ns(needed) - now_ns if needed > counter.left else 0
        return max(wait_ns, -(-early_scaled // count))

    def take(self, now_ns: int, time_us: int, hold: str) -> Standing:
        """Charge the call."""
        counter, amount = self.counter, self.amount
        if not amount:
            return self.standing(now_ns, time_us)
        if not counter.times_ns:
            counter.leaves_ns = now_ns + self.window_ns
        counter.times_ns.append(now_ns)
        counter.costs.append(amount)
        total = counter.total = counter.total + amount
        arrival_scaled, now_scaled = counter.arrival_scaled, now_ns * self.count
        counter.arrival_scaled = (arrival_scaled if arrival_scaled > now_scaled else now_scaled) + self.step_scaled
        return Standing(self.limit, self.count - total + counter.left, counter.leaves_ns - now_ns)

    def standing(self, now_ns: int, time_us: int) -> Standing:
        """What is left in the window, and how long until the oldest call leaves it."""
        counter = self.counter
        if counter.window_ns != self.window_ns:
            return self._before_following(now_ns)
        if now_ns >= counter.leaves_ns:
            counter.forget(now_ns)
        reset_ns = counter.leaves_ns - now_ns if counter.times_ns else 0
        return Standing(self.limit, max(0, self.count - counter.total + counter.left), reset_ns)

    def _before_following(self, now_ns: int) -> Standing:
        """How a limit stands by which nothing was decided yet: with another window than the counter has."""
        start_ns = now_ns - self.window_ns
        calls = zip(self.counter.times_ns, self.counter.costs, strict=True)
        within = [(time_ns, cost) for time_ns, cost in calls if time_ns > start_ns]
        remaining = max(0, self.count - sum(cost for _, cost in within))
        return Standing(self.limit, remaining, within[0][0] - start_ns if within else 0)


def _unix_us(at: Moment, monotonic_ns: int) -> int:
    return at.time_us - (at.monotonic_ns - monotonic_ns) // 1000


def _monotonic_ns(at: Moment, time_us: int) -> int:
    return at.monotonic_ns - (at.time_us - time_us) * 1000
