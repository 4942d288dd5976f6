"""Facts that are nonsense whatever the clause: an end before its beginning, a month twice, a fee that is no number."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policies.settling.facts import Excluded, FactFault, Facts, Span
from policies.settling.moments import microseconds
from policies.settling.schedule import month_number

_LONGEST_S = 100 * 366 * 86_400
_DIGITS_MAX = 30
"""Of an amount, before and after the point: more is no money, and exact arithmetic would take for ever."""


def facts_fault(facts: Facts) -> FactFault | None:
    """The first thing that is wrong with the facts by themselves."""
    return next(_faults(facts), None)


def _faults(facts: Facts) -> Iterator[FactFault]:
    zone = zone_named(facts.zone)
    if zone is None:
        yield FactFault("zone", f"there is no time zone {facts.zone!r}")
        return
    if microseconds(facts.from_) >= microseconds(facts.to):
        yield FactFault("to", "is not after from")
        return
    yield from _amounts(facts)
    yield from _prior(facts, zone)
    for name in ("missing", "excluded"):
        yield from _spans(name, getattr(facts, name))
    if facts.deployed is not None:
        yield from _order("deployed", facts.deployed.from_, facts.deployed.to)
    if facts.measured is not None and not facts.measured.is_finite():
        yield FactFault("measured", "is no number")


def zone_named(name: str) -> ZoneInfo | None:
    """The time zone of a name, None when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def number_fault(fact: str, value: Decimal) -> FactFault | None:
    """An amount, a duration or a figure is a finite number that is not negative, of sensible length."""
    if not value.is_finite():
        return FactFault(fact, "is no number")
    if value < 0:
        return FactFault(fact, f"{value} is negative")
    exponent = value.as_tuple().exponent
    if value.adjusted() > _DIGITS_MAX or (isinstance(exponent, int) and exponent < -_DIGITS_MAX):
        return FactFault(fact, f"has more than {_DIGITS_MAX} digits before or after the point")
    return None


def _amounts(facts: Facts) -> Iterator[FactFault]:
    named: list[tuple[str, Decimal | None]] = [("fee", facts.fee), ("measured", facts.measured)]
    named += [(f"durations_s[{number}]", value) for number, value in enumerate(facts.durations_s or ())]
    for number, length in enumerate(facts.durations_s or ()):
        if length.is_finite() and length > _LONGEST_S:
            yield FactFault(f"durations_s[{number}]", "is longer than a hundred years")
    for number, month in enumerate(facts.prior):
        named += [(f"prior[{number}].fee", month.fee), (f"prior[{number}].credit", month.credit)]
    for name, value in named:
        if value is not None and (fault := number_fault(name, value)) is not None:
            yield fault


def _prior(facts: Facts, zone: ZoneInfo) -> Iterator[FactFault]:
    start = facts.from_.astimezone(zone)
    window = start.year * 12 + start.month
    seen: set[str] = set()
    for number, month in enumerate(facts.prior):
        path = f"prior[{number}].month"
        if month.month in seen:
            yield FactFault(path, f"{month.month} is there twice")
        if month_number(month.month) >= window:
            yield FactFault(path, f"{month.month} is not before {start:%Y-%m}, the month that the facts are of")
        seen.add(month.month)


def _spans(name: str, spans: Sequence[Span | Excluded]) -> Iterator[FactFault]:
    for number, span in enumerate(spans):
        yield from _order(f"{name}[{number}]", span.from_, span.to)


def _order(path: str, from_: datetime, to: datetime) -> Iterator[FactFault]:
    if microseconds(from_) >= microseconds(to):
        yield FactFault(f"{path}.to", "is not after from")
