"""A period's settlement: each clause of each version of an agreement, month by month, added up both ways. Pure.

Everything is computed from facts, prior months included: a rolling cap's earlier credits are settled again from the
agreement's beginning, so that a statement needs no other statement.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from contracts.plan import Contract, Promised
from gateway.statements.document import (
    ClauseResult,
    Exclusion,
    FaultyFact,
    Named,
    Settlement,
    Total,
    WindowResult,
)
from gateway.statements.period import Month, Period, month_of, months_between
from gateway.statements.source import Left, Progress, Source, Window
from policies.promise import OwedBy
from policies.reference import Words
from policies.settling.credit import Credit
from policies.settling.facts import FactFault, Facts, Prior
from policies.settling.schedule import claim_by, months_before
from policies.settling.settled import Settled

_NOTHING: Final = Decimal("0.00")
_CENT: Final = Decimal("0.01")
_SIDES: tuple[OwedBy, ...] = ("hub", "partner")
_UNSETTLED: Words = {"zh": "缺少事实，无法结算。", "en": "A fact is missing: this cannot be settled."}


class Asked(Struct, frozen=True):
    """What a settlement is of: every version of one agreement, oldest first, and the period. `now`: an aware moment."""

    versions: tuple[Contract, ...]
    period: Period
    now: datetime


def settle(asked: Asked, source: Source, progress: Progress = lambda *_: None) -> Settlement | None:
    """The settlement; None when nothing was promised in any of the period that has begun, by the dates of the agreement
    and by the log, which says when it came into force."""
    zone = ZoneInfo(asked.versions[-1].time_zone)
    begins, ends = asked.period.bounds(zone)
    now = asked.now.astimezone(zone)
    until = min(ends, now)
    concerned = [contract for contract in asked.versions if _in_force(contract, begins, until)]
    if not concerned:
        return None
    clauses = [(contract, promised) for contract in concerned for promised in contract.promises]
    results = []
    for number, (contract, promised) in enumerate(clauses):
        progress("settling", number, len(clauses))
        result = _Clause(asked, contract, promised, source).result()
        if result.windows:
            results.append(result)
    progress("settling", len(clauses), len(clauses))
    if not results:
        return None
    latest = concerned[-1]
    totals = _totals(results)
    return Settlement(
        agreement=latest.agreement,
        partner=Named(latest.partner, latest.partner_name),
        versions=tuple(f"{contract.version} {contract.hash}" for contract in concerned),
        period=asked.period.name,
        from_=begins.isoformat(),
        to=ends.isoformat(),
        zone=latest.time_zone,
        prevails=latest.prevails,
        provisional=now < ends,
        settled_until=until.isoformat(),
        clauses=tuple(results),
        totals=totals,
        net=_net(totals),
    )


def faults_of(settlement: Settlement) -> list[str]:
    """What could not be settled, and why: clause, month, and the fact."""
    return [
        f"clause {clause.clause}, {window.month}: {window.fault.fact}: {window.fault.message}"
        for clause in settlement.clauses
        for window in clause.windows
        if window.fault is not None
    ]


class _Clause:
    """One clause of one version of the agreement."""

    def __init__(self, asked: Asked, contract: Contract, promised: Promised, source: Source) -> None:
        self._asked, self._contract, self._promised, self._source = asked, contract, promised, source
        self._zone = ZoneInfo(contract.time_zone)
        self._now = asked.now.astimezone(self._zone)
        credit = getattr(promised.clause, "credit", None)
        self._credit = credit if isinstance(credit, Credit) else None
        self._months = [month for month in asked.period.months if self._begun(month)]

    def result(self) -> ClauseResult:
        prior = self._before()
        windows = []
        for month in self._months:
            window = self._window(month, _by_month(prior, month))
            if window is None:
                continue
            windows.append(window)
            if window.fee:
                prior.append(Prior(window.month, Decimal(window.fee), Decimal(window.credit)))
        ref, contract = self._promised.ref, self._contract
        return ClauseResult(
            clause=ref.id,
            kind=ref.kind,
            owed_by=self._promised.clause.owed_by,
            version=contract.version,
            contract=contract.hash,
            text=ref.text,
            windows=tuple(windows),
        )

    def _before(self) -> list[Prior]:
        """What was credited before the first window that is shown, where a cap looks at it, in order of time.

        Of an earlier version that counts where it has a clause of the same number and kind; also in the month that both
        share, for there the older one comes first: it takes what a cap leaves, and the newer one what is left then.
        """
        if not self._rolls() or not self._months:
            return []
        found: list[Prior] = []
        for contract in self._asked.versions:
            promised = _same(contract, self._promised)
            if promised is None or contract.effective_from_s > self._contract.effective_from_s:
                continue
            first = month_of(_moment(contract.effective_from_s, self._zone))
            for month in months_between(first, self._months[0]):
                if contract is self._contract and month == self._months[0]:
                    break
                if not _in_force(contract, *month.bounds(self._zone)):
                    continue
                facts = self._facts(contract, promised, month, _by_month(found, month))
                settled = promised.clause.settle(facts) if facts is not None else None
                if facts is not None and isinstance(settled, Settled):
                    found.append(Prior(str(month), facts.fee or Decimal(0), settled.credit))
        return found

    def _window(self, month: Month, prior: tuple[Prior, ...]) -> WindowResult | None:
        facts = self._facts(self._contract, self._promised, month, prior)
        if facts is None:
            return None
        settled = self._promised.clause.settle(facts)
        begins, ends = month.bounds(self._zone)
        owed, window = settled if isinstance(settled, Settled) else None, Window(begins, ends)
        before = months_before(facts) if self._rolls() else ()
        claim = claim_by(self._credit, facts) if self._credit is not None and owed is not None and owed.credit else None
        return WindowResult(
            month=str(month),
            from_=begins.isoformat(),
            to=ends.isoformat(),
            provisional=self._now < ends,
            verdict=owed.verdict if owed else "unknown",
            measured=owed.measured if owed else None,
            unit=owed.unit if owed else "",
            percent=_text(owed.percent) if owed else "0",
            fee=_text(facts.fee) if facts.fee is not None and self._contract.monthly_fee else "",
            credit=f"{(owed.credit if owed else _NOTHING):f}",
            currency=self._contract.currency,
            capped_by=owed.capped_by if owed else "",
            prior_credit=f"{sum((one.credit for one in before), _NOTHING):f}" if before else "",
            claim_until=claim.isoformat() if claim else "",
            explanation=owed.explanation if owed else _UNSETTLED,
            figures=owed.figures if owed else (),
            causes=dict(sorted((facts.causes or {}).items())),
            exclusions=tuple(self._exclusions(month, window, prior)),
            fault=FaultyFact(settled.fact, settled.message) if isinstance(settled, FactFault) else None,
        )

    def _exclusions(self, month: Month, window: Window, prior: tuple[Prior, ...]) -> Iterable[Exclusion]:
        """Each announced span, and what the month would come to if the notice had never been."""
        effects: dict[str, Settled | FactFault | None] = {}
        for left in self._source.left_out(self._contract, self._promised, window):
            if left.notice not in effects:
                without = frozenset({left.notice})
                facts = self._facts(self._contract, self._promised, month, prior, without)
                effects[left.notice] = self._promised.clause.settle(facts) if facts is not None else None
            yield self._exclusion(left, effects[left.notice])

    def _exclusion(self, left: Left, effect: Settled | FactFault | None) -> Exclusion:
        counted = effect if isinstance(effect, Settled) else None
        return Exclusion(
            notice=left.notice,
            cause=left.cause,
            from_=left.from_.astimezone(self._zone).isoformat(),
            to=left.to.astimezone(self._zone).isoformat(),
            announced=left.announced.astimezone(self._zone).isoformat(),
            retroactive=left.announced > left.from_,
            counts=left.counts,
            late_for=left.late_for,
            leaf=left.leaf,
            writer=left.writer,
            seq=left.seq,
            without_measured=counted.measured if counted else None,
            without_credit=f"{(counted.credit if counted else _NOTHING):f}",
        )

    def _facts(
        self,
        contract: Contract,
        promised: Promised,
        month: Month,
        prior: tuple[Prior, ...],
        without: frozenset[str] = frozenset(),
    ) -> Facts | None:
        facts = self._source.facts(contract, promised, Window(*month.bounds(self._zone)), without)
        if facts is None:
            return None
        return replace(facts, fee=self._fee(contract, month), currency=contract.currency, prior=prior)

    def _fee(self, contract: Contract, month: Month) -> Decimal:
        """The month's fee. Where two versions share a month, each has the share of the days it is in force.

        An agreement without fees has one of nothing: percentages stand, and amounts are 0.
        """
        if not contract.monthly_fee:
            return Decimal(0)
        fee, bounds = Decimal(contract.monthly_fee), month.bounds(self._zone)
        parts = [_seconds_in_force(version, *bounds) for version in self._asked.versions]
        own = _seconds_in_force(contract, *bounds)
        if own == sum(parts) or not own:
            return fee
        return (fee * own / sum(parts)).quantize(_CENT, ROUND_HALF_EVEN)

    def _rolls(self) -> bool:
        credit = self._credit
        return credit is not None and not (credit.cap_12_months_percent is None and credit.cap_12_months_amount is None)

    def _begun(self, month: Month) -> bool:
        begins, ends = month.bounds(self._zone)
        return begins < self._now and _in_force(self._contract, begins, min(ends, self._now))


def _same(contract: Contract, promised: Promised) -> Promised | None:
    """The clause of the same number and kind in a version of the agreement."""
    wanted = (promised.ref.id, promised.ref.kind)
    return next((one for one in contract.promises if (one.ref.id, one.ref.kind) == wanted), None)


def _by_month(credited: Iterable[Prior], window: Month) -> tuple[Prior, ...]:
    """What was credited before a window, each month once.

    What an earlier version was credited in the window's own month is put to the month before: facts know only months
    before the window as earlier ones, and any of the last eleven weighs the same under a cap.
    """
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for one in credited:
        month = str(window.preceding()) if one.month == str(window) else one.month
        fee, credit = sums.get(month, (Decimal(0), Decimal(0)))
        sums[month] = (fee + one.fee, credit + one.credit)
    return tuple(Prior(month, *both) for month, both in sorted(sums.items()))


def _in_force(contract: Contract, begins: datetime, ends: datetime) -> bool:
    return _seconds_in_force(contract, begins, ends) > 0


def _seconds_in_force(contract: Contract, begins: datetime, ends: datetime) -> int:
    from_s = max(contract.effective_from_s, int(begins.timestamp()))
    return max(0, min(contract.effective_until_s, -int(-ends.timestamp() // 1)) - from_s)


def _moment(time_s: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(seconds=time_s)).astimezone(zone)


def _totals(results: Sequence[ClauseResult]) -> tuple[Total, ...]:
    """What each side owes, by currency, both sides named even where one owes nothing."""
    owed: dict[tuple[OwedBy, str], Decimal] = {}
    for clause in results:
        for window in clause.windows:
            key = (clause.owed_by, window.currency)
            owed[key] = owed.get(key, _NOTHING) + Decimal(window.credit)
    currencies = sorted({currency for _, currency in owed})
    return tuple(
        Total(side, f"{owed.get((side, currency), _NOTHING):f}", currency) for currency in currencies for side in _SIDES
    )


def _net(totals: Sequence[Total]) -> tuple[Total, ...]:
    """What is left when both are set off against each other."""
    found = []
    for currency in sorted({total.currency for total in totals}):
        amounts = {total.owed_by: Decimal(total.amount) for total in totals if total.currency == currency}
        difference = amounts["hub"] - amounts["partner"]
        if difference:
            found.append(Total("hub" if difference > 0 else "partner", f"{abs(difference):f}", currency))
    return tuple(found)


def _text(value: Decimal) -> str:
    """Decimal text without an exponent."""
    return f"{value:f}"
