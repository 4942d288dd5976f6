"""rate_limit: how often a partner may call."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar

from msgspec import Meta

from policies.clause import Binding, Clause, Limit, OnOutage, Per, Words
from policies.direction import Directions, Judge, falling, ranked, rising, unordered
from policies.wording import duration, number

LIMIT_MAX = 1_000_000
"""A window remembers the time of every call in it: this bounds its memory (about 40 bytes a call)."""

_PER: dict[Per, Words] = {
    "partner": {"zh": "合作方", "en": "partner"},
    "client": {"zh": "客户端", "en": "client"},
    "operation": {"zh": "接口操作", "en": "operation"},
}
_ON_OUTAGE: dict[OnOutage, Words] = {
    "refuse": {"zh": "拒绝调用", "en": "refused"},
    "allow": {"zh": "放行调用", "en": "allowed"},
    "local": {"zh": "按本机份额计数", "en": "counted by each gateway on its own share"},
}


def _counters(old: Per, new: Per) -> Directions:
    """Several counters admit more calls than the partner's one; of the kinds of several none always admits more."""
    return rising(old != "partner", new != "partner") if "partner" in (old, new) else unordered(old, new)


class RateLimit(Clause, frozen=True, forbid_unknown_fields=True, tag="rate_limit", kw_only=True):
    """At most `limit` calls in any `window`, and at most `burst` of them at once.

    Counted exactly: a window is any span of that length, not a calendar minute. Between bursts, calls are admitted
    evenly (GCRA). A refused call is not counted. `per` says what has a counter of its own; `on_outage` what
    happens while a shared counter cannot be reached.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        "per": _counters,
        "limit": rising,
        "window": falling,
        "burst": rising,
        "on_outage": ranked("refuse", "local", "allow"),
    }

    per: Per
    """What has a counter of its own: the partner, each of its clients, or each operation."""
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
    """Calls in a window."""
    window: timedelta
    """Its length, `PT1S` to `P31D`."""
    burst: Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
    """Calls at once; at most the limit."""
    on_outage: OnOutage
    """What happens while a shared counter cannot be reached."""

    def faults(self) -> list[tuple[str, str]]:
        found = []
        if not timedelta(seconds=1) <= self.window <= timedelta(days=31):
            found.append(("window", "a window is between PT1S and P31D"))
        if self.burst > self.limit:
            found.append(("burst", f"a burst of {self.burst} can never happen under a limit of {self.limit}"))
        return found

    def words(self) -> dict[str, Words]:
        return {
            "per": _PER[self.per],
            "limit": number(self.limit),
            "window": duration(self.window),
            "burst": number(self.burst),
            "on_outage": _ON_OUTAGE[self.on_outage],
        }

    def effect(self, binding: Binding) -> Limit:
        clause = binding.clause
        key = f"{clause.agreement}/{clause.id}"
        if self.per == "operation":
            key += f"/{binding.product}/{binding.operation}"
        return Limit(
            clause=clause,
            key=key,
            per=self.per,
            limit=self.limit,
            window_ns=self.window // timedelta(microseconds=1) * 1000,
            burst=self.burst,
            on_outage=self.on_outage,
        )
