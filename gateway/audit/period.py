"""Periods of time as people say them: a date, a moment, last-week, 24h; always from included, until not."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TypeAlias

from msgspec import Struct

NAMED = ("today", "yesterday", "this-week", "last-week", "this-month", "last-month")
_LAST = re.compile(r"([1-9]\d{0,4})([mhdw])")
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Period(Struct, frozen=True):
    """Unix microseconds; None: open at that end."""

    from_us: int | None = None
    until_us: int | None = None


class PeriodFault(Struct, frozen=True):
    """Why a text says no time."""

    message: str


Bounds: TypeAlias = "Period | PeriodFault"


def named_period(name: str, now: datetime) -> Bounds:
    """today ... last-month in the zone of `now` (weeks begin on Monday), or the last 90m, 24h, 7d, 2w."""
    if found := _LAST.fullmatch(name):
        until = now.astimezone(UTC)
        return Period(_us(until - timedelta(seconds=int(found[1]) * _UNITS_S[found[2]])), _us(until))
    zone, today = now.tzinfo, now.date()
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    days = {
        "today": (today, today + timedelta(days=1)),
        "yesterday": (today - timedelta(days=1), today),
        "this-week": (monday, monday + timedelta(days=7)),
        "last-week": (monday - timedelta(days=7), monday),
        "this-month": (first, following),
        "last-month": (before, first),
    }
    if name not in days:
        return PeriodFault(f"a period is one of {', '.join(NAMED)}, or a length such as 90m, 24h, 7d, 2w")
    start, end = days[name]
    return Period(_us(datetime.combine(start, time(), zone)), _us(datetime.combine(end, time(), zone)))


def moment(text: str, zone: tzinfo) -> int | PeriodFault:
    """2026-11-16, 2026-11-16T08:30 or with an offset, as Unix microseconds; without an offset in `zone`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return PeriodFault(f"{text!r} is no date or time: write 2026-11-16 or 2026-11-16T08:30:00+08:00")
    return _us(found if found.tzinfo is not None else found.replace(tzinfo=zone))


def _us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond
