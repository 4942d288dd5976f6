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

DUE_MAX: Final = timedelta(days=3 * 366)
"""Further ahead it is no task but an agreement."""
UNKNOWN_ZONE: Final = "UTC"
"""Of a task within the hub, which no agreement has a time zone for."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MICROSECOND: Final = timedelta(microseconds=1)


class DueFault(Struct, frozen=True):
    """Why that is no due time; for whoever wrote it."""

    message: str


def due_of(text: str, now_us: int, zone: str) -> int | DueFault:
    """Unix microseconds, exclusive: 2026-11-30 is until the end of that day, 2026-11-30T12:00 is that time, both in
    `zone` unless an offset is given; P3D or PT4H is so long from now on.
    """
    due_us = _due_us(text, now_us, ZoneInfo(zone))
    if isinstance(due_us, DueFault):
        return due_us
    if due_us <= now_us:
        return DueFault("a task is due in the future")
    if due_us - now_us > DUE_MAX // _MICROSECOND:
        return DueFault("a task is due within three years")
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
        return DueFault("expected 2026-11-30, 2026-11-30T12:00 or a length of time such as P3D")
    return DueFault("expected 2026-11-30, 2026-11-30T12:00 or P3D") if isinstance(found, PeriodFault) else found
