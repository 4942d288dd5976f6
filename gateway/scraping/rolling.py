"""Counts of the last 24 hours, and of the days before them."""

from collections import deque
from statistics import median

from gateway.scraping.seen import HOUR_US

DAYS = 28


class Rolling:
    """A count that forgets what is older than 24 hours, by the hour."""

    __slots__ = ("_hours", "_last")

    def __init__(self) -> None:
        self._hours = [0.0] * 24
        self._last = 0

    def add(self, time_us: int, amount: float) -> None:
        """Count; what is older than 24 hours already is not counted."""
        hour = time_us // HOUR_US
        self._forget(hour)
        if hour > self._last - 24:
            self._hours[hour % 24] += amount

    def total(self, now_us: int) -> int:
        """What was counted in the 24 hours before now."""
        self._forget(now_us // HOUR_US)
        return round(sum(self._hours))

    def hours(self, now_us: int, least: float) -> int:
        """In how many of these hours at least so much was counted."""
        self._forget(now_us // HOUR_US)
        return sum(amount >= least for amount in self._hours)

    def _forget(self, hour: int) -> None:
        if hour <= self._last:
            return
        for gone in range(self._last + 1, min(hour, self._last + 24) + 1):
            self._hours[gone % 24] = 0.0
        self._last = hour


class Days:
    """What was counted on each local day, of the last 28 days with anything on them."""

    __slots__ = ("_done", "day", "today")

    def __init__(self) -> None:
        self._done: deque[float] = deque(maxlen=DAYS)
        self.day, self.today = 0, 0.0

    def add(self, day: int, amount: float) -> None:
        """Count on a day; a day that is over counts to the one that is not."""
        self.turn(day)
        self.today += amount

    def turn(self, day: int) -> bool:
        """Begin a day, if it has not begun. True if that ended another."""
        if day <= self.day:
            return False
        ended, self.day = self.day != 0, day
        if ended:
            self._done.append(self.today)
        self.today = 0.0
        return ended

    def __len__(self) -> int:
        return len(self._done)

    def usual(self) -> int:
        """The median of the days that are over, 0 without any."""
        return round(median(self._done)) if self._done else 0

    def busiest(self) -> int:
        """The busiest tenth of the days that are over begins here; 0 without any."""
        return round(sorted(self._done)[-1 - len(self._done) // 10]) if self._done else 0
