"""What the kinds that are measured on traffic have in common: which requests count, and how slices make a figure."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Meta

from policies.clause import Binding, Meter
from policies.direction import Judge, falling, ranked, unordered, widening
from policies.promise import (
    OWED_BY,
    PROMISE_JUDGES,
    WINDOW,
    Credit,
    Exclusion,
    Window,
    excluded,
    good_below,
    good_status,
)
from policies.reference import Words
from policies.settling.checks import facts_fault
from policies.settling.counting import EmptyRule, ExcludedRule, Rules, counted, mean_share
from policies.settling.credit import Comparison
from policies.settling.downtime import downtime
from policies.settling.facts import FactFault, Facts
from policies.settling.promise import Promise
from policies.settling.report import Report
from policies.wording import joined, listed, literal

Method: TypeAlias = Literal["mean_of_slices", "downtime", "requests"]
Per: TypeAlias = Literal["all", "operation"]
OperationText = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]

_Times: TypeAlias = tuple[int, ...]
_CLASSES: Mapping[str, frozenset[str]] = {
    "read": frozenset({"list", "get"}),
    "write": frozenset({"create", "update", "delete"}),
}
_CAUSES: Mapping[Exclusion, str] = {
    "announced_maintenance": "announced_maintenance",
    "force_majeure": "force_majeure",
}
METHODS: dict[Method, Words] = {
    "mean_of_slices": {"zh": "各时段比例的平均值", "en": "the mean of the shares of all slices"},
    "downtime": {"zh": "扣除中断时间后的时间比例", "en": "the share of time without downtime"},
    "requests": {"zh": "占全部调用的比例", "en": "the share of all calls"},
}
EMPTY: dict[EmptyRule, Words] = {
    "good": {"zh": "视为可用", "en": "counted as available"},
    "ignore": {"zh": "不计入", "en": "not counted"},
    "bad": {"zh": "视为不可用", "en": "counted as unavailable"},
}
_PER: dict[Per, Words] = {
    "all": {"zh": "全部操作", "en": "all operations together"},
    "operation": {"zh": "每个操作", "en": "each operation"},
}
TRAFFIC_JUDGES: Mapping[str, Judge] = {
    **PROMISE_JUDGES,
    "owed_by": ranked("partner", "hub"),
    "empty_slice": ranked("good", "ignore", "bad"),
    "missing_slice": ranked("good", "ignore", "bad"),
    "excluded_slice": ranked("good", "ignore"),
    "requests_min": falling,
}


class TrafficPromise(Promise, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What promises about traffic have in common."""

    needs: ClassVar[tuple[str, ...]] = ("slices",)

    window: Window
    """What is measured: a calendar month in the agreement's time zone."""
    missing_slice: EmptyRule = "bad"
    """What a slice without calls counts as in which the hub was not there, which the audit log shows; announced
    windows that `exclude` names are left out before."""
    excluded_slice: ExcludedRule = "ignore"
    """What a slice counts as of which all is excluded: `ignore` takes it out of the base as well, `good` leaves it."""
    slice_requests_min: Annotated[int, Meta(ge=1)] = 1
    """A slice with fewer calls counts as one without."""
    requests_min: Annotated[int, Meta(ge=0)] = 0
    """With fewer calls the window is not judged."""
    per: Per = "all"
    """Whether slices are those of all operations together, or of each operation."""
    operations: Annotated[tuple[OperationText, ...], Meta(max_length=100)] = ()
    """Which operations count: their names, or `read` (list, get) and `write` (create, update, delete); none: all."""
    products: Annotated[tuple[OperationText, ...], Meta(max_length=100)] = ()
    """Which products count, or, for what the partner owes, which of its services; none: all of the agreement."""
    credit: Credit | None = None
    """What is owed when the promise is missed."""

    def rules(self) -> Rules:
        """How slices count."""
        raise NotImplementedError

    def about(self, binding: Binding) -> bool:
        """Whether what is done there counts."""
        named = operations_named(self.operations)
        return (not self.products or binding.product.partition("/")[0] in self.products) and (
            named is None or binding.operation in named
        )

    def unsaid(self) -> frozenset[str]:
        """Parameters at their defaults: a sentence need not speak of them."""
        defaults = {
            "missing_slice": self.missing_slice == "bad",
            "excluded_slice": self.excluded_slice == "ignore",
            "slice_requests_min": self.slice_requests_min == 1,
            "requests_min": self.requests_min == 0,
            "per": self.per == "all",
            "operations": not self.operations,
            "products": not self.products,
        }
        own = frozenset(name for name, at_default in defaults.items() if at_default)
        return own | (self.credit.unsaid() if self.credit else frozenset())

    def traffic_words(self, good: str) -> dict[str, Words]:
        """What all of them say."""
        spoken: dict[str, Words] = {
            "owed_by": OWED_BY[self.owed_by],
            "window": WINDOW[self.window],
            "good": good_status(good),
            "exclude": excluded(self.exclude),
            "missing_slice": EMPTY[self.missing_slice],
            "excluded_slice": EMPTY[self.excluded_slice],
            "slice_requests_min": literal(str(self.slice_requests_min)),
            "requests_min": literal(str(self.requests_min)),
            "per": _PER[self.per],
            "operations": joined(_operation(name) for name in self.operations),
            "products": listed(self.products),
        }
        return spoken | (self.credit.words() if self.credit else {})

    def slice_faults(self, slice_: timedelta) -> list[tuple[str, str]]:
        """What is wrong with the length of a slice."""
        if slice_ < timedelta(minutes=1) or timedelta(days=1) % slice_ or slice_ % timedelta(minutes=1):
            return [("slice", "a slice is whole minutes, at least PT1M, and divides a day evenly, such as PT5M")]
        return []

    def credit_faults(self, *allowed: Comparison) -> list[tuple[str, str]]:
        """What is wrong with the schedule, of which bands may look only at what the kind measures."""
        if self.credit is None:
            return []
        found = self.credit.faults()
        if not found and self.credit.per_started is not None:
            found = [("credit.per_started", "only delays and interruptions are credited by periods")]
        if not found and self.credit.per_points is not None and "longer_than" in allowed:
            found = [("credit.per_points", "a time has no percentage points")]
        wrong = [band.comparison for band in self.credit.bands if band.comparison not in allowed]
        if not found and wrong:
            found = [("credit.bands", f"{wrong[0]}: the bands of this clause are {' or '.join(allowed)}")]
        return found

    def meter(
        self, binding: Binding, method: Method, slice_: timedelta, good: str, *, target: str, within: _Times = ()
    ) -> Meter | None:
        """Counts what this clause is about, at the thresholds `within` (microseconds), the promised one first; None
        where it is about something else."""
        if not self.about(binding):
            return None
        return Meter(
            clause=binding.clause,
            basis="requests" if method == "requests" else "slices",
            slice_s=slice_ // timedelta(seconds=1),
            good_below_status=good_below(good),
            within_us=within[0] if within else None,
            counts_refusals="partner_fault" not in self.exclude,
            empty_slice=self.rules().empty,
            target_percent=target,
            thresholds_us=within,
            side="in" if self.owed_by == "hub" else "out",
            per_operation=self.per == "operation",
        )

    def measured(
        self, facts: Facts, report: Report, method: Method, bad: str = "", run_min: timedelta = timedelta(0)
    ) -> Fraction | FactFault | None:
        """The share that is measured, as `method` says, each step reported; None where there is nothing to judge.

        The fact `measured` stands for it, in percent.
        """
        if facts.measured is not None:
            return self._given(facts, report)
        rules = self.rules()
        counts = counted(facts, rules)
        if isinstance(counts, FactFault):
            return counts
        if method == "requests":
            report.requests(counts)
        else:
            report.slices(counts, rules)
        if counts.total < self.requests_min:
            least = self.requests_min
            report.say(f"调用 {counts.total} 次，不足 {least} 次。", f"{counts.total} calls are fewer than {least}.")
            return None
        if method == "requests":
            return Fraction(counts.good, counts.total) if counts.total else None
        if method == "downtime":
            down = downtime(counts, rules, bad, run_min)
            report.downtime(down, run_min)
            return down.share
        return mean_share(counts, rules)

    def _given(self, facts: Facts, report: Report) -> Fraction | FactFault:
        if facts.measured is None or facts.measured > 100:
            return FactFault("measured", f"{facts.measured} is more than 100 percent")
        report.say("以所给实测值为准。", "The figure measured is given.")
        return Fraction(facts.measured) / 100

    def made_rules(self, slice_: timedelta, empty: EmptyRule) -> Rules:
        """How slices count, of what all kinds share."""
        return Rules(
            slice=slice_,
            empty=empty,
            missing=self.missing_slice,
            excluded=self.excluded_slice,
            requests_min=self.slice_requests_min,
            per_operation=self.per == "operation",
            operations=operations_named(self.operations),
            causes=frozenset(_CAUSES[name] for name in self.exclude if name in _CAUSES),
        )

    def report(self, facts: Facts) -> Report | FactFault:
        """The beginning of an answer; a fault where the facts are nonsense by themselves."""
        fault = facts_fault(facts)
        return fault if fault is not None else Report(facts, self.credit)


