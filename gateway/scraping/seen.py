"""What the detectors are told of an exchange, and when it was in the agreement's own time."""

from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_QUARTER_US = 900_000_000
"""All time zones in use today are whole quarters of an hour from UTC: within one, only the minute changes."""
_MINUTE_US = 60_000_000


class Local(Struct, frozen=True, gc=False):
    """A moment in a time zone: the `day` as in `date.toordinal`, and the `minute` of the day."""

    day: int
    minute: int

    @property
    def weekday(self) -> int:
        """0 Monday to 6 Sunday."""
        return (self.day + 6) % 7

    @property
    def hour(self) -> int:
        """The hour of the day."""
        return self.minute // 60

    @property
    def hours(self) -> int:
        """Local hours since the beginning of the calendar: hours of all days, one after the other."""
        return self.day * 24 + self.minute // 60

    @property
    def date(self) -> date:
        """The calendar day."""
        return date.fromordinal(self.day)


class Seen(Struct, frozen=True, gc=False):
    """An exchange as far as scraping goes. It is folded into counts within seconds, and kept nowhere.

    `key` is the key that a `get` asked for, or what a page of a `list` follows, "" for neither. `people` are handles of
    those whom the answer is about. `at` is its time in the agreement's zone. `looked_up` are the keys that a `list` was
    filtered by.
    """

    time_us: int
    at: Local
    operation: str
    client: str
    key: str
    people: AbstractSet[bytes]
    records: int
    status: int
    looked_up: tuple[str, ...] = ()


def local(time_us: int, zone: ZoneInfo) -> Local:
    """The moment in a zone. Unix microseconds."""
    begin = _quarter(time_us // _QUARTER_US, zone)
    return Local(begin.day, begin.minute + time_us % _QUARTER_US // _MINUTE_US)


@lru_cache(maxsize=4096)
def _quarter(number: int, zone: ZoneInfo) -> Local:
    begin = datetime.fromtimestamp(number * 900, UTC).astimezone(zone)
    return Local(begin.toordinal(), begin.hour * 60 + begin.minute)
