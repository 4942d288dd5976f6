"""response_time: the share of calls answered within a time, or the time that a percentile of them takes."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import ClassVar, Literal

from policies.clause import Binding, Meter
from policies.direction import Judge, falling, rising
from policies.promise import DecimalText, StatusRule, amount, optional, percent_faults
from policies.reference import Words
from policies.settling.counting import EmptyRule, Rules, counted
from policies.settling.credit import seconds
from policies.settling.facts import FactFault, Facts
from policies.settling.percentile import beyond_all, of_durations, of_thresholds
from policies.settling.report import Report
from policies.settling.saying import plain, rounded_down, rounded_up
from policies.settling.settled import Settled
from policies.settling.traffic import EMPTY, METHODS, TRAFFIC_JUDGES, TrafficPromise, missed_words
from policies.wording import duration, percent


class ResponseTime(TrafficPromise, frozen=True, forbid_unknown_fields=True, tag="response_time", kw_only=True):
    """At least `share` percent of the calls are good and answered `within` a time; or, with `percentile`, that
    percentile of their times, by nearest rank, is at most `within`.

    Time runs at the gateway, from the arrival of the request until its answer is ready. `good` and `exclude` as for
    availability: an answer that is no good is never in time.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        **TRAFFIC_JUDGES,
        "within": falling,
        "share": optional(amount(rising), frozenset()),
        "percentile": optional(amount(rising), frozenset()),
    }

    within: timedelta
    """The time, such as `PT0.5S`."""
    share: DecimalText | None = None
    """The percentage of calls promised; bands of `credit` are `below` or `at_or_below`, in percent."""
    percentile: DecimalText | None = None
    """In place of `share`: which percentile is promised; bands of `credit` are `longer_than` or `at_least`, times."""
    good: StatusRule = "status < 500"
    """Which answers are good."""
    method: Literal["requests", "mean_of_slices"] = "requests"
    """Whether `share` is one of all calls, or the mean of the shares of all slices."""
    slice: timedelta = timedelta(hours=1)
    """For `mean_of_slices`: the length of a slice, such as `PT5M`."""
    empty_slice: EmptyRule = "ignore"
    """For `mean_of_slices`: what a slice without calls counts as."""

    def rules(self) -> Rules:
        return self.made_rules(self.slice, self.empty_slice)

    def unsaid(self) -> frozenset[str]:
        own = {"method", "slice", "empty_slice"} if self.method == "requests" else set()
        return super().unsaid() | own

    def faults(self) -> list[tuple[str, str]]:
        found = []
        if (self.share is None) == (self.percentile is None):
            found.append(("share", "give either share or percentile"))
        if self.share is not None:
            found += percent_faults("share", self.share)
        if self.percentile is not None:
            found += percent_faults("percentile", self.percentile)
            if self.method != "requests":
                found.append(("method", "a percentile is one of all calls"))
        if not timedelta(milliseconds=1) <= self.within <= timedelta(minutes=5):
            found.append(("within", "a response time is between PT0.001S and PT5M"))
        found += self.slice_faults(self.slice)
        if self.percentile is not None:
            return found + self.credit_faults("longer_than", "at_least")
        return found + self.credit_faults("below", "at_or_below")

    def words(self) -> dict[str, Words]:
        spoken = self.traffic_words(self.good) | {
            "within": duration(self.within),
            "method": METHODS[self.method],
            "slice": duration(self.slice),
            "empty_slice": EMPTY[self.empty_slice],
        }
        if self.share is not None:
            spoken["share"] = percent(self.share)
        if self.percentile is not None:
            spoken["percentile"] = percent(self.percentile)
        return spoken

    def thresholds(self) -> tuple[timedelta, ...]:
        """All times at which answers have to be counted, the promised one first."""
        bands = self.credit.bands if self.credit is not None and self.percentile is not None else ()
        times = (band.longer_than or band.at_least for band in bands)
        return tuple(dict.fromkeys([self.within, *(time for time in times if time is not None)]))

    def effect(self, binding: Binding) -> Meter | None:
        microsecond = timedelta(microseconds=1)
        within = tuple(time // microsecond for time in self.thresholds())
        target = self.share or self.percentile or "100"
        return self.meter(binding, self.method, self.slice, self.good, target=target, within=within)

    def settle(self, facts: Facts) -> Settled | FactFault:
        report = self.report(facts)
        if isinstance(report, FactFault):
            return report
        if self.percentile is not None:
            return self._settle_percentile(facts, report, self.percentile)
        return self._settle_share(facts, report, self.share or "100")

    def _settle_share(self, facts: Facts, report: Report, promised: str) -> Settled | FactFault:
        if facts.durations_s is None or facts.measured is not None:
            share = self.measured(facts, report, self.method)
        else:
            share = self._share_of(facts, report)
        if isinstance(share, FactFault):
            return share
        if share is None:
            return report.unjudged("percent", "无可评判，不作评判。", "There is nothing to judge.")
        figure, within = share * 100, duration(self.within)
        report.say(
            f"在 {within['zh']}内应答的占 {plain(figure)}%。", f"{plain(figure)}% were answered within {within['en']}."
        )
        missed = figure < Fraction(promised)
        report.say(*missed_words("below", promised, missed=missed))
        return report.judged(rounded_down(figure), "percent", missed=missed, figure=figure, promised=Fraction(promised))

    def _share_of(self, facts: Facts, report: Report) -> Fraction | FactFault | None:
        durations, count = facts.durations_s or (), self._count(facts, report)
        if isinstance(count, FactFault) or not count:
            return count or None
        limit = seconds(self.within)
        return Fraction(sum(each <= limit for each in durations), count)

    def _settle_percentile(self, facts: Facts, report: Report, percentile: str) -> Settled | FactFault:
        found = Fraction(facts.measured) if facts.measured is not None else self._percentile(facts, report, percentile)
        if isinstance(found, FactFault):
            return found
        if found is None:
            return report.unjudged("s", "无可评判，不作评判。", "There is nothing to judge.")
        promised = Fraction(seconds(self.within))
        missed = found > promised
        counted_only = facts.durations_s is None and facts.measured is None
        self._say_percentile(report, found, percentile, counted_only=counted_only)
        return report.judged(rounded_up(found), "s", missed=missed, figure=found, promised=promised)

    def _say_percentile(self, report: Report, found: Fraction, percentile: str, *, counted_only: bool) -> None:
        """What it is, or, where only answers within some times were counted, which of these times it is within."""
        within, longest = duration(self.within), seconds(max(self.thresholds()))
        zh, en = f"为 {plain(found)} 秒", f"is {plain(found)} seconds"
        if counted_only and found > longest:
            zh, en = f"超过 {plain(longest)} 秒", f"is more than {plain(longest)} seconds"
        elif counted_only:
            zh, en = f"不超过 {plain(found)} 秒", f"is at most {plain(found)} seconds"
        verdict = ("未达标", "it is missed") if found > seconds(self.within) else ("达标", "it is met")
        report.say(
            f"响应时间的第 {percentile} 百分位{zh}，承诺不超过 {within['zh']}，{verdict[0]}。",
            f"The percentile {percentile} {en}; promised is at most {within['en']}: {verdict[1]}.",
        )

    def _percentile(self, facts: Facts, report: Report, percentile: str) -> Fraction | FactFault | None:
        """In seconds: the time itself, or, of counts, the shortest threshold that it is within."""
        count = self._count(facts, report)
        if isinstance(count, FactFault) or not count:
            return count or None
        found: Fraction | FactFault | None
        if facts.durations_s is not None:
            found = of_durations(percentile, facts.durations_s, count)
        elif facts.within is None:
            return FactFault("within", "is missing: how many answers took at most each time; or give durations_s")
        else:
            found = of_thresholds(percentile, facts.within, self.thresholds(), count)
        if found is None:
            longest = max(self.thresholds())
            times = [*(facts.durations_s or ()), seconds(longest)]
            return max(beyond_all((longest,)), Fraction(max(times)) + Fraction(1, 1_000_000))
        return found

    def _count(self, facts: Facts, report: Report) -> int | FactFault | None:
        """How many answers count; None where they are too few to be judged."""
        durations = facts.durations_s
        if facts.slices is None and durations is not None:
            count = len(durations)
        else:
            counts = counted(facts, self.rules())
            if isinstance(counts, FactFault):
                return counts
            report.requests(counts)
            count = counts.total
            if durations is not None and len(durations) > count:
                return FactFault("durations_s", f"{len(durations)} are more than the {count} calls that count")
        if count < self.requests_min:
            report.say(
                f"调用 {count} 次，不足 {self.requests_min} 次。", f"{count} calls are fewer than {self.requests_min}."
            )
            return None
        return count
