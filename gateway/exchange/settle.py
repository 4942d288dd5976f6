"""settle: what was shown is counted, after masking and before anything leaves. A page that would cross a quota of
records, bytes or people is cut at it: the backend is asked again for as many records as fit, so that the cursor of the
shorter page leads to the very next record. Nothing is charged but for what goes out.
"""

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from msgspec import UNSET, Struct
from msgspec.structs import replace

from adapters.base import Query
from contracts.plan import Plan
from gateway.audit.sidecar import Subject
from gateway.exchange.admit import note, verdict_of
from gateway.exchange.caller import Caller
from gateway.exchange.outcome import Outcome, problem, together
from gateway.exchange.shape import Shown, subjects_of
from gateway.limits.charging import Charging
from policies.clause import Granted, Refused
from policies.limit import Charge, Decision, Limit, Limiter, Moment, Quota

_TRIES = 3
"""A page cut at a quota may not fit when it is asked for again: others draw on the quota, and data change."""

Handle: TypeAlias = Callable[[Subject], bytes]
"""Names a person to the counters without saying who it is."""
Ask: TypeAlias = Callable[[Query], Awaitable[tuple[Shown, Outcome] | Outcome]]
"""Asks the backend and masks its answer."""


class Settling(Struct, frozen=True):
    """Who counts, and how people are named to it."""

    charging: Charging
    limiter: Limiter
    handle: Handle

    async def fitted(
        self, plan: Plan, caller: Caller, asked: tuple[Query, Limit | None], ask: Ask, at: Moment
    ) -> tuple[Shown, Outcome] | Outcome:
        """What `ask` gives, counted; fewer records where a quota allows no more, or refused where it allows none.

        `asked` is the query with the limit that made it ask for fewer records than the caller did, None when none did.
        """
        query, cut = asked
        settlement = self.charging.of(plan, caller.grant.client, at.time_us).settlement
        found = await ask(query)
        if not settlement:
            return found
        for _ in range(_TRIES):
            if isinstance(found, Outcome) or not found[1].body:
                return found  # nothing is shown: a problem, or what the caller has already (304)
            shown, outcome = found
            decision = await self.limiter.decide(self._charges(settlement, outcome, shown.people), at)
            note(caller, decision)
            if decision.bound is None:
                return shown, _counted(outcome, decision, cut if shown.next is not None else None)
            fits = 0 if decision.unavailable or query.key is not None else self._fits(plan, shown, outcome, decision)
            if fits == 0:
                return _refused(decision)
            cut = decision.bound
            found = await ask(replace(query, limit=fits))
        return _refused(decision)

    async def counted(self, plan: Plan, caller: Caller, outcome: Outcome, at: Moment) -> Outcome:
        """The answer of a change, counted; without its data, but still done, where a quota allows no more."""
        settlement = self.charging.of(plan, caller.grant.client, at.time_us).settlement
        if not settlement or outcome.body is UNSET or not outcome.body:
            return outcome
        people = outcome.disclosed.people if outcome.disclosed is not None else frozenset()
        decision = await self.limiter.decide(self._charges(settlement, outcome, people), at)
        note(caller, decision)
        if decision.bound is None:
            return _counted(outcome, decision, None)
        status = 204 if outcome.status == 200 else outcome.status
        clause, observed = decision.bound.clause, tuple(limit.clause.id for limit in decision.observed)
        return Outcome(status, body=b"", clause=clause, headers=(_cut(clause.id),), observed=observed)

    def _charges(
        self, settlement: Sequence[tuple[str, Quota]], outcome: Outcome, people: AbstractSet[Subject]
    ) -> list[Charge]:
        """What goes out, in the unit of each quota."""
        amounts = {"records": outcome.records, "bytes": 0 if outcome.body is UNSET else len(outcome.body)}
        charges = []
        for key, quota in settlement:
            if quota.unit == "subjects":
                members = frozenset(map(self.handle, people))
                charges.append(Charge(key, quota, outcome.subjects - len(people), members))
            else:
                charges.append(Charge(key, quota, amounts[quota.unit]))
        return charges

    def _fits(self, plan: Plan, shown: Shown, outcome: Outcome, decision: Decision) -> int:
        """How many of the records, from the first, fit into every quota that refuses. Less than all of them."""
        fits = len(shown.records) - 1
        for standing in decision.standings:
            quota = standing.limit
            if quota.enforce == "observe" or not isinstance(quota, Quota):
                continue
            if quota.unit == "records":
                fits = min(fits, standing.remaining)
            elif quota.unit == "bytes":
                fits = min(fits, _of_bytes(plan, shown, outcome, standing.remaining))
            elif quota.unit == "subjects":
                people = [None if one is None else self.handle(one) for one in subjects_of(plan, shown)]
                fits = min(fits, _of_people(people, standing.known, standing.remaining))
        return fits


def narrowed(query: Query, granted: Granted) -> tuple[Query, Limit | None]:
    """The query for no more records than their quotas leave, and the one that leaves fewer than were asked for.

    A page that is cut before the backend is asked costs one question only.
    """
    tightest = granted.records
    if tightest is None or query.key is not None or tightest.remaining >= query.limit:
        return query, None
    return replace(query, limit=max(1, tightest.remaining)), tightest.limit


def _of_bytes(plan: Plan, shown: Shown, outcome: Outcome, remaining: int) -> int:
    """Records whose bytes fit, with what stands around them."""
    sizes = [len(plan.mask.encode(record)) + 1 for record in shown.records]
    body = 0 if outcome.body is UNSET else len(outcome.body)
    left = remaining - max(0, body - sum(sizes))
    fits = 0
    for size in sizes:
        left -= size
        if left < 0:
            break
        fits += 1
    return fits


def _of_people(people: Sequence[bytes | None], known: AbstractSet[bytes], remaining: int) -> int:
    """Records, from the first, about at most `remaining` people who are not counted yet."""
    seen = set(known)
    for number, person in enumerate(people):
        if person is not None and person in seen:
            continue
        remaining -= 1
        if remaining < 0:
            return number
        if person is not None:
            seen.add(person)
    return len(people)


def _counted(outcome: Outcome, decision: Decision, cut: Limit | None) -> Outcome:
    headers = () if cut is None else (_cut(cut.clause.id),)
    return replace(
        outcome,
        headers=outcome.headers + headers,
        clause=outcome.clause if cut is None else cut.clause,
        observed=together(outcome.observed, tuple(limit.clause.id for limit in decision.observed)),
        uncounted=together(outcome.uncounted, tuple(limit.clause.id for limit in decision.uncounted)),
    )


def _refused(decision: Decision) -> Outcome:
    verdict = verdict_of(decision)
    assert isinstance(verdict, Refused)  # noqa: S101 - narrows the type
    return problem(verdict.reason, verdict.clause, verdict.headers, observed=verdict.observed)


def _cut(clause: str) -> tuple[bytes, bytes]:
    """Says that there was more, and which clause held it back."""
    return b"clausegate-cut", f'"{clause}"'.encode()
