"""What a notice changes in months that have begun, from the audit log: every clause settled with and without it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from contracts.plan import Contract, Plans, Promised
from gateway.notices.effects import Effect, SettledClause, effect_of
from gateway.notices.facts import NoticeFacts, notice_facts
from gateway.notices.known import Announced, Known
from gateway.notices.windows import Bounds, windows_of
from gateway.sla.facts import traffic_facts
from gateway.sla.ledger import Ledger
from policies.calendar_window import window_of
from policies.kinds.interruption import InterruptionClause

_SECOND_US = 1_000_000


def months_changed(notice: Announced, contract: Contract, now_us: int) -> list[Bounds]:
    """The months, in the agreement's zone, in which a notice leaves out time that has passed already; Unix
    microseconds."""
    term = (contract.effective_from_s * _SECOND_US, min(contract.effective_until_s * _SECOND_US, now_us))
    found: list[Bounds] = []
    for window in windows_of([notice], contract, term):
        at_us = window.from_us
        while window.counts and at_us < window.until_us:
            from_s, until_s = window_of("month", contract.time_zone, at_us)
            if (month := (from_s * _SECOND_US, until_s * _SECOND_US)) not in found:
                found.append(month)
            at_us = until_s * _SECOND_US
    return found


def effects_of(
    notice: Announced, known: Known, contracts: Iterable[Contract], plans: Plans, ledger: Ledger, *, now_us: int
) -> tuple[Effect, ...]:
    """Each clause and month that comes out otherwise with a notice among what is `known` than without it.

    Fees are those of the agreement; credits of earlier months, which rolling caps look at, are left out of both.
    """
    found: list[Effect] = []
    for contract in contracts:
        months = months_changed(notice, contract, now_us)
        before = notice_facts(known, contract, plans)
        after = before.including(notice)
        cause = {window.cause for month in months for window in windows_of([notice], contract, month)}
        touched = [
            promised
            for promised in contract.promises
            if cause & set(promised.clause.exclude) or isinstance(promised.clause, InterruptionClause)
        ]
        for month in months:
            was, now = (list(_settled(facts, touched, month, ledger, now_us)) for facts in (before, after))
            found += effect_of(was, now)
    return tuple(found)


def _settled(
    facts: NoticeFacts, touched: Iterable[Promised], month: Bounds, ledger: Ledger, now_us: int
) -> Iterator[SettledClause]:
    contract = facts.contract
    name = f"{datetime.fromtimestamp(month[0] // _SECOND_US, ZoneInfo(contract.time_zone)):%Y-%m}"
    for promised in touched:
        counted = traffic_facts(
            ledger.tally.of(contract),
            ledger.presence,
            contract,
            promised,
            from_us=month[0],
            until_us=month[1],
            now_us=now_us,
            excluded=facts.excluded(promised.clause, month),
        )
        if counted is None:  # not in force in that month
            continue
        filled = facts.filled(counted, promised.clause, month, now_us)
        yield SettledClause(promised.ref, name, promised.clause.settle(filled))
