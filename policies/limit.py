"""Limits: what is counted, how much of it there may be, and what a decision about all limits of a call says.

`Rate`, `Quota` and `InFlight` are values. They are held against counters by an engine: policies/counters.py in this
process, or one over a store that several processes share. An engine decides all limits of a call together, charges
all of them or none, and is exact: whoever comes first, no more is admitted than a limit says.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar, Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from policies.reference import ClauseRef, Enforce

Per: TypeAlias = Literal["partner", "client", "operation"]
OnOutage: TypeAlias = Literal["refuse", "allow", "local"]
Unit: TypeAlias = Literal["calls", "records", "bytes", "subjects"]
Period: TypeAlias = Literal["hour", "day", "week", "month", "quarter", "year"]
AMOUNT_MAX: Final = 10**15 - 1
"""The largest number that a field of a response may say (RFC 9651 section 3.3.1), and so the largest limit."""


class Limit(Struct, frozen=True, gc=False, kw_only=True):
    """At most `limit` of something. `key` names the counter; with `per` client the client's id is appended.

    `cost` is what one call on this plan counts: its weight where calls are counted, 0 where what is counted is known
    only after masking. `enforce` observe: a call that does not fit is admitted, not counted here, and recorded.
    """

    reason: ClassVar[str] = "rate-limited"
    """The problem code of a refusal."""

    clause: ClauseRef
    key: str
    per: Per
    limit: int
    on_outage: OnOutage
    enforce: Enforce = "refuse"
    cost: int = 1

    @property
    def policy(self) -> str:
        """Its parameters in the RateLimit-Policy field (draft-ietf-httpapi-ratelimit-headers), after its name."""
        raise NotImplementedError


class Rate(Limit, frozen=True, gc=False, kw_only=True):
    """At most `limit` in any window of `window_ns`, wherever it begins, and at most `burst` at once (GCRA)."""

    window_ns: int
    burst: int

    @property
    def policy(self) -> str:
        return f"q={self.limit};w={self.window_ns // 1_000_000_000}"


_FIELD_UNITS: dict[Unit, str] = {"bytes": "content-bytes"}
_PERIOD_S: dict[Period, int] = {"hour": 3_600, "day": 86_400, "week": 604_800}


class Quota(Limit, frozen=True, gc=False, kw_only=True):
    """At most `limit` of a `unit` in each calendar `period` of `zone` (IANA); of subjects, of different ones."""

    reason: ClassVar[str] = "quota-exceeded"

    unit: Unit
    period: Period
    zone: str

    @property
    def policy(self) -> str:
        """`w` is left out where periods are of different lengths."""
        window_s = _PERIOD_S.get(self.period)
        unit = "" if self.unit == "calls" else f';qu="{_FIELD_UNITS.get(self.unit, self.unit)}"'
        return f"q={self.limit}{unit}" + (f";w={window_s}" if window_s else "")


class InFlight(Limit, frozen=True, gc=False, kw_only=True):
    """At most `limit` exchanges under way at once. One whose worker died counts until `hold_s` after it began."""

    reason: ClassVar[str] = "too-many-in-flight"

    hold_s: int = 120

    @property
    def policy(self) -> str:
        return f'q={self.limit};qu="concurrent-requests"'


class Charge(Struct, frozen=True, gc=False):
    """What a call counts against one limit: the counter's `key`, and how much.

    `amount` 0 asks only that there is something left. For a quota of subjects `members` are handles of those whom the
    answer is about; those already counted in the period cost nothing, so nobody at all asks nothing. `amount` then
    counts people who have no handle.
    """

    key: str
    limit: Limit
    amount: int
    members: AbstractSet[bytes] = frozenset()


class Standing(Struct, frozen=True, gc=False):
    """How a limit stands after a decision: what is left, and the nanoseconds until there is more (0: all is there).

    `known` are, in a refused decision on a quota of subjects, the charge's members that are counted already.
    """

    limit: Limit
    remaining: int
    reset_ns: int
    known: AbstractSet[bytes] = frozenset()


class Decision(Struct, frozen=True, gc=False):
    """All limits of a call, decided together; `standings` in the order of the charges.

    `bound` is the limit that refused, of several the one with the longest wait, and `wait_ns` that wait; None: all
    that refuse admitted, and all but `observed` are charged. `observed` are those with `enforce` observe that did not
    fit. `uncounted` are limits that could not be counted with everybody, because the shared store cannot be reached,
    and let the call pass all the same (`allow`, or `local` on this process's share). `unavailable`: `bound` refused
    because of that, whatever its count.
    """

    standings: tuple[Standing, ...]
    bound: Limit | None
    wait_ns: int
    observed: tuple[Limit, ...] = ()
    uncounted: tuple[Limit, ...] = ()
    unavailable: bool = False


class Moment(Struct, frozen=True, gc=False):
    """A time on both clocks: Unix microseconds for calendars, monotonic nanoseconds for spans."""

    time_us: int
    monotonic_ns: int


class Limiter(Protocol):
    """An engine. Never raises for what is expected: a store that cannot be reached is a Decision."""

    async def decide(self, charges: Sequence[Charge], at: Moment, hold: str = "") -> Decision:
        """Check every charge, then commit all or none. `hold` names the exchange for limits in flight."""

    async def release(self, charges: Sequence[Charge], hold: str) -> None:
        """An exchange has ended: what it held in flight is free again. Once is enough, twice does no harm."""

    async def standings(self, charges: Sequence[Charge], at: Moment) -> tuple[Standing, ...]:
        """How limits stand; charges nothing. Raises LimiterUnavailable."""


class LimiterUnavailable(Exception):  # noqa: N818 - what is not there, not what went wrong
    """The shared store cannot be asked; the text is for the operator."""
