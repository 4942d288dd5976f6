"""The course of use: calls and records of each hour, for nine weeks, in a fixed piece of memory."""

from array import array
from collections.abc import Callable
from statistics import median

from gateway.scraping.seen import Local

WEEK_HOURS = 168
WEEKS = 8
_ROOM = (WEEKS + 1) * WEEK_HOURS


class Course:
    """Counts by local hour (`Local.hours`). An hour that the clock skips is empty, one that it repeats is counted once
    for both."""

    __slots__ = ("_calls", "_records", "first", "last")

    def __init__(self) -> None:
        self._calls, self._records = array("Q", bytes(8 * _ROOM)), array("Q", bytes(8 * _ROOM))
        self.first = self.last = -1
        """The first and the last hour that is known; -1 for none."""

    def add(self, at: Local, records: int) -> None:
        """Count a call. One that is older than all that is kept is not counted."""
        hour = at.hours
        if self.last < 0:
            self.first = self.last = hour
        if hour > self.last:
            for gone in range(self.last + 1, min(hour, self.last + _ROOM) + 1):
                self._calls[gone % _ROOM] = self._records[gone % _ROOM] = 0
            self.last = hour
        elif hour <= self.last - _ROOM:
            return
        self.first = max(min(self.first, hour), self.last - _ROOM + 1)
        self._calls[hour % _ROOM] += 1
        self._records[hour % _ROOM] += records

    def calls(self, hour: int) -> int:
        """Calls in an hour, 0 where nothing is known."""
        return self._calls[hour % _ROOM] if self.first <= hour <= self.last else 0

    def records(self, hour: int) -> int:
        """Records that were read in an hour."""
        return self._records[hour % _ROOM] if self.first <= hour <= self.last else 0

    def days_before(self, hour: int) -> int:
        """Whole days known before an hour."""
        return 0 if self.first < 0 else max(0, hour - self.first) // 24

    def day(self, of: Callable[[int], int], last: int) -> int:
        """The sum of the 24 hours that end with `last`; `of` is `calls` or `records`."""
        return sum(map(of, range(last - 23, last + 1)))

    def active_days(self, of: Callable[[int], int], before: int) -> list[int]:
        """The sums of the spans of 24 hours before an hour in which anything was counted, latest first."""
        sums = (self.day(of, last) for last in range(before - 1, self.first + 22, -24))
        return [total for total in sums if total]

    def same_hours(self, of: Callable[[int], int], hour: int) -> list[int]:
        """What the same hour of the week had in the weeks before, up to eight of them."""
        weeks = (hour - WEEK_HOURS * back for back in range(1, WEEKS + 1))
        return [of(same) for same in weeks if same >= self.first >= 0]

    def busy(self, of: Callable[[int], int], before: int) -> int:
        """What a busy hour has: one in two hundred of those before an hour that were used had as much or more."""
        used = sorted(filter(None, map(of, range(self.first, before))), reverse=True) if self.first >= 0 else []
        return used[len(used) // 200] if used else 0


def spread(values: list[int]) -> tuple[float, float]:
    """(median, deviation) of values; the deviation is the median absolute one, scaled as the standard deviation of a
    normal distribution (1.4826), and so not moved by a few outliers."""
    middle = median(values)
    return middle, 1.4826 * median(abs(value - middle) for value in values)
