"""What a notice changes in windows that have begun already: each clause's figure and credit, before and after. Pure."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from policies.reference import ClauseRef
from policies.settling.facts import FactFault
from policies.settling.settled import Settled

Outcome: TypeAlias = Settled | FactFault


class SettledClause(Struct, frozen=True):
    """One clause over one window, such as 2026-10."""

    ref: ClauseRef
    window: str
    outcome: Outcome


class Effect(Struct, frozen=True):
    """One clause over one window that a notice changes. Figures are None where nothing can be said."""

    agreement: str
    version: str
    clause: str
    kind: str
    window: str
    unit: str
    measured_before: str | None
    measured_after: str | None
    verdict_before: str
    verdict_after: str
    credit_before: Decimal
    credit_after: Decimal
    currency: str


Settling: TypeAlias = Callable[[], Iterable[SettledClause]]
"""Settles the windows that are looked at."""


def effect_of(before: Iterable[SettledClause], after: Iterable[SettledClause]) -> tuple[Effect, ...]:
    """The clauses and windows that come out otherwise, in the order of `after`."""
    earlier = {_key(each): each for each in before}
    found = []
    for each in after:
        was = earlier.get(_key(each))
        if was is not None and _figures(was.outcome) != _figures(each.outcome):
            found.append(_effect(was, each))
    return tuple(found)


def _key(each: SettledClause) -> tuple[str, str, str, str]:
    return each.ref.agreement, each.ref.version, each.ref.id, each.window


def _figures(outcome: Outcome) -> tuple[str | None, str, Decimal, str, str]:
    if isinstance(outcome, FactFault):
        return None, "unknown", Decimal(0), "", ""
    return outcome.measured, outcome.verdict, outcome.credit, outcome.unit, outcome.currency


def _effect(was: SettledClause, now: SettledClause) -> Effect:
    before, after = _figures(was.outcome), _figures(now.outcome)
    return Effect(
        agreement=now.ref.agreement,
        version=now.ref.version,
        clause=now.ref.id,
        kind=now.ref.kind,
        window=now.window,
        unit=after[3] or before[3],
        measured_before=before[0],
        measured_after=after[0],
        verdict_before=before[1],
        verdict_after=after[1],
        credit_before=before[2],
        credit_after=after[2],
        currency=after[4] or before[4],
    )
