"""What each SLA clause has come to in the current period: pure functions from counts, exact to the last digit."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from contracts.plan import Contract
from gateway.sla.account import Account
from gateway.sla.calendar import day_at, day_of, first_of_month
from gateway.sla.shares import Shares
from policies.clause import Meter
from policies.reference import ClauseRef

Verdict: TypeAlias = Literal["met", "missed", "unknown"]


class MeterResult(Struct, frozen=True):
    """One clause in one calendar month of the agreement's time zone, as far as it has come.

    `share` is the achieved share, from 0 to 1, exact, None without data. `total` and `good` count exchanges, `slices`
    the slices that had any, `empty` those without that count as good.
    """

    clause: ClauseRef
    basis: Literal["slices", "requests"]
    period: str
    target_percent: str
    share: Fraction | None
    verdict: Verdict
    total: int
    good: int
    slices: int
    empty: int

    @property
    def achieved_percent(self) -> str | None:
        """The share in percent for people: rounded down to four places, so that a miss never reads as a hit."""
        if self.share is None:
            return None
        return decimal_down(self.share * 100, 4)


def results(account: Account | None, contract: Contract, meters: Iterable[Meter], now_s: int) -> list[MeterResult]:
    """The result of each meter for the month that holds `now_s` (Unix seconds), or an ended agreement's last one.

    The month counts from its first day or from the agreement's, whichever is later, up to the slice that has begun.
    The verdict is unknown while the month has no exchange at all. From the first one on, slices without calls count as
    good where the clause says so, and are left out where it says that.
    """
    zone = ZoneInfo(contract.time_zone)
    now_us = min(now_s, contract.effective_until_s - 1) * 1_000_000
    today = day_of(now_us, zone).ordinal
    first = max(first_of_month(today), day_of(contract.effective_from_s * 1_000_000, zone).ordinal)
    found = []
    for meter in meters:
        shares, begun, seen = Shares(), 0, False
        if account is not None and first <= today:
            seen = account.counts(first, today).requests > 0
            shares = account.shares(meter, first, today)
            begun = _begun(meter.slice_s, first, today, now_us, zone)
        found.append(_result(meter, f"{date.fromordinal(today):%Y-%m}", shares, begun, seen=seen))
    return found


def meters_of(plans_meters: Iterable[tuple[Meter, ...]]) -> list[Meter]:
    """Each clause's meter once: it is bound to every plan of its agreement."""
    return list({meter.clause.id: meter for meters in plans_meters for meter in meters}.values())


def decimal_down(value: Fraction, places: int) -> str:
    """A non-negative fraction as decimal text, rounded down."""
    scaled = value.numerator * 10**places // value.denominator
    return f"{Decimal(scaled).scaleb(-places):f}"


def _begun(slice_s: int, first: int, today: int, now_us: int, zone: ZoneInfo) -> int:
    whole = sum(day_at(ordinal, zone).slices(slice_s) for ordinal in range(first, today))
    return whole + (now_us - day_at(today, zone).from_us) // (slice_s * 1_000_000) + 1


def _result(meter: Meter, period: str, shares: Shares, begun: int, *, seen: bool) -> MeterResult:
    share, empty = None, 0
    if seen and meter.basis == "requests":
        share = Fraction(shares.good, shares.total) if shares.total else None
    elif seen:
        # an exchange may be stamped a moment after `now`: it is in, so its slice has begun
        empty = max(0, begun - shares.slices) if meter.empty_slice == "good" else 0
        share = (shares.sum() + empty) / (shares.slices + empty) if shares.slices + empty else None
    return MeterResult(
        clause=meter.clause,
        basis=meter.basis,
        period=period,
        target_percent=meter.target_percent,
        share=share,
        verdict=_verdict(share, meter.target_percent),
        total=shares.total,
        good=shares.good,
        slices=shares.slices,
        empty=empty,
    )


def _verdict(share: Fraction | None, target_percent: str) -> Verdict:
    """Exactly at the target is met."""
    if share is None:
        return "unknown"
    return "met" if share * 100 >= Fraction(target_percent) else "missed"
