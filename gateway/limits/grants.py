"""What may be granted: which clauses count, how much and for how long, and the reason that has to be given."""

from datetime import datetime, timedelta
from typing import Final
from unicodedata import category
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from contracts.plan import Contract, Plans
from gateway.audit.period import PeriodFault, moment
from policies.limit import AMOUNT_MAX

EXTRA_MAX: Final = AMOUNT_MAX
UNTIL_MAX: Final = timedelta(days=366)
REASON_CHARACTERS_MAX: Final = 500
_SECOND_US: Final = 1_000_000


class Unfit(Struct, frozen=True):
    """Why that cannot be granted, or imposed; for the operator."""

    message: str


def agreement_for(plans: Plans, partner: str, clause: str, agreement: str | None, now_s: int) -> Contract | Unfit:
    """The agreement of a partner whose clause counts something: the version in force, else the next one."""
    current = [each for each in plans.of_partner(partner) if now_s < each.effective_until_s]
    if agreement is not None:
        current = [each for each in current if each.agreement == agreement]
        if not current:
            return Unfit(f"{partner} has no agreement {agreement} in force or to come")
    elif not current:
        return Unfit(f"{partner} has no agreement in force or to come")
    counting = [each for each in current if clause in counted_clauses(plans, each)]
    if not counting:
        return Unfit(_not_counted(plans, current, clause))
    names = sorted({each.agreement for each in counting})
    if len(names) > 1:
        return Unfit(f"clause {clause} counts in several agreements: name one by --agreement: {', '.join(names)}")
    return counting[0]


def counted_clauses(plans: Plans, contract: Contract) -> tuple[str, ...]:
    """The numbers of an agreement's clauses that are counted limits, in its order."""
    counted = {
        limit.clause.id
        for plan in plans.all_plans()
        if (plan.contract.agreement, plan.contract.version) == (contract.agreement, contract.version)
        for limit in plan.limits
    }
    return tuple(clause.id for clause in contract.clauses if clause.id in counted)


def _not_counted(plans: Plans, contracts: list[Contract], clause: str) -> str:
    counted = sorted({name for each in contracts for name in counted_clauses(plans, each)})
    those = f"those that do: {', '.join(counted)}" if counted else "none does"
    kinds = {each.kind for contract in contracts for each in contract.clauses if each.id == clause}
    if not kinds:
        return f"there is no clause {clause}; of the clauses that count, {those}"
    if kinds == {"anomaly"}:
        return f"clause {clause} binds only by a measure: `clausegate findings lift` ends one"
    kind = ", ".join(sorted(kinds))
    return f"clause {clause} ({kind}) counts nothing: change it in the agreement, by `set`; of its clauses, {those}"


def until_of(text: str, now_us: int, zone: str) -> int | Unfit:
    """A time, or a length of time from now on such as PT2H or P3D, as Unix microseconds; at most a year ahead.

    A time without an offset is one in `zone`.
    """
    if text.startswith("P"):
        try:
            until_us = now_us + msgspec.convert(text, timedelta) // timedelta(microseconds=1)
        except (msgspec.ValidationError, OverflowError):
            return Unfit(f"{text!r} is no length of time: write PT2H, PT90M or P3D")
    else:
        found = moment(text, ZoneInfo(zone))
        if isinstance(found, PeriodFault):
            return Unfit(f"{found.message}, or a length of time such as PT2H")
        until_us = found
    if until_us <= now_us:
        return Unfit(f"{text} is over: an allowance ends in the future")
    if until_us - now_us > UNTIL_MAX // timedelta(microseconds=1):
        ahead = datetime.fromtimestamp(until_us // _SECOND_US, ZoneInfo(zone)).date() if until_us < 2**53 else text
        return Unfit(f"{ahead} is more than a year ahead: what is to last longer belongs into the agreement")
    return until_us


def reason_fault(reason: str) -> Unfit | None:
    """Reasons are kept and shown: there has to be one, of one line."""
    if not reason.strip():
        return Unfit("a reason has to be given: it is kept, and the log commits to it")
    if len(reason) > REASON_CHARACTERS_MAX:
        return Unfit(f"a reason has at most {REASON_CHARACTERS_MAX} characters")
    if any(category(character)[0] == "C" for character in reason):
        return Unfit("a reason is one line without control characters")
    return None
