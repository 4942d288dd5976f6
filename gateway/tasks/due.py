"""When a task is due: a day, a time or a length of time, as its parties mean it in the agreement's zone."""

import re
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from contracts.plan import Contract, Plans
from gateway.audit.period import PeriodFault, moment
from gateway.sla.calendar import day_at
from policies.reference import Words

DUE_MAX: Final = timedelta(days=3 * 366)
"""Further ahead it is no task but an agreement."""
UNKNOWN_ZONE: Final = "UTC"
"""Of a task within the hub, which no agreement has a time zone for."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MICROSECOND: Final = timedelta(microseconds=1)


class DueFault(Struct, frozen=True):
    """Why that is no due time; for whoever wrote it."""

    words: Words


_PAST: Final = DueFault({"zh": "任务的截止时间须在将来", "en": "a task is due in the future"})
_TOO_FAR: Final = DueFault({"zh": "任务的截止时间须在三年之内", "en": "a task is due within three years"})
_UNREADABLE: Final = DueFault(
    {
        "zh": "应为 2026-11-30、2026-11-30T12:00，或 P3D 之类的时长",
        "en": "expected 2026-11-30, 2026-11-30T12:00 or a length of time such as P3D",
    }
)


def due_of(text: str, now_us: int, zone: str) -> int | DueFault:
    """Unix microseconds, exclusive: 2026-11-30 is until the end of that day, 2026-11-30T12:00 is that time, both in
    `zone` unless an offset is given; P3D or PT4H is so long from now on.
    """
    due_us = _due_us(text, now_us, ZoneInfo(zone))
    if isinstance(due_us, DueFault):
        return due_us
    if due_us <= now_us:
        return _PAST
    if due_us - now_us > DUE_MAX // _MICROSECOND:
        return _TOO_FAR
    return due_us


def zone_of(plans: Plans, agreement: str, partner: str) -> str:
    """The zone of the agreement; without one, of the partner's latest agreement; UTC within the hub."""
    contract = next((each for each in plans.contracts.values() if agreement and each.agreement == agreement), None)
    return (contract or _latest(plans, partner)).time_zone if contract or plans.of_partner(partner) else UNKNOWN_ZONE


def _latest(plans: Plans, partner: str) -> Contract:
    return plans.of_partner(partner)[-1]


def _due_us(text: str, now_us: int, zone: ZoneInfo) -> int | DueFault:
    try:
        if text.startswith("P"):
            return now_us + msgspec.convert(text, timedelta) // _MICROSECOND
        if _DAY.fullmatch(text):
            return day_at(date.fromisoformat(text).toordinal(), zone).until_us
        found = moment(text, zone)
    except (ValueError, OverflowError):
        return _UNREADABLE
    return _UNREADABLE if isinstance(found, PeriodFault) else found
