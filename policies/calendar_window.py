"""Calendar periods of a time zone: from which second to which the hour, day, week, month, quarter or year lasts.

A period lasts as long as it does on the wall: a day has 23 or 25 hours where the clocks change in it, and one whose
midnight is skipped begins when the next hour does. An hour that is lived through twice is two. Weeks begin on Monday.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from policies.limit import Period

_HOUR_S: Final = 3_600
_SECOND_US: Final = 1_000_000


class Calendar:
    """One sort of period in one zone. Keeps the last window: most calls are in the same as the one before."""

    __slots__ = ("_end_us", "_period", "_start_us", "_zone")

    def __init__(self, period: Period, zone: str) -> None:
        """Raises ZoneInfoNotFoundError."""
        self._period, self._zone = period, ZoneInfo(zone)
        self._start_us = self._end_us = 0

    def window_us(self, time_us: int) -> tuple[int, int]:
        """From when, inclusive, to when, exclusive, the period lasts that `time_us` is in. Whole seconds, Unix time."""
        if not self._start_us <= time_us < self._end_us:
            start_s, end_s = self._window_s(time_us // _SECOND_US)
            self._start_us, self._end_us = start_s * _SECOND_US, end_s * _SECOND_US
        return self._start_us, self._end_us

    def _window_s(self, time_s: int) -> tuple[int, int]:
        local = datetime.fromtimestamp(time_s, self._zone)
        if self._period == "hour":
            offset = local.utcoffset() or timedelta()
            start_s = time_s - (time_s + int(offset.total_seconds())) % _HOUR_S
            return start_s, start_s + _HOUR_S
        first, following = _days(self._period, local.date())
        return self._begins_s(first), self._begins_s(following)

    def _begins_s(self, day: date) -> int:
        # Of a midnight that comes twice this is the first; of one that is skipped, the moment it would have been.
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp())


@lru_cache(maxsize=1024)
def calendar_of(period: Period, zone: str) -> Calendar:
    """The calendar of a period in an IANA zone, the same object each time. Raises ZoneInfoNotFoundError."""
    return Calendar(period, zone)


def window_of(period: Period, zone: str, time_us: int) -> tuple[int, int]:
    """(start, end) in Unix seconds, end exclusive, of the period that a time in microseconds is in."""
    start_us, end_us = calendar_of(period, zone).window_us(time_us)
    return start_us // _SECOND_US, end_us // _SECOND_US


def _days(period: Period, day: date) -> tuple[date, date]:
    """The first day of a period, and of the one after it."""
    match period:
        case "day":
            return day, day + timedelta(days=1)
        case "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=7)
        case "month":
            return _months(day.year, day.month, 1)
        case "quarter":
            return _months(day.year, (day.month - 1) // 3 * 3 + 1, 3)
    return _months(day.year, 1, 12)


def _months(year: int, month: int, count: int) -> tuple[date, date]:
    following = month + count
    return date(year, month, 1), date(year + (following - 1) // 12, (following - 1) % 12 + 1, 1)
