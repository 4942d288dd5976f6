"""availability: the share of time in which the interface answers."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any, ClassVar

from policies.clause import Binding, Meter
from policies.direction import LOOSENS, Judge, falling, rising
from policies.promise import DecimalText, StatusRule, amount, optional, percent_faults
from policies.reference import Words
from policies.settling.counting import EmptyRule, Rules
from policies.settling.downtime import BadSlice, bad_slice_faults, bad_slice_words
from policies.settling.facts import FactFault, Facts
from policies.settling.saying import plain, rounded_down
from policies.settling.schedule import beyond
from policies.settling.settled import Settled
from policies.settling.traffic import (
    EMPTY,
    METHODS,
    TRAFFIC_JUDGES,
    Method,
    TrafficPromise,
    missed_words,
    promised_band,
)
from policies.wording import duration, percent


class Availability(TrafficPromise, frozen=True, forbid_unknown_fields=True, tag="availability", kw_only=True):
    """The share of good answers, as the mean over all slices of the window unless `method` says otherwise.

    `good` says which answers are good, `empty_slice` what a slice without calls counts as, `exclude` what is left out.
    `target` is the share promised; left out, it is the highest band of `credit`.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        **TRAFFIC_JUDGES,
        "target": amount(rising),
        "run_min": optional(falling, LOOSENS),
    }

    slice: timedelta
    """The length of a slice, such as `PT5M`; a day holds a whole number of them."""
    empty_slice: EmptyRule
    """What a slice without calls counts as; `ignore` leaves it out."""
    good: StatusRule
    """Which answers are good."""
    method: Method = "mean_of_slices"
    """How slices make a figure: the mean of their shares of good answers; the share of time that is no downtime; or the
    share of good ones among all calls of the window."""
    bad_slice: BadSlice | None = None
    """For `downtime`: what makes a slice bad, in percent of its calls, such as `errors > 5` or `good < 95`."""
    run_min: timedelta | None = None
    """For `downtime`: only bad slices in a row for at least so long are downtime; left out, one slice is enough."""
    target: DecimalText | None = None
    """The percentage promised; left out, the highest band of the credit schedule."""

    def parameters(self) -> Mapping[str, Any]:
        return {**super().parameters(), "target": self._promised()}

    def rules(self) -> Rules:
        return self.made_rules(self.slice, self.empty_slice)

    def unsaid(self) -> frozenset[str]:
        return super().unsaid() | ({"method"} if self.method == "mean_of_slices" else frozenset())

    def faults(self) -> list[tuple[str, str]]:
        found = self.slice_faults(self.slice)
        if self.method == "downtime":
            found += self._downtime_faults()
        else:
            needless = [name for name in ("bad_slice", "run_min") if getattr(self, name) is not None]
            found += [(name, "is only for the method downtime") for name in needless]
        if self.target is None and promised_band(self.credit) is None:
            found.append(("target", "without a credit schedule the promised share must be given as target"))
        if self.target is not None:
            found += percent_faults("target", self.target)
        return found + self.credit_faults("below", "at_or_below")

    def words(self) -> dict[str, Words]:
        spoken = self.traffic_words(self.good) | {
            "slice": duration(self.slice),
            "empty_slice": EMPTY[self.empty_slice],
            "method": METHODS[self.method],
        }
        if self.bad_slice is not None:
            spoken["bad_slice"] = bad_slice_words(self.bad_slice)
        if self.run_min is not None:
            spoken["run_min"] = duration(self.run_min)
        if self.target is not None:
            spoken["target"] = percent(self.target)
        return spoken

    def effect(self, binding: Binding) -> Meter | None:
        return self.meter(binding, self.method, self.slice, self.good, target=self._promised())

    def settle(self, facts: Facts) -> Settled | FactFault:
        report = self.report(facts)
        if isinstance(report, FactFault):
            return report
        share = self.measured(facts, report, self.method, self.bad_slice or "", self.run_min or timedelta(0))
        if isinstance(share, FactFault):
            return share
        if share is None:
            return report.unjudged("percent", "无可评判，不作评判。", "There is nothing to judge.")
        figure = share * 100
        report.say(f"可用率为 {plain(figure)}%。", f"Availability is {plain(figure)}%.")
        comparison, threshold = self._promise()
        missed = beyond(comparison, figure, Fraction(threshold))
        report.say(*missed_words(comparison, threshold, missed=missed))
        return report.judged(
            rounded_down(figure), "percent", missed=missed, figure=figure, promised=Fraction(threshold)
        )

    def _downtime_faults(self) -> list[tuple[str, str]]:
        found = []
        if self.bad_slice is None:
            found.append(("bad_slice", "the method downtime needs to know what makes a slice bad"))
        else:
            found += bad_slice_faults(self.bad_slice)
        if self.run_min is not None and self.run_min < self.slice:
            found.append(("run_min", "a run is at least one slice long"))
        elif self.run_min is not None and self.run_min % self.slice:
            found.append(("run_min", "a run is a whole number of slices"))
        return found

    def _promise(self) -> tuple[Any, str]:
        band = promised_band(self.credit)
        return band if self.target is None and band is not None else ("below", self._promised())

    def _promised(self) -> str:
        band = promised_band(self.credit)
        return self.target or (band[1] if band else "100")
