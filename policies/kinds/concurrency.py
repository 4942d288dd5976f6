"""concurrency: how many calls of a partner may be under way at once."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from policies.clause import Binding, Clause
from policies.counted import ENFORCE, ON_OUTAGE, counted_words, counter_key, counters, unsaid
from policies.direction import Judge, rising
from policies.limit import InFlight, OnOutage, Per
from policies.reference import Enforce, Words
from policies.wording import number

LIMIT_MAX = 10_000
"""Each call under way is remembered by name until it ends."""


class Concurrency(Clause, frozen=True, forbid_unknown_fields=True, tag="concurrency", kw_only=True):
    """At most `limit` calls under way at once, from when the gateway admits one until its answer has been sent."""

    judges: ClassVar[Mapping[str, Judge]] = {
        "per": counters,
        "limit": rising,
        "on_outage": ON_OUTAGE,
        "enforce": ENFORCE,
    }

    per: Per
    """What has a counter of its own: the partner, each of its clients, or each operation."""
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)]
    """Calls at once."""
    on_outage: OnOutage
    """What happens while a shared counter cannot be reached."""
    enforce: Enforce = "refuse"
    """`observe`: a call too many is admitted and recorded, not refused."""

    def unsaid(self) -> frozenset[str]:
        return unsaid(enforce=self.enforce)

    def words(self) -> dict[str, Words]:
        return counted_words(self.per, self.on_outage, self.enforce) | {"limit": number(self.limit)}

    def effect(self, binding: Binding) -> InFlight:
        return InFlight(
            clause=binding.clause,
            key=counter_key(binding, self.per),
            per=self.per,
            limit=self.limit,
            on_outage=self.on_outage,
            enforce=self.enforce,
        )
