"""What each SLA clause has come to in the current period: settled by the engine that statements are made with."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from contracts.plan import Contract, Promised
from gateway.sla.account import Account
from gateway.sla.calendar import LocalDay, day_at, day_of, first_of_month
from gateway.sla.facts import traffic_facts
from policies.clause import Meter
from policies.kinds.error_rate import ErrorRate
from policies.reference import ClauseRef
from policies.settling.facts import FactFault, Facts
from policies.settling.settled import Settled

Verdict: TypeAlias = Literal["met", "missed", "unknown"]

FRESH_S: Final = 5
"""So long the result of a month with many slices is shown again, for settling them all takes a tenth of a second."""
MANY_SLICES: Final = 2000


class MeterResult(Struct, frozen=True):
    """One clause in one calendar month of the agreement's time zone, as far as it has come.

    `measured` is what the engine measured, in `unit`. `share` is the achieved share of what is good, from 0 to 1, None
    without data and for what is no share. `total` and `good` count exchanges without what is excluded, `slices` the
    slices that had any, `empty` those without that count as good.
    """

    clause: ClauseRef
    basis: Literal["slices", "requests"]
    period: str
    target_percent: str
    measured: str | None
    unit: str
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


class _Kept(Struct, frozen=True):
    """A result, and what it is of."""

    contract: Contract
    meter: Meter
    now_s: int
    result: MeterResult

    def holds(self, contract: Contract, meter: Meter, now_s: int, period: str) -> bool:
        same = self.contract is contract and self.meter == meter and self.result.period == period
        return same and 0 <= now_s - self.now_s < FRESH_S


def results(account: Account | None, contract: Contract, meters: Iterable[Meter], now_s: int) -> list[MeterResult]:
    """The result of each meter for the month that holds `now_s` (Unix seconds), or an ended agreement's last one.

    The month counts from its first day or from when the agreement came into force, whichever is later, up to the slice
    that has begun. The verdict is unknown while the month has no exchange at all: from the first one on, slices without
    calls count as the clause says. With MANY_SLICES or more in it, a result is that of at most FRESH_S earlier.
    """
    promised = {one.ref.id: one for one in contract.promises}
    now_us = min(now_s, contract.effective_until_s - 1) * 1_000_000
    today = day_of(now_us, ZoneInfo(contract.time_zone))
    period, found = f"{today.date:%Y-%m}", []
    for meter in meters:
        kept: _Kept | None = account.kept.get(meter.clause.id) if account is not None else None
        if kept is None or not kept.holds(contract, meter, now_s, period):
            facts = _facts(account, contract, promised.get(meter.clause.id), today, now_us)
            kept = _Kept(contract, meter, now_s, _result(meter, period, facts, promised.get(meter.clause.id)))
            if account is not None and kept.result.slices >= MANY_SLICES:
                account.kept[meter.clause.id] = kept
        found.append(kept.result)
    return found


def meters_of(plans_meters: Iterable[tuple[Meter, ...]]) -> list[Meter]:
    """Each clause's meter once: it is bound to every plan of its agreement."""
    return list({meter.clause.id: meter for meters in plans_meters for meter in meters}.values())


def decimal_down(value: Fraction, places: int) -> str:
    """A non-negative fraction as decimal text, rounded down."""
    scaled = value.numerator * 10**places // value.denominator
    return f"{Decimal(scaled).scaleb(-places):f}"


def _facts(
    account: Account | None, contract: Contract, promised: Promised | None, today: LocalDay, now_us: int
) -> Facts | None:
    """The facts of the month, None while it has no exchange."""
    first = first_of_month(today.ordinal)
    if account is None or promised is None or not account.counts(first, today.ordinal).requests:
        return None
    following = date.fromordinal(first + 31).replace(day=1).toordinal()
    return traffic_facts(
        account,
        account.presence,
        contract,
        promised,
        from_us=day_at(first, account.zone).from_us,
        until_us=day_at(following, account.zone).from_us,
        now_us=now_us,
    )


def _result(meter: Meter, period: str, facts: Facts | None, promised: Promised | None) -> MeterResult:
    settled = promised.clause.settle(facts) if promised is not None and facts is not None else None
    # A fault would be a defect of ours: counted facts are never nonsense. Nothing is shown rather than something wrong.
    kept = None if isinstance(settled, FactFault) else settled
    slices = (facts.slices if facts is not None else None) or ()
    figures = {figure.name: figure.value for figure in kept.figures} if kept is not None else {}
    return MeterResult(
        clause=meter.clause,
        basis=meter.basis,
        period=period,
        target_percent=meter.target_percent,
        measured=kept.measured if kept is not None else None,
        unit=kept.unit if kept is not None else "percent",
        share=_share(kept, promised),
        verdict=kept.verdict if kept is not None else "unknown",
        total=sum(slice_.total - slice_.excluded for slice_ in slices),
        good=sum(slice_.good for slice_ in slices),
        slices=sum(slice_.total > slice_.excluded for slice_ in slices),
        empty=int(figures.get("slices_empty", "0")) if meter.empty_slice == "good" else 0,
    )


def _share(settled: Settled | None, promised: Promised | None) -> Fraction | None:
    """What is measured as a share of what is good: of errors the rest."""
    if settled is None or settled.measured is None or settled.unit != "percent":
        return None
    share = Fraction(settled.measured) / 100
    return 1 - share if promised is not None and isinstance(promised.clause, ErrorRate) else share
