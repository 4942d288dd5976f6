"""Hours of the week in a time zone: whether they are open at a moment, and until when it stays so.

A span belongs to the day on which it begins and may end on the next. It opens and closes at the first moment at which
clocks show that time or a later one, so that neither an hour that clocks skip nor one that they show twice leaves it
undecided. On a holiday none begins, and one that the day before began ends where the holiday does begin.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from policies.direction import Directions, widening
from policies.reference import Words
from policies.wording import joined, literal

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
OpeningText = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
ClosingText = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z")]

_DAYS: tuple[Day, ...] = get_args(Day)
_NAMES: tuple[Words, ...] = (
    {"zh": "周一", "en": "Monday"},
    {"zh": "周二", "en": "Tuesday"},
    {"zh": "周三", "en": "Wednesday"},
    {"zh": "周四", "en": "Thursday"},
    {"zh": "周五", "en": "Friday"},
    {"zh": "周六", "en": "Saturday"},
    {"zh": "周日", "en": "Sunday"},
)
_DAY_MINUTES = 24 * 60
_RANGE_MIN = 3
"""Fewer days in a row are named one by one."""
FOREVER_US = 2**63 - 1


class Span(Struct, frozen=True, gc=False):
    """From one moment (Unix microseconds, inclusive) until another (exclusive): open all the time, or closed."""

    from_us: int
    until_us: int
    open: bool


class Weekly(Struct, frozen=True):
    """Open on `days` (0 Monday to 6 Sunday) from one minute of the day to another, past midnight when that is not
    later; never on `holidays`. `zone` is an IANA name."""

    days: frozenset[int]
    from_minute: int
    until_minute: int
    zone: str
    holidays: frozenset[date] = frozenset()

    def span_at(self, time_us: int) -> Span:
        """The open span that holds this moment, or the closed one, from this moment until the next opening.

        Raises zoneinfo.ZoneInfoNotFoundError for a zone that does not exist; `check` finds that before.
        """
        zone = ZoneInfo(self.zone)
        for from_us, until_us in self._spans(datetime.fromtimestamp(time_us // 1_000_000, zone).date(), zone):
            if from_us <= time_us < until_us:
                return Span(from_us, until_us, open=True)
            if time_us < from_us < until_us:
                return Span(time_us, from_us, open=False)
        return Span(time_us, FOREVER_US, open=False)

    def _spans(self, today: date, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
        """Spans in order, from one that may still be open; as many days as holidays could close."""
        length = timedelta(minutes=span_minutes(self.from_minute, self.until_minute))
        for number in range(-2, 9 + 7 * len(self.holidays)):
            day = today + timedelta(days=number)
            if day.weekday() not in self.days or day in self.holidays:
                continue
            begins = datetime.combine(day, time()) + timedelta(minutes=self.from_minute)
            ends = begins + length
            if ends.date() in self.holidays:
                ends = datetime.combine(ends.date(), time())
            yield _first_us(begins, zone), _first_us(ends, zone)


class Hours:
    """Weekly hours that remember the span they were last asked about: most questions are about the same one."""

    __slots__ = ("_latest", "weekly")

    def __init__(self, weekly: Weekly) -> None:
        self.weekly = weekly
        self._latest = Span(0, 0, open=False)

    def at(self, time_us: int) -> Span:
        """As `Weekly.span_at`."""
        latest = self._latest
        if not latest.from_us <= time_us < latest.until_us:
            latest = self._latest = self.weekly.span_at(time_us)
        return latest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hours) and self.weekly == other.weekly

    def __hash__(self) -> int:
        return hash(self.weekly)


def _first_us(wall: datetime, zone: ZoneInfo) -> int:
    """The first moment at which clocks show `wall` or later. Of a time shown twice fold 0 is the first (PEP 495); one
    that is skipped stands between its two readings, and what clocks jump to is looked for there."""
    found = round(wall.replace(tzinfo=zone, fold=0).timestamp())
    if datetime.fromtimestamp(found, zone).replace(tzinfo=None) != wall:
        before = round(wall.replace(tzinfo=zone, fold=1).timestamp())
        while found - before > 1:
            middle = (before + found) // 2
            if datetime.fromtimestamp(middle, zone).replace(tzinfo=None) >= wall:
                found = middle
            else:
                before = middle
    return found * 1_000_000


def minute_of(text: str) -> int:
    """The minute of the day: 510 for `08:30`, 1440 for `24:00`."""
    return int(text[:2]) * 60 + int(text[3:])


def span_minutes(from_minute: int, until_minute: int) -> int:
    """How long a span is by the clock: past midnight when it does not end later than it begins."""
    length = until_minute - from_minute
    return length if length > 0 else length + _DAY_MINUTES


def day_numbers(days: tuple[Day, ...]) -> frozenset[int]:
    """0 for Monday to 6 for Sunday."""
    return frozenset(_DAYS.index(day) for day in days)


def day_names(numbers: frozenset[int]) -> list[Day]:
    """The days as documents write them, in the order of the week."""
    return [_DAYS[number] for number in sorted(numbers)]


def clock(minute: int) -> str:
    """The time of day as documents write it: `08:30` for 510, `24:00` for 1440."""
    return f"{minute // 60:02}:{minute % 60:02}"


def days_words(days: tuple[Day, ...]) -> Words:
    """The days in the order of the week, three or more in a row by the first and the last."""
    numbers = sorted(day_numbers(days))
    if len(numbers) == len(_DAYS):
        return {"zh": "每天", "en": "every day"}
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    said: list[Words] = []
    for run in runs:
        first, last = _NAMES[run[0]], _NAMES[run[-1]]
        if len(run) < _RANGE_MIN:
            said += [_NAMES[number] for number in run]
        else:
            said.append({"zh": f"{first['zh']}至{last['zh']}", "en": f"{first['en']} to {last['en']}"})
    return joined(said)


def closing_words(opening: str, closing: str) -> Words:
    """The time at which a span ends, and that it is on the next day where it is."""
    if minute_of(closing) > minute_of(opening):
        return literal(closing)
    return {"zh": f"次日 {closing}", "en": f"{closing} the next day"}


def times(old: tuple[str, str], new: tuple[str, str]) -> Directions:
    """Which way another opening and closing counts, for hours in which something may be done."""
    return widening(_minutes(*old), _minutes(*new))


def _minutes(opening: str, closing: str) -> Any:
    from_minute = minute_of(opening)
    return range(from_minute, from_minute + span_minutes(from_minute, minute_of(closing)))
