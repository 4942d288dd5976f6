"""What a partner's tokens may say right now: the operations that its agreements in force give, and on what terms."""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from msgspec import Struct

from contracts.agreement import HUB
from contracts.plan import Contract, Plans, ServicePlan
from policies.clause import Authentication
from policies.reference import ClauseRef

PARTNER_SCOPE: Final = "partner"
"""What a partner does for itself below /partner/. Every partner has it, also one whose agreements have ended or are
suspended: it still reads its statements and looks after its credentials."""


class Right(Struct, frozen=True, gc=False):
    """One operation that an agreement in force gives. All of `authentication` has to hold for whoever is to have it."""

    agreement: str
    version: str
    product: str
    action: str
    scope: str
    purposes: frozenset[str]
    authentication: tuple[Authentication, ...] = ()


RightsOf: TypeAlias = Callable[[str, float], tuple[Right, ...]]
"""By partner id and time (Unix seconds)."""
Suspended: TypeAlias = Callable[[Contract], ClauseRef | None]


def rights_of(plans: Plans, suspended: Suspended, partner: str, now_s: float) -> tuple[Right, ...]:
    """Of agreements that are in force at `now_s` and not suspended; for HUB, what it may call of partners."""
    if partner == HUB:
        return tuple(
            _to_call(call)
            for calls in plans.calls.values()
            for call in calls
            if _holds(call.contract, suspended, now_s)
        )
    return tuple(
        Right(
            plan.contract.agreement,
            plan.contract.version,
            plan.product,
            plan.operation,
            plan.scope,
            frozenset(plan.purposes),
            plan.authentication,
        )
        for plan in plans.all_plans()
        if plan.contract.partner == partner and _holds(plan.contract, suspended, now_s)
    )


def own_right(plans: Plans, partner: str, now_s: float) -> Right | None:
    """What a partner does for itself, by PARTNER_SCOPE; None: there is no agreement with it, or it is the hub.

    On the terms of all its agreements in force, suspended ones too, else of the last: whoever looks after credentials
    is no less known than whoever reads data.
    """
    contracts = plans.of_partner(partner)
    if partner == HUB or not contracts:
        return None
    in_force = [each for each in contracts if each.effective_from_s <= now_s < each.effective_until_s]
    binding = {each.hash for each in in_force or contracts[-1:]}
    terms = {
        (each.clause.agreement, each.clause.id): each
        for plan in plans.all_plans()
        if plan.contract.hash in binding
        for each in plan.authentication
    }
    last = (in_force or contracts)[-1]
    return Right(
        last.agreement, last.version, PARTNER_SCOPE, PARTNER_SCOPE, PARTNER_SCOPE, frozenset(), tuple(terms.values())
    )


def fitting(rights: Iterable[Right], method: str, binding: str) -> tuple[Right, ...]:
    """Those that a client may have that authenticates by `method` and binds its token to `binding`."""
    return tuple(
        right
        for right in rights
        if all(method in each.methods and binding in each.bindings for each in right.authentication)
    )


def _holds(contract: Contract, suspended: Suspended, now_s: float) -> bool:
    return contract.effective_from_s <= now_s < contract.effective_until_s and suspended(contract) is None


def _to_call(call: ServicePlan) -> Right:
    contract = call.contract
    return Right(contract.agreement, contract.version, call.service, call.operation.name, call.scope, frozenset())
