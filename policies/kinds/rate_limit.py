"""rate_limit: how often a partner may call."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar

from msgspec import Meta, field

from policies.clause import Binding, Clause
from policies.counted import (
    ENFORCE,
    ON_OUTAGE,
    Weights,
    counted_words,
    counter_key,
    counters,
    unsaid,
    weigh,
    weighing,
    weight_faults,
    weights_words,
)
from policies.direction import Judge, falling, rising
from policies.limit import OnOutage, Per, Rate
from policies.reference import Enforce, Words
from policies.wording import duration, number

LIMIT_MAX = 1_000_000
"""A window remembers the time of every call in it: this bounds its memory (about 40 bytes a call)."""
_WINDOWS = (timedelta(seconds=1), timedelta(days=31))


class RateLimit(Clause, frozen=True, forbid_unknown_fields=True, tag="rate_limit", kw_only=True):
    """At most `limit` calls in any `window`, and at most `burst` of them at once.

    Counted exactly: a window is any span of that length, not a calendar minute. Between bursts, calls are admitted
    evenly (GCRA). A refused call is not counted. `per` says what has a counter of its own, `weights` what a call of
    an operation counts; `on_outage` what happens while a shared counter cannot be reached.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        "per": counters,
        "limit": rising,
        "window": falling,
        "burst": rising,
        "weights": weighing,
        "on_outage": ON_OUTAGE,
        "enforce": ENFORCE,
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
    weights: Weights = field(default_factory=dict)
    """What one call counts, by operation; of one that is not named, 1."""
    enforce: Enforce = "refuse"
    """`observe`: a call beyond the limit is admitted and recorded, not refused."""

    def unsaid(self) -> frozenset[str]:
        return unsaid(enforce=self.enforce, weights=self.weights)

    def faults(self) -> list[tuple[str, str]]:
        found = []
        if not _WINDOWS[0] <= self.window <= _WINDOWS[1]:
            found.append(("window", "a window is between PT1S and P31D"))
        if self.burst > self.limit:
            found.append(("burst", f"a burst of {self.burst} can never happen under a limit of {self.limit}"))
        return found + weight_faults(self.weights, min(self.burst, self.limit), "burst")

    def words(self) -> dict[str, Words]:
        return counted_words(self.per, self.on_outage, self.enforce) | {
            "limit": number(self.limit),
            "window": duration(self.window),
            "burst": number(self.burst),
            "weights": weights_words(self.weights),
        }

    def effect(self, binding: Binding) -> Rate:
        return Rate(
            clause=binding.clause,
            key=counter_key(binding, self.per),
            per=self.per,
            limit=self.limit,
            window_ns=self.window // timedelta(microseconds=1) * 1000,
            burst=self.burst,
            on_outage=self.on_outage,
            enforce=self.enforce,
            cost=weigh(self.weights, binding.operation),
        )
