"""admit: may they, now? Scope, dates, purpose, then all limits in one decision."""

from collections.abc import Sequence

from contracts.plan import Plan
from gateway.exchange.arrival import Arrival
from gateway.oauth.grant import Grant
from policies.clause import Gate, Granted, Limit, Refused, Verdict
from policies.counters import Charge, Counters, Decision, Standing

_SECOND_NS = 1_000_000_000


def admit(plan: Plan, grant: Grant, arrival: Arrival, counters: Counters) -> Verdict:
    """Decide. Limits come last, so that a call refused for another reason is not counted."""
    contract = plan.contract
    if plan.scope not in grant.scopes:
        return Refused(contract.products_clause, "insufficient-scope", headers=(_scope_challenge(plan),))
    if not contract.effective_from_s <= arrival.time_us // 1_000_000 < contract.effective_until_s:
        return Refused(contract.effective_clause, "not-in-force")
    for gate in plan.gates:
        if not _passes(gate, arrival.purpose):
            return Refused(gate.clause, "purpose-not-covered")
    if not plan.limits:
        return Granted()
    return _verdict(counters.decide(charges(plan.limits, grant.client)))


def charges(limits: Sequence[Limit], client: str) -> list[Charge]:
    """The counters that a call of this client is held against."""
    return [(f"{limit.key}@{client}" if limit.per == "client" else limit.key, limit) for limit in limits]


def _passes(gate: Gate, purpose: bytes | None) -> bool:
    if purpose is None:
        return gate.when_unstated is not None
    return purpose.decode("latin-1") in gate.purposes


def _verdict(decision: Decision) -> Verdict:
    bound = decision.bound
    if bound is None:
        return Granted(((b"ratelimit", b", ".join(map(_standing, decision.standings))),))
    wait_s = -(-decision.wait_ns // _SECOND_NS)
    stated = b", ".join(
        b'"%b";r=0;t=%d' % (standing.limit.clause.id.encode(), wait_s)
        if standing.limit is bound
        else _standing(standing)
        for standing in decision.standings
    )
    headers = ((b"ratelimit", stated), (b"retry-after", str(wait_s).encode()))
    return Refused(bound.clause, "rate-limited", retry_after_s=wait_s, headers=headers)


def _standing(standing: Standing) -> bytes:
    """One member of the RateLimit field (draft-ietf-httpapi-ratelimit-headers): calls left, seconds to the reset."""
    reset_s = -(-standing.reset_ns // _SECOND_NS)
    return b'"%b";r=%d;t=%d' % (standing.limit.clause.id.encode(), standing.remaining, reset_s)


def _scope_challenge(plan: Plan) -> tuple[bytes, bytes]:
    return b"www-authenticate", f'Bearer error="insufficient_scope", scope="{plan.scope}"'.encode()
