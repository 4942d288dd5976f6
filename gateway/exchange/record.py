"""record: write it down. An outcome becomes an audit entry; without a receipt for it there is no data."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from msgspec import UNSET

from contracts.plan import Contract, Plan
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Exchange, Intent, Part
from gateway.audit.sidecar import Subject
from gateway.exchange.arrival import Arrival
from gateway.exchange.caller import Caller
from gateway.exchange.outcome import Outcome
from gateway.oauth.grant import Grant

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

Commit: TypeAlias = Callable[[bytes, Iterable[Subject]], str | LogFault]
"""Commits to data with this SHA-256 about these people (gateway/audit/sidecar.py)."""


def payload_of(commit: Commit, outcome: Outcome) -> str | LogFault:
    """The commitment to an outcome's data, "" where it has none. Data that cannot be committed to must not be sent."""
    disclosed = outcome.disclosed
    return "" if disclosed is None else commit(disclosed.digest, disclosed.people)


def entry_of(
    arrival: Arrival,
    grant: Grant,
    contract: Contract | None,
    plan: Plan | None,
    outcome: Outcome,
    *,
    payload: str,
    now_ns: int,
) -> Exchange:
    """What the log says of an exchange. A method that HTTP does not define is recorded as OTHER: it is free text.

    `payload` commits to the outcome's data, "" where it has none.
    """
    return Exchange(
        time_us=arrival.time_us,
        request_id=arrival.request_id,
        partner=grant.partner,
        client=grant.client,
        agreement=contract.agreement if contract else "",
        version=contract.version if contract else "",
        contract=contract.hash if contract else "",
        plan=plan.id if plan else "",
        product=plan.resource if plan else "",
        operation=plan.operation if plan else "",
        route=plan.route if plan else "",
        method=arrival.method if arrival.method in _METHODS else "OTHER",
        status=outcome.status,
        code=outcome.code,
        clause=outcome.clause.id if outcome.clause else "",
        latency_us=(now_ns - arrival.start_ns) // 1000,
        bytes=0 if outcome.body is UNSET else len(outcome.body),
        records=outcome.records,
        subjects=outcome.subjects,
        withheld=len(outcome.drift),
        mask=plan.mask_id if plan else "",
        payload=payload,
        observed=" ".join(outcome.observed),
        uncounted=" ".join(outcome.uncounted),
    )


def intent_of(caller: Caller, plan: Plan) -> Intent:
    """What the log says before a backend is asked to change something."""
    arrival, grant, contract = caller.arrival, caller.grant, plan.contract
    return Intent(
        time_us=arrival.time_us,
        request_id=arrival.request_id,
        partner=grant.partner,
        client=grant.client,
        agreement=contract.agreement,
        version=contract.version,
        contract=contract.hash,
        plan=plan.id,
        product=plan.resource,
        operation=plan.operation,
        route=plan.route,
        method=arrival.method,
    )


def part_of(caller: Caller, plan: Plan, number: int, outcome: Outcome, *, payload: str, time_us: int) -> Part:
    """What the log says of a further piece of an answer."""
    arrival, grant, contract = caller.arrival, caller.grant, plan.contract
    return Part(
        time_us=time_us,
        request_id=arrival.request_id,
        partner=grant.partner,
        client=grant.client,
        agreement=contract.agreement,
        version=contract.version,
        contract=contract.hash,
        plan=plan.id,
        product=plan.resource,
        operation=plan.operation,
        number=number,
        code=outcome.code,
        last=outcome.rest is None,
        bytes=0 if outcome.body is UNSET else len(outcome.body),
        records=outcome.records,
        subjects=outcome.subjects,
        withheld=len(outcome.drift),
        payload=payload,
        clause=outcome.clause.id if outcome.clause else "",
        observed=" ".join(outcome.observed),
        uncounted=" ".join(outcome.uncounted),
    )
