"""How every limit of a partner stands, row by row: its counter, what it says, what is granted, what is left."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from contracts.plan import Plan, Plans
from gateway.limits.charging import Charging, counter
from gateway.store.allowances import GrantedAllowance
from policies.gate import Held
from policies.limit import Charge, InFlight, Limit, Quota, Rate, Standing

_SECOND_NS = 1_000_000_000
_SECOND_US = 1_000_000


class LimitRow(Struct, frozen=True, kw_only=True):
    """One counter of one clause.

    `kind` is rate, quota or in-flight. A rate has `window_s`, a quota `period` and `zone`. `counter` is the client or
    the operation that it counts, "" where there is one for the partner. `limit` holds what is granted for a time, of
    which `extra` is so much, until `extra_until_us`. `used` and `left` are None where nobody can know; `used` is no
    more than the limit, `resets_in_s` the time until there is more, 0 when nothing is used. `measure`: it binds
    because a finding was confirmed.
    """

    agreement: str
    clause: str
    kind: str
    unit: str
    per: str
    counter: str
    limit: int
    used: int | None
    left: int | None
    resets_in_s: int | None
    enforce: str
    on_outage: str
    window_s: int | None = None
    period: str | None = None
    zone: str | None = None
    extra: int = 0
    extra_until_us: int | None = None
    measure: bool = False


class GateRow(Struct, frozen=True):
    """A clause that lets calls pass by what they are. `open_now` is None where it depends on the call."""

    agreement: str
    clause: str
    kind: str
    enforce: str
    open_now: bool | None
    opens_in_s: int | None
    text: str


class Asked(Struct, frozen=True):
    """A counter to ask for, and what its row says besides: `own` is the limit as its clause has it."""

    charge: Charge
    own: int
    counter: str
    measure: bool


def current_plans(plans: Plans, partner: str, agreement: str | None, now_s: int) -> tuple[Plan, ...]:
    """The plans of a partner's agreements in force, or of one of them."""
    return tuple(
        plan
        for plan in plans.all_plans()
        if plan.contract.partner == partner
        and plan.contract.effective_from_s <= now_s < plan.contract.effective_until_s
        and agreement in (None, plan.contract.agreement)
    )


def counters_of(plans: Iterable[Plan], clients: Sequence[str], charging: Charging, now_us: int) -> tuple[Asked, ...]:
    """Every counter that calls of these clients are held against, each once, in the order of the clauses."""
    found: dict[str, Asked] = {}
    for plan in plans:
        own = {limit.key: limit.limit for limit in plan.limits}
        for limit in charging.limits(plan, now_us):
            for key, name in _keys(plan, limit, clients):
                measure = limit.key not in own
                found.setdefault(
                    key, Asked(Charge(key, limit, 0), limit.limit if measure else own[limit.key], name, measure)
                )
    return tuple(found.values())


def limit_rows(
    asked: Iterable[Asked], standings: Iterable[Standing | None], granted: Sequence[GrantedAllowance], now_us: int
) -> tuple[LimitRow, ...]:
    """A row for each counter; a standing of None is one that nobody can know."""
    return tuple(_row(each, standing, granted, now_us) for each, standing in zip(asked, standings, strict=True))


def gate_rows(plans: Iterable[Plan], now_us: int) -> tuple[GateRow, ...]:
    """A row for each gate, each clause once."""
    found: dict[tuple[str, str], GateRow] = {}
    for plan in plans:
        for gate in plan.gates:
            clause = gate.clause
            timed = clause.kind == "access_hours"
            held: Held | None = gate.check(_Now(now_us)) if timed else None
            found.setdefault(
                (clause.agreement, clause.id),
                GateRow(
                    clause.agreement,
                    clause.id,
                    clause.kind,
                    gate.enforce,
                    held is None if timed else None,
                    held.retry_after_s if held is not None else None,
                    clause.text["en"],
                ),
            )
    return tuple(found.values())


class _Now(Struct, frozen=True):
    """A call of which nothing is known but its time."""

    time_us: int
    purpose: bytes | None = None
    source: str = ""


def _keys(plan: Plan, limit: Limit, clients: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(counter's key, whose it is)."""
    if limit.per == "client":
        yield from ((counter(limit, client), client) for client in clients)
    elif limit.per == "operation":
        yield limit.key, f"{plan.operation} {plan.resource}"
    else:
        yield limit.key, ""


def _row(asked: Asked, standing: Standing | None, granted: Sequence[GrantedAllowance], now_us: int) -> LimitRow:
    limit, clause = asked.charge.limit, asked.charge.limit.clause
    ends = [
        each.until_us
        for each in granted
        if (each.agreement, each.clause) == (clause.agreement, clause.id) and each.in_force(now_us)
    ]
    return LimitRow(
        agreement=clause.agreement,
        clause=clause.id,
        kind=_KINDS[type(limit)],
        unit=limit.unit if isinstance(limit, Quota) else "calls",
        per=limit.per,
        counter=asked.counter,
        limit=limit.limit,
        used=None if standing is None else max(0, limit.limit - standing.remaining),
        left=None if standing is None else standing.remaining,
        resets_in_s=None if standing is None else -(-standing.reset_ns // _SECOND_NS),
        enforce=limit.enforce,
        on_outage=limit.on_outage,
        window_s=limit.window_ns // _SECOND_NS if isinstance(limit, Rate) else None,
        period=limit.period if isinstance(limit, Quota) else None,
        zone=limit.zone if isinstance(limit, Quota) else None,
        extra=limit.limit - asked.own,
        extra_until_us=min(ends) if ends and not asked.measure else None,
        measure=asked.measure,
    )


_KINDS: dict[type[Limit], str] = {Rate: "rate", Quota: "quota", InFlight: "in-flight"}
