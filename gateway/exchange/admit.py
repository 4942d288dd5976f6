"""admit: may they, now? Scope, what the token is bound and narrowed to, dates, gates, then all limits at once."""

from contracts.plan import Plan
from gateway.exchange.caller import Caller
from gateway.exchange.details import covered
from gateway.limits.charging import Charging
from gateway.oauth.grant import Grant
from policies.clause import Granted, Refused, Verdict
from policies.gate import Call
from policies.limit import Decision, Limiter, Moment, Quota, Standing
from policies.reference import ClauseRef

_SECOND_NS = 1_000_000_000
_OUTAGE_RETRY_S = 1


async def admit(
    plan: Plan, caller: Caller, charging: Charging, limiter: Limiter, suspended: ClauseRef | None = None
) -> Verdict:
    """Decide. Limits come last, so that a call refused for another reason is not counted. `suspended`: the clause under
    which the collaboration is interrupted, None where it goes on."""
    contract, grant, arrival = plan.contract, caller.grant, caller.arrival
    beyond = beyond_grant(plan, grant, arrival.purpose)
    if beyond is not None:
        return beyond
    if not contract.effective_from_s <= arrival.time_us // 1_000_000 < contract.effective_until_s:
        return Refused(contract.effective_clause, "not-in-force")
    if suspended is not None:
        return Refused(suspended, "suspended")
    observed = passed(plan, arrival)
    if isinstance(observed, Refused):
        return observed
    charged = charging.of(plan, grant.client, arrival.time_us)
    if charged.suspended is not None:
        return Refused(charged.suspended, "suspended")
    if not charged.admission:
        return Granted(observed=observed)
    caller.policy = charged.policy
    at, hold = Moment(arrival.time_us, arrival.start_ns), ""
    if charged.holding:
        caller.held, hold = charged.admission, arrival.request_id  # whoever ends here frees what may have been taken
    decision = await limiter.decide(charged.admission, at, hold)
    note(caller, decision)
    return verdict_of(decision, observed)


def beyond_grant(plan: Plan, grant: Grant, purpose: bytes | None) -> Refused | None:
    """The refusal of a call that the token is not good for; None: it is. `purpose` is the one that the call states.

    How the client authenticated was held against the agreement when the token was issued; what the token is bound to
    is held against it here as well, for the agreement may have changed since.
    """
    if plan.scope not in grant.scopes:
        return Refused(plan.contract.products_clause, "insufficient-scope", headers=(_scope_challenge(plan, grant),))
    for each in plan.authentication:
        if grant.binding not in each.bindings:
            return Refused(each.clause, "authentication-not-admitted")
    if grant.details is not None and not covered(grant.details, plan, purpose):
        challenge = _scope_challenge(plan, grant)
        return Refused(plan.contract.products_clause, "beyond-authorization-details", headers=(challenge,))
    return None


def passed(plan: Plan, call: Call) -> tuple[str, ...] | Refused:
    """The numbers of the clauses whose gates only watch and would have held it, or the refusal of the first that does
    hold it."""
    observed: tuple[str, ...] = ()
    for gate in plan.gates:
        held = gate.check(call)
        if held is None:
            continue
        if gate.enforce == "refuse":
            return Refused(gate.clause, held.reason, held.retry_after_s, _retry(held.retry_after_s))
        observed += (gate.clause.id,)
    return observed


def verdict_of(decision: Decision, observed: tuple[str, ...] = ()) -> Verdict:
    """What a decision means for a call; `observed` are clauses that would have refused it and only watch."""
    bound = decision.bound
    observed += tuple(limit.clause.id for limit in decision.observed)
    if bound is None:
        return Granted(
            observed=observed,
            uncounted=tuple(limit.clause.id for limit in decision.uncounted),
            records=min(filter(_binds_records, decision.standings), key=_remaining, default=None),
        )
    if decision.unavailable:
        return Refused(bound.clause, "limiter-unavailable", _OUTAGE_RETRY_S, _retry(_OUTAGE_RETRY_S), observed)
    wait_s = -(-decision.wait_ns // _SECOND_NS)
    return Refused(bound.clause, bound.reason, wait_s, _retry(wait_s), observed)


def note(caller: Caller, decision: Decision) -> None:
    """Keep what the RateLimit field is to say: of limits decided about twice in an exchange, the second counts.

    Of the one that refused nothing is left, and `t` is what Retry-After says. Limits that only watch are not listed:
    they do not bind the caller. Those of a store that cannot be reached are not known.
    """
    if decision.unavailable:
        return
    for standing in decision.standings:
        limit = standing.limit
        if limit.enforce == "observe":
            continue
        remaining, reset_ns = standing.remaining, standing.reset_ns
        if limit is decision.bound:
            remaining, reset_ns = 0, decision.wait_ns
        stated = b'"%b";r=%d;t=%d' % (limit.clause.id.encode(), remaining, -(-reset_ns // _SECOND_NS))
        caller.limits[limit.key] = stated


def ratelimit(caller: Caller) -> tuple[tuple[bytes, bytes], ...]:
    """The RateLimit field (draft-ietf-httpapi-ratelimit-headers): what is left of each limit, seconds to its reset."""
    return (*caller.policy, (b"ratelimit", b", ".join(caller.limits.values()))) if caller.limits else ()


def _remaining(standing: Standing) -> int:
    return standing.remaining


def _binds_records(standing: Standing) -> bool:
    limit = standing.limit
    return isinstance(limit, Quota) and limit.unit == "records" and limit.enforce == "refuse"


def _retry(wait_s: int | None) -> tuple[tuple[bytes, bytes], ...]:
    return () if wait_s is None else ((b"retry-after", str(wait_s).encode()),)


def _scope_challenge(plan: Plan, grant: Grant) -> tuple[bytes, bytes]:
    """RFC 6750 section 3.1, in the scheme by which the token is sent (RFC 9449 section 7.1)."""
    scheme = "DPoP" if grant.binding == "dpop" else "Bearer"
    return b"www-authenticate", f'{scheme} error="insufficient_scope", scope="{plan.scope}"'.encode()
