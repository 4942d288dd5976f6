"""availability: the share of time in which the interface answers."""

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta

from policies.clause import Binding, Clause, Meter, Words
from policies.promise import (
    OWED_BY,
    WINDOW,
    Credit,
    DecimalText,
    Exclusion,
    OwedBy,
    StatusRule,
    Window,
    excluded,
    good_below,
    good_status,
    percent_faults,
)
from policies.wording import duration, percent


class Availability(Clause, frozen=True, forbid_unknown_fields=True, tag="availability", kw_only=True):
    """The mean, over all slices of the window, of the share of good answers in each slice.

    `good` says which answers are good, `empty_slice` what a slice without calls counts as, `exclude` what is left out.
    `target` is the share promised; left out, it is the highest band of `credit`.
    """

    owed_by: OwedBy
    window: Window
    slice: timedelta
    empty_slice: Literal["good", "ignore"]
    good: StatusRule
    exclude: Annotated[tuple[Exclusion, ...], Meta(max_length=3)] = ()
    target: DecimalText | None = None
    credit: Credit | None = None

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
        promised = self.target or (self.credit.bands[0].below if self.credit else "100")
        return Meter(
            clause=binding.clause,
            basis="slices",
            slice_s=self.slice // timedelta(seconds=1),
            good_below_status=good_below(self.good),
            within_us=None,
            counts_refusals="partner_fault" not in self.exclude,
            empty_slice=self.empty_slice,
            target_percent=promised,
        )
