"""Counters from the audit log: what a gateway that counts in its own process knew before it was stopped.

Every exchange that was charged is on the log. Which were is told by how they ended: `BEFORE_LIMITS` are the codes of
what ends one before its limits are asked, `BY_LIMITS` of what they refuse; any other was charged. A refusal by a quota
that is counted after masking leaves open whether the backend had been asked, and the call counted, before; it had if
anything was left of the quota then. In doubt a call was charged: a restart gives nothing away.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final, TypeAlias

from msgspec import Struct

from contracts.plan import Plan, Plans
from gateway.audit.leaf import Exchange, Part
from gateway.audit.reader import Counted, read_counted
from gateway.audit.sidecar_people import handles_of
from gateway.limits.charging import Charging
from gateway.workspace import Workspace
from policies.calendar_window import calendar_of
from policies.counters import Counters
from policies.limit import Charge, Limit, Moment, Quota, Rate

BEFORE_LIMITS: Final[frozenset[str]] = frozenset(
    {
        "missing-token",
        "invalid-token",
        "token-in-query",
        "uri-too-long",
        "headers-too-large",
        "not-found",
        "unknown-product",
        "method-not-allowed",
        "not-acceptable",
        "invalid-parameter",
        "invalid-limit",
        "invalid-cursor",
        "invalid-filter",
        "invalid-sort",
        "invalid-fields",
        "invalid-dpop-proof",
        "use-dpop-nonce",
        "insufficient-scope",
        "authentication-not-admitted",
        "beyond-authorization-details",
        "not-in-force",
        "purpose-not-covered",
        "outside-hours",
        "source-not-admitted",
        "suspended",
    }
)
"""What ends an exchange in locate, or in admit before its limits: nothing is charged."""
BY_LIMITS: Final[frozenset[str]] = frozenset(
    {"rate-limited", "quota-exceeded", "too-many-in-flight", "limiter-unavailable"}
)
"""What a decision about limits says: nothing is charged, unless it was the one after masking."""
Read: TypeAlias = Callable[[], Iterable[Counted]]
"""Reads the log from its beginning (gateway/audit/reader.py, read_counted)."""
People: TypeAlias = Callable[[set[bytes], float], Iterable[tuple[bytes, tuple[bytes, ...]]]]
"""The handles of the people whom records are about, by commitment (gateway/audit/sidecar_people.py)."""

_Place: TypeAlias = tuple[str, str, str]


class _Open(Struct, frozen=True, gc=False):
    """What the calls of a client on a plan are held against, each with the time in microseconds from which on a call
    still matters: rates, quotas of calls, and quotas of what is shown."""

    rates: tuple[tuple[int, Charge], ...]
    calls: tuple[tuple[int, Charge], ...]
    shown: tuple[tuple[int, Charge], ...]


def replay(read: Read, plans: Plans, charging: Charging, now: Moment, people: People) -> Counters:
    """Counters that stand as if this process had counted all that the log holds, by the limits as they are now.

    Reads the log once, and once more where people are counted. Raises what `read` and `people` do.
    """
    return _Replaying(plans, charging, now).run(read, people)


def replayed(workspace: Workspace, charging: Charging, now: Moment) -> Counters:
    """Counters as the log of a workspace says they stand. Blocking. Raises CorruptLogError, OSError."""
    log = workspace.settings.log_path(workspace.folder)
    sidecar = workspace.settings.sidecar_path(workspace.folder)
    if not log.is_dir():  # nothing was ever served from here
        return Counters()
    return replay(lambda: read_counted(log), workspace.plans, charging, now, partial(handles_of, sidecar))


class _Replaying:
    """One replay: the plans by what entries say of them, and what is charged in another order than it is told."""

    def __init__(self, plans: Plans, charging: Charging, now: Moment) -> None:
        self._plans: Mapping[_Place, Plan] = _held_against(plans, now.time_us // 1_000_000)
        self._charging, self._now = charging, now
        self._counters = Counters()
        self._open: dict[tuple[str, str], _Open] = {}
        self._rates: list[tuple[int, Charge]] = []
        self._handles: Mapping[bytes, tuple[bytes, ...]] = {}
        limits = [limit for plan in self._plans.values() for limit in charging.limits(plan, now.time_us)]
        self._since_us = min((self._since(limit) for limit in limits), default=now.time_us)
        self._of_people = any(isinstance(limit, Quota) and limit.unit == "subjects" for limit in limits)

    def run(self, read: Read, people: People) -> Counters:
        if self._of_people:
            wanted = {bytes.fromhex(entry.payload) for entry, held in self._answers(read) if _about_people(entry, held)}
            self._handles = dict(people(wanted, self._since_us / 1_000_000))
        for entry, held in self._answers(read):
            self._count(entry, held)
        # Windows slide over calls in the order of their times; the log has them in the order in which they ended.
        for time_us, charge in sorted(self._rates, key=lambda rate: rate[0]):
            self._counters.charge_past((charge,), self._moment(time_us))
        return self._counters

    def _answers(self, read: Read) -> Iterator[tuple[Exchange | Part, _Open]]:
        """What may have been charged in a window that is open now."""
        for entry in read():
            if not isinstance(entry, Exchange | Part) or entry.time_us < self._since_us:
                continue
            if entry.code in BEFORE_LIMITS or (isinstance(entry, Exchange) and entry.method == "OPTIONS"):
                continue
            plan = self._plans.get((entry.agreement, entry.product, entry.operation))
            if plan is not None:
                yield entry, self._open.get((plan.id, entry.client)) or self._opened(plan, entry.client)

    def _opened(self, plan: Plan, client: str) -> _Open:
        charged = self._charging.of(plan, client, self._now.time_us)
        admission = [(self._since(charge.limit), charge) for charge in charged.admission if charge.amount]
        held = self._open[plan.id, client] = _Open(
            rates=tuple(each for each in admission if isinstance(each[1].limit, Rate)),
            calls=tuple(each for each in admission if isinstance(each[1].limit, Quota)),
            shown=tuple((self._since(quota), Charge(key, quota, 0)) for key, quota in charged.settlement),
        )
        return held

    def _count(self, entry: Exchange | Part, held: _Open) -> None:
        time_us, at = entry.time_us, self._moment(entry.time_us)
        if entry.code in BY_LIMITS and not self._was_asked_for(entry, held, at):
            return
        watched = entry.observed.split()  # what did not fit into a limit that only watches was not counted there
        self._rates += [
            (time_us, charge) for since_us, charge in held.rates if time_us >= since_us and not _in(watched, charge)
        ]
        charges = [charge for since_us, charge in held.calls if time_us >= since_us and not _in(watched, charge)]
        if held.shown and _sent(entry):
            charges += [
                self._shown(charge, entry)
                for since_us, charge in held.shown
                if time_us >= since_us and not _in(watched, charge)
            ]
        self._counters.charge_past(charges, at)

    def _shown(self, asked: Charge, entry: Exchange | Part) -> Charge:
        """What went out, in the unit of a quota. Who has no handle any more, having been erased, is somebody new."""
        key, quota = asked.key, asked.limit
        unit = quota.unit if isinstance(quota, Quota) else "calls"
        if unit == "subjects":
            handles = self._handles.get(bytes.fromhex(entry.payload), ())
            return Charge(key, quota, entry.subjects - len(handles), frozenset(handles))
        return Charge(key, quota, entry.records if unit == "records" else entry.bytes)

    def _was_asked_for(self, entry: Exchange | Part, held: _Open, at: Moment) -> bool:
        """The limit that refused is a quota of what is shown, of which admission asks only whether anything is left;
        of people not even that."""
        for _, charge in held.shown:
            if charge.limit.clause.id == entry.clause:
                return _counts_people(charge) or self._counters.stand((charge,), at)[0].remaining > 0
        return False

    def _moment(self, time_us: int) -> Moment:
        """A time of the log on both clocks. None is later than now: the clock may have been set back."""
        time_us = min(time_us, self._now.time_us)
        return Moment(time_us, self._now.monotonic_ns - (self._now.time_us - time_us) * 1000)

    def _since(self, limit: Limit) -> int:
        """What was before that time, in microseconds, does not matter to a limit any more.

        Of a rate the window before the last one does: the burst that there may be now depends on the calls in both.
        """
        now_us = self._now.time_us
        if isinstance(limit, Rate):
            return now_us - 2 * limit.window_ns // 1000
        if isinstance(limit, Quota):
            return calendar_of(limit.period, limit.zone).window_us(now_us)[0]
        return now_us


def _held_against(plans: Plans, now_s: int) -> dict[_Place, Plan]:
    """What calls are held against now: the version of each agreement that is in force, or was last; else the first."""
    found: dict[_Place, Plan] = {}
    for plan in plans.all_plans():  # of each route in order of effective date
        place = (plan.contract.agreement, plan.resource, plan.operation)
        if place not in found or plan.contract.effective_from_s <= now_s:
            found[place] = plan
    return found


def _sent(entry: Exchange | Part) -> bool:
    """Data went out."""
    return entry.bytes > 0 and (200 <= entry.status < 300 if isinstance(entry, Exchange) else not entry.code)


def _in(watched: list[str], charge: Charge) -> bool:
    return bool(watched) and charge.limit.enforce == "observe" and charge.limit.clause.id in watched


def _counts_people(charge: Charge) -> bool:
    return isinstance(charge.limit, Quota) and charge.limit.unit == "subjects"


def _about_people(entry: Exchange | Part, held: _Open) -> bool:
    return bool(entry.payload) and _sent(entry) and any(_counts_people(charge) for _, charge in held.shown)
