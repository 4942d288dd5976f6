"""Local days and calendar months in an agreement's time zone, as numbers that counting can compare."""

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct


class LocalDay(Struct, frozen=True):
    """One day of a time zone: `ordinal` as in `date.toordinal`, from `from_us` inclusive to `until_us` exclusive.

    Both are Unix microseconds. A day on which clocks change has 23 or 25 hours.
    """

    ordinal: int
    from_us: int
    until_us: int

    @property
    def date(self) -> date:
        """The calendar day."""
        return date.fromordinal(self.ordinal)

    @property
    def month(self) -> str:
        """The calendar month it lies in, such as 2026-11."""
        return f"{self.date:%Y-%m}"

    def slices(self, slice_s: int) -> int:
        """How many slices of `slice_s` seconds the day has; the last one of an odd day may be shorter."""
        return -(-(self.until_us - self.from_us) // (slice_s * 1_000_000))


def day_of(time_us: int, zone: ZoneInfo) -> LocalDay:
    """The local day that holds a moment."""
    local = datetime.fromtimestamp(time_us // 1_000_000, UTC).astimezone(zone)
    return day_at(local.toordinal(), zone)


@lru_cache(maxsize=4096)
def day_at(ordinal: int, zone: ZoneInfo) -> LocalDay:
    """The local day of an ordinal."""
    return LocalDay(ordinal, _start_us(ordinal, zone), _start_us(ordinal + 1, zone))


def first_of_month(ordinal: int) -> int:
    """The ordinal of the first day of the month that a day lies in."""
    return date.fromordinal(ordinal).replace(day=1).toordinal()


def _start_us(ordinal: int, zone: ZoneInfo) -> int:
    midnight = datetime.combine(date.fromordinal(ordinal), time(), zone)
    return int(midnight.astimezone(UTC).timestamp()) * 1_000_000
