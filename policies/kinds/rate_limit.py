"""rate_limit: how often a partner may call."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from policies.clause import Binding, Clause, Limit, OnOutage, Per, Words
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


class RateLimit(Clause, frozen=True, forbid_unknown_fields=True, tag="rate_limit", kw_only=True):
    """At most `limit` calls in any `window`, and at most `burst` of them at once.

    Counted exactly: a window is any span of that length, not a calendar minute. Between bursts, calls are admitted
    evenly (GCRA). A refused call is not counted. `per` says what has a counter of its own; `on_outage` what
    happens while a shared counter cannot be reached.
    """

    per: Per
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
    window: timedelta
    burst: Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
    on_outage: OnOutage

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
