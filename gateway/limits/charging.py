"""What the calls of a plan are held against: its limits with their counters' keys, as allowances and measures change
them. Made once for a plan and a client, and made again when what is granted or imposed changes."""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from contracts.bounds import policy_header
from contracts.plan import Plan
from policies.limit import AMOUNT_MAX, Charge, InFlight, Limit, Quota, Rate
from policies.reference import ClauseRef

_KNOWN_MAX = 20_000
_NEVER_US = 2**63 - 1

Action: TypeAlias = Literal["throttle", "suspend"]


class Allowance(Struct, frozen=True):
    """So much more than a clause says, until `until_us` (Unix microseconds), for one agreement."""

    agreement: str
    clause: str
    extra: int
    until_us: int


class Measure(Struct, frozen=True):
    """What a person confirmed under a clause of kind anomaly, until `until_us`: for one object of an agreement."""

    agreement: str
    clause: str
    product: str
    until_us: int


class Charged(Struct, frozen=True, gc=False):
    """`admission` is decided before the backend is asked, `settlement` after masking: (counter's key, quota).

    `holding`: something of `admission` is in flight until the exchange ends. `suspended`: by this clause nothing is
    admitted at all. `policy` is the RateLimit-Policy field where the limits are not those of the contract alone.
    """

    admission: tuple[Charge, ...]
    settlement: tuple[tuple[str, Quota], ...]
    holding: bool
    suspended: ClauseRef | None
    policy: tuple[tuple[bytes, bytes], ...]


class Charging:
    """Knows what is granted and imposed now. Belongs to one thread, the event loop's."""

    def __init__(self) -> None:
        self._allowances: Mapping[tuple[str, str], tuple[Allowance, ...]] = {}
        self._measures: Mapping[tuple[str, str], tuple[Measure, ...]] = {}
        self._known: dict[tuple[str, str], Charged] = {}
        self._until_us = _NEVER_US

    def adopt(self, allowances: Iterable[Allowance], measures: Iterable[Measure]) -> None:
        """From now on these are in force, and no others."""
        granted: dict[tuple[str, str], tuple[Allowance, ...]] = {}
        for allowance in allowances:
            key = (allowance.agreement, allowance.clause)
            granted[key] = (*granted.get(key, ()), allowance)
        imposed: dict[tuple[str, str], tuple[Measure, ...]] = {}
        for measure in measures:
            place = (measure.agreement, measure.product)
            imposed[place] = (*imposed.get(place, ()), measure)
        self._allowances, self._measures = granted, imposed
        self._known, self._until_us = {}, _NEVER_US

    def of(self, plan: Plan, client: str, time_us: int) -> Charged:
        """What a call of this client on this plan, at this time, is held against."""
        if time_us >= self._until_us or len(self._known) >= _KNOWN_MAX:
            self._known, self._until_us = {}, _NEVER_US
        key = (plan.id, client)
        charged = self._known.get(key)
        if charged is None:
            charged = self._known[key] = self._charged(plan, client, time_us)
        return charged

    def limits(self, plan: Plan, time_us: int) -> tuple[Limit, ...]:
        """The plan's limits as they are now."""
        return tuple(self._raised(plan, limit, time_us) for limit in plan.limits) + self._throttles(plan, time_us)

    def _charged(self, plan: Plan, client: str, time_us: int) -> Charged:
        limits = self.limits(plan, time_us)
        keyed = [(counter(limit, client), limit) for limit in limits]
        return Charged(
            admission=tuple(Charge(key, limit, limit.cost) for key, limit in keyed),
            settlement=tuple(
                (key, limit) for key, limit in keyed if isinstance(limit, Quota) and limit.unit != "calls"
            ),
            holding=any(isinstance(limit, InFlight) for _, limit in keyed),
            suspended=self._suspended(plan, time_us),
            policy=() if limits == plan.limits else policy_header(limits),
        )

    def _raised(self, plan: Plan, limit: Limit, time_us: int) -> Limit:
        extra = 0
        for allowance in self._allowances.get((plan.contract.agreement, limit.clause.id), ()):
            if time_us < allowance.until_us:
                extra += allowance.extra
                self._until_us = min(self._until_us, allowance.until_us)
        return replace(limit, limit=min(limit.limit + extra, AMOUNT_MAX)) if extra else limit

    def _in_force(self, plan: Plan, time_us: int, action: Action) -> Iterable[tuple[ClauseRef, int, int]]:
        """(clause, calls, window) of the measures on this plan. One whose clause is gone binds nobody any more."""
        for measure in self._measures.get((plan.contract.agreement, plan.resource), ()):
            if time_us >= measure.until_us:
                continue
            self._until_us = min(self._until_us, measure.until_us)
            for anomaly in plan.anomalies:
                if anomaly.clause.id == measure.clause and anomaly.action == action:
                    yield anomaly.clause, anomaly.calls, anomaly.window_ns

    def _throttles(self, plan: Plan, time_us: int) -> tuple[Rate, ...]:
        found: dict[str, Rate] = {}  # by key: two measures under one clause are one limit
        for clause, calls, window_ns in self._in_force(plan, time_us, "throttle"):
            key = f"{clause.agreement}/{clause.id}/{plan.resource}"
            found[key] = Rate(
                clause=clause,
                key=key,
                per="partner",
                limit=calls,
                on_outage="local",
                window_ns=window_ns,
                burst=calls,
            )
        return tuple(found.values())

    def _suspended(self, plan: Plan, time_us: int) -> ClauseRef | None:
        return next((clause for clause, _, _ in self._in_force(plan, time_us, "suspend")), None)


def counter(limit: Limit, client: str) -> str:
    """The counter that a call of this client is held against."""
    return f"{limit.key}@{client}" if limit.per == "client" else limit.key
