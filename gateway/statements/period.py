"""The periods that statements are of: a month, a quarter or a year of an agreement's own calendar."""

import re
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from msgspec import Struct

_PERIOD = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])|-Q([1-4]))?", re.ASCII)
FORMS = "2026-10, 2026-Q3 or 2026"


class Month(Struct, frozen=True, order=True):
    """A calendar month."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    def following(self) -> "Month":
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def preceding(self) -> "Month":
        """The month before it."""
        return Month(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From its first moment in a time zone, inclusive, to its last, exclusive."""
        return datetime.combine(self.first, time(), zone), datetime.combine(self.following().first, time(), zone)


class Period(Struct, frozen=True):
    """What a statement is of: its name as written, and its months in order."""

    name: str
    months: tuple[Month, ...]

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From its first moment in a time zone, inclusive, to its last, exclusive."""
        return self.months[0].bounds(zone)[0], self.months[-1].bounds(zone)[1]


def read_period(text: str) -> Period | None:
    """The period that a text names (FORMS), None for one that names none."""
    found = _PERIOD.fullmatch(text)
    year = int(found[1]) if found else 0
    if found is None or not 1970 <= year <= 9998:
        return None
    months = range(1, 13)
    if found[2]:
        months = range(int(found[2]), int(found[2]) + 1)
    elif found[3]:
        months = range(int(found[3]) * 3 - 2, int(found[3]) * 3 + 1)
    return Period(text, tuple(Month(year, month) for month in months))


def month_of(moment: datetime) -> Month:
    """The month that a local moment lies in."""
    return Month(moment.year, moment.month)


def months_between(first: Month, last: Month) -> list[Month]:
    """From one month to another, both included."""
    found = []
    while first <= last:
        found.append(first)
        first = first.following()
    return found