def operations_named(names: tuple[str, ...]) -> frozenset[str] | None:
    """The operations meant, classes replaced by what is in them; None for all."""
    return frozenset().union(*(_CLASSES.get(name, {name}) for name in names)) if names else None


def promised_band(credit: Credit | None) -> tuple[Comparison, str] | None:
    """Where the mildest band begins: what is promised, where a clause says no more about it."""
    if credit is None or not credit.bands:
        return None
    band = credit.bands[0]
    return band.comparison, str(getattr(band, band.comparison))


def missed_words(comparison: Comparison, threshold: str, *, missed: bool) -> tuple[str, str]:
    """Whether the promise is kept, in words, Chinese first."""
    kept: dict[Comparison, tuple[str, str]] = {
        "below": ("不低于", "at least"),
        "at_or_below": ("高于", "more than"),
        "above": ("不高于", "at most"),
        "at_or_above": ("低于", "less than"),
    }
    zh, en = kept[comparison]
    verdict = ("未达标", "it is missed") if missed else ("达标", "it is met")
    return f"承诺{zh} {threshold}%，{verdict[0]}。", f"Promised is {en} {threshold}%: {verdict[1]}."


def _operation(name: str) -> Words:
    classes: dict[str, Words] = {"read": {"zh": "读取", "en": "reading"}, "write": {"zh": "写入", "en": "writing"}}
    return classes.get(name, literal(name))


def _about(old: Any, new: Any) -> Any:
    """What a promise is about: none means all, so that a list is less than none."""
    if not old or not new:
        return unordered(old, new)
    return widening(old, new)
