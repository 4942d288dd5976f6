"""error_rate: the share of calls that fail."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any, ClassVar, Literal

from policies.clause import Binding, Meter
from policies.direction import Judge, falling
from policies.promise import DecimalText, StatusRule, amount, percent_faults
from policies.reference import Words
from policies.settling.counting import EmptyRule, Rules
from policies.settling.facts import FactFault, Facts
from policies.settling.saying import plain, rounded_up
from policies.settling.schedule import beyond
from policies.settling.settled import Settled
from policies.settling.traffic import EMPTY, METHODS, TRAFFIC_JUDGES, TrafficPromise, missed_words, promised_band
from policies.wording import duration, percent


class ErrorRate(TrafficPromise, frozen=True, forbid_unknown_fields=True, tag="error_rate", kw_only=True):
    """The share of answers that are not good, as the mean over all slices of the window or of all its calls.

    `good` says which answers are good, `exclude` what is left out. `at_most` is the share promised; left out, it is the
    lowest band of `credit`, whose bands are `above` or `at_or_above`.
    """

    judges: ClassVar[Mapping[str, Judge]] = {**TRAFFIC_JUDGES, "at_most": amount(falling)}

    slice: timedelta = timedelta(minutes=5)
    """The length of a slice, such as `PT5M`; a day holds a whole number of them."""
    empty_slice: EmptyRule = "good"
    """What a slice without calls counts as: without errors, not at all, or as nothing but errors."""
    good: StatusRule = "status < 500"
    """Which answers are no errors."""
    method: Literal["mean_of_slices", "requests"] = "mean_of_slices"
    """How slices make a figure: the mean of their shares of errors, or the share of errors among all calls."""
    at_most: DecimalText | None = None
    """The percentage promised not to be exceeded; left out, the lowest band of the credit schedule."""

    def parameters(self) -> Mapping[str, Any]:
        return {**super().parameters(), "at_most": self._promised()}

    def rules(self) -> Rules:
        return self.made_rules(self.slice, self.empty_slice)

    def unsaid(self) -> frozenset[str]:
        own = {"slice", "empty_slice"} if self.method == "requests" else set()
        return super().unsaid() | own

    def faults(self) -> list[tuple[str, str]]:
        found = self.slice_faults(self.slice)
        if self.at_most is None and promised_band(self.credit) is None:
            found.append(("at_most", "without a credit schedule the promised share must be given as at_most"))
        if self.at_most is not None and Fraction(self.at_most):
            found += percent_faults("at_most", self.at_most)
        return found + self.credit_faults("above", "at_or_above")

    def words(self) -> dict[str, Words]:
        spoken = self.traffic_words(self.good) | {
            "slice": duration(self.slice),
            "empty_slice": EMPTY[self.empty_slice],
            "method": METHODS[self.method],
        }
        return spoken | ({"at_most": percent(self.at_most)} if self.at_most is not None else {})

    def effect(self, binding: Binding) -> Meter | None:
        return self.meter(binding, self.method, self.slice, self.good, target=plain(100 - Fraction(self._promised())))

    def settle(self, facts: Facts) -> Settled | FactFault:
        report = self.report(facts)
        if isinstance(report, FactFault):
            return report
        share = self.measured(facts, report, self.method)
        if isinstance(share, FactFault):
            return share
        if share is None:
            return report.unjudged("percent", "无可评判，不作评判。", "There is nothing to judge.")
        figure = share * 100 if facts.measured is not None else 100 - share * 100
        report.say(f"错误率为 {plain(figure)}%。", f"The error rate is {plain(figure)}%.")
        comparison, threshold = self._promise()
        missed = beyond(comparison, figure, Fraction(threshold))
        report.say(*missed_words(comparison, threshold, missed=missed))
        return report.judged(rounded_up(figure), "percent", missed=missed, figure=figure, promised=Fraction(threshold))

    def _promise(self) -> tuple[Any, str]:
        band = promised_band(self.credit)
        return band if self.at_most is None and band is not None else ("above", self._promised())

    def _promised(self) -> str:
        band = promised_band(self.credit)
        return self.at_most or (band[1] if band else "0")
