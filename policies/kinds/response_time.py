"""response_time: the share of calls answered within a time."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from policies.clause import Binding, Clause, Meter
from policies.direction import Directions, Judge, falling, ranked, rising
from policies.promise import (
    OWED_BY,
    PROMISE_JUDGES,
    WINDOW,
    Credit,
    DecimalText,
    Exclusion,
    OwedBy,
    StatusRule,
    Window,
    amount,
    excluded,
    for_partner,
    good_below,
    good_status,
    percent_faults,
    presence,
    promised,
)
from policies.reference import Words
from policies.wording import duration, percent

_COUNTING_SLICE = timedelta(hours=1)
"""Requests are counted one by one; slices only keep the counts apart in time."""


class ResponseTime(Clause, frozen=True, forbid_unknown_fields=True, tag="response_time", kw_only=True):
    """At least `share` percent of the window's calls are good and answered `within` a time.

    Time runs at the gateway, from the arrival of the request until its answer is ready. `good` and `exclude` as for
    availability: an answer that is no good is never in time.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        **PROMISE_JUDGES,
        "owed_by": ranked("partner", "hub"),
        "within": falling,
        "share": amount(rising),
    }

    owed_by: OwedBy
    """Who promises."""
    window: Window
    """What is measured: a calendar month in the agreement's time zone."""
    within: timedelta
    """The time, such as `PT0.5S`."""
    share: DecimalText
    """The percentage of calls promised."""
    good: StatusRule = "status < 500"
    """Which answers are good."""
    exclude: Annotated[tuple[Exclusion, ...], Meta(max_length=3)] = ()
    """What is left out of the count."""
    credit: Credit | None = None
    """What is owed when the promise is missed."""

    def parameters(self) -> Mapping[str, Any]:
        own = {name: value for name, value in super().parameters().items() if name != "credit"}
        return promised(own, self.credit)

    def judged(self, newer: Clause, name: str) -> Directions:
        directions = super().judged(newer, name)
        if name == "owed_by" or not isinstance(newer, ResponseTime):
            return directions
        return for_partner(directions, self.owed_by, newer.owed_by)

    def presence(self) -> Directions:
        return presence(self.owed_by)

    def faults(self) -> list[tuple[str, str]]:
        found = percent_faults("share", self.share)
        if not timedelta(milliseconds=1) <= self.within <= timedelta(minutes=5):
            found.append(("within", "a response time is between PT0.001S and PT5M"))
        return found + (self.credit.faults() if self.credit else [])

    def words(self) -> dict[str, Words]:
        spoken: dict[str, Words] = {
            "owed_by": OWED_BY[self.owed_by],
            "window": WINDOW[self.window],
            "within": duration(self.within),
            "share": percent(self.share),
            "good": good_status(self.good),
            "exclude": excluded(self.exclude),
        }
        return spoken | (self.credit.words() if self.credit else {})

    def effect(self, binding: Binding) -> Meter:
        return Meter(
            clause=binding.clause,
            basis="requests",
            slice_s=_COUNTING_SLICE // timedelta(seconds=1),
            good_below_status=good_below(self.good),
            within_us=self.within // timedelta(microseconds=1),
            counts_refusals="partner_fault" not in self.exclude,
            empty_slice="ignore",
            target_percent=self.share,
        )
