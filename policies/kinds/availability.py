"""availability: the share of time in which the interface answers."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from policies.clause import Binding, Clause, Meter
from policies.direction import Directions, Judge, ranked, rising
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


class Availability(Clause, frozen=True, forbid_unknown_fields=True, tag="availability", kw_only=True):
    """The mean, over all slices of the window, of the share of good answers in each slice.

    `good` says which answers are good, `empty_slice` what a slice without calls counts as, `exclude` what is left out.
    `target` is the share promised; left out, it is the highest band of `credit`.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        **PROMISE_JUDGES,
        "owed_by": ranked("partner", "hub"),
        "empty_slice": ranked("good", "ignore"),
        "target": amount(rising),
    }

    owed_by: OwedBy
    """Who promises."""
    window: Window
    """What is measured: a calendar month in the agreement's time zone."""
    slice: timedelta
    """The length of a slice, such as `PT5M`; a day holds a whole number of them."""
    empty_slice: Literal["good", "ignore"]
    """What a slice without calls counts as; `ignore` leaves it out."""
    good: StatusRule
    """Which answers are good."""
    exclude: Annotated[tuple[Exclusion, ...], Meta(max_length=3)] = ()
    """What is left out of the count."""
    target: DecimalText | None = None
    """The percentage promised; left out, the highest band of the credit schedule."""
    credit: Credit | None = None
    """What is owed when the promise is missed."""

    def parameters(self) -> Mapping[str, Any]:
        own = {name: value for name, value in super().parameters().items() if name != "credit"}
        return promised(own | {"target": self._promised()}, self.credit)

    def judged(self, newer: Clause, name: str) -> Directions:
        directions = super().judged(newer, name)
        if name == "owed_by" or not isinstance(newer, Availability):
            return directions
        return for_partner(directions, self.owed_by, newer.owed_by)

    def presence(self) -> Directions:
        return presence(self.owed_by)

    def faults(self) -> list[tuple[str, str]]:
        found = []
        if self.slice < timedelta(minutes=1) or timedelta(days=1) % self.slice:
            found.append(("slice", "a slice is at least PT1M and divides a day evenly, such as PT5M"))
        if self.credit is None and self.target is None:
            found.append(("target", "without a credit schedule the promised share must be given as target"))
        if self.target is not None:
            found += percent_faults("target", self.target)
        return found + (self.credit.faults() if self.credit else [])

    def words(self) -> dict[str, Words]:
        empty: dict[str, Words] = {
            "good": {"zh": "视为可用", "en": "counted as available"},
            "ignore": {"zh": "不计入", "en": "not counted"},
        }
        spoken: dict[str, Words] = {
            "owed_by": OWED_BY[self.owed_by],
            "window": WINDOW[self.window],
            "slice": duration(self.slice),
            "empty_slice": empty[self.empty_slice],
            "good": good_status(self.good),
            "exclude": excluded(self.exclude),
        }
        if self.target is not None:
            spoken["target"] = percent(self.target)
        return spoken | (self.credit.words() if self.credit else {})

    def effect(self, binding: Binding) -> Meter:
        return Meter(
            clause=binding.clause,
            basis="slices",
            slice_s=self.slice // timedelta(seconds=1),
            good_below_status=good_below(self.good),
            within_us=None,
            counts_refusals="partner_fault" not in self.exclude,
            empty_slice=self.empty_slice,
            target_percent=self._promised(),
        )

    def _promised(self) -> str:
        return self.target or (self.credit.bands[0].below if self.credit else "100")
