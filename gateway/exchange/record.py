"""record: write it down. An outcome becomes an audit entry; without a receipt for it there is no data."""

from msgspec import UNSET

from contracts.plan import Contract, Plan
from gateway.audit.leaf import Exchange
from gateway.exchange.arrival import Arrival
from gateway.exchange.outcome import Outcome
from gateway.oauth.grant import Grant

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def entry_of(
    arrival: Arrival, grant: Grant, contract: Contract | None, plan: Plan | None, outcome: Outcome, *, now_ns: int
) -> Exchange:
    """What the log says of an exchange. A method that HTTP does not define is recorded as OTHER: it is free text."""
    return Exchange(
        time_us=arrival.time_us,
        request_id=arrival.request_id,
        partner=grant.partner,
        client=grant.client,
        agreement=contract.agreement if contract else "",
        version=contract.version if contract else "",
        contract=contract.hash if contract else "",
        plan=plan.id if plan else "",
        product=plan.product if plan else "",
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
    )
