"""freshness: how old the data are that are served or pushed, seen on samples of them."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from policies.clause import Binding, Meter
from policies.direction import Judge, falling, ranked, rising
from policies.promise import (
    OWED_BY,
    PROMISE_JUDGES,
    WINDOW,
    Credit,
    DecimalText,
    Window,
    amount,
    excluded,
    percent_faults,
)
from policies.reference import Words
from policies.settling.checks import facts_fault
from policies.settling.counting import Rules, counted
from policies.settling.credit import seconds
from policies.settling.facts import FactFault, Facts
from policies.settling.promise import Promise
from policies.settling.saying import plain, rounded_down, said, some, told
from policies.settling.schedule import Raised, by_bands, by_count, price
from policies.settling.settled import Figure, Settled
from policies.wording import duration, literal, number, percent

_SLICE = timedelta(hours=1)
"""Samples are counted one by one; slices only keep them apart in time."""
_RULE = "clause "


class Freshness(Promise, frozen=True, forbid_unknown_fields=True, tag="freshness", kw_only=True):
    """In at least `share` percent of the samples the `of` (newest or oldest) `field` is at most `max_age` old.

    Samples are bodies that pass the gateway, at most one of each operation in a second: answers where the Hub promises,
    what the Partner wrote where it does. The newest record is looked at in lists alone; that all are too old can be
    told of a whole list only, and a sample that cannot tell does not count. The oldest is looked at in every body. A
    date is as old as the end of its day.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        **PROMISE_JUDGES,
        "owed_by": ranked("partner", "hub"),
        "of": ranked("newest", "oldest"),
        "max_age": falling,
        "share": amount(rising),
        "samples_min": falling,
    }
    needs: ClassVar[tuple[str, ...]] = ("slices",)

    window: Window
    """What is measured: a calendar month in the agreement's time zone."""
    product: Annotated[str, Meta(min_length=1, max_length=128)]
    """The product whose data are looked at, as its path names it."""
    field: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\[\])?(\.[A-Za-z_][A-Za-z0-9_]*(\[\])?)*\Z")]
    """The date or timestamp that tells how old a record is, such as `updated_at`; `[]` behind a list: each of it."""
    of: Literal["newest", "oldest"] = "newest"
    """Which record of a sample has to be that young."""
    max_age: timedelta
    """How old it may be; exactly so old is young enough."""
    share: DecimalText
    """The percentage of samples promised."""
    samples_min: Annotated[int, Meta(ge=1, le=10**9)] = 1
    """With fewer samples the window is not judged."""
    credit: Credit | None = None
    """What is owed when the promise is missed."""

    def unsaid(self) -> frozenset[str]:
        own = {"samples_min"} if self.samples_min == 1 else set[str]()
        own |= set() if self.exclude else {"exclude"}
        return frozenset(own) | (self.credit.unsaid() if self.credit else frozenset())

    def faults(self) -> list[tuple[str, str]]:
        found = percent_faults("share", self.share)
        if self.max_age < timedelta(seconds=1):
            found.append(("max_age", "an age is at least PT1S"))
        if self.credit is not None:
            found += self.credit.faults()
            if any(band.comparison not in ("below", "at_or_below") for band in self.credit.bands):
                found.append(("credit.bands", "the bands of this clause are below or at_or_below, in percent"))
            if self.credit.per_started is not None:
                found.append(("credit.per_started", "only delays and interruptions are credited by periods"))
        return found

    def words(self) -> dict[str, Words]:
        which: dict[str, Words] = {
            "newest": {"zh": "最新", "en": "newest"},
            "oldest": {"zh": "最旧", "en": "oldest"},
        }
        spoken: dict[str, Words] = {
            "owed_by": OWED_BY[self.owed_by],
            "window": WINDOW[self.window],
            "product": literal(self.product),
            "field": literal(self.field),
            "of": which[self.of],
            "max_age": duration(self.max_age),
            "share": percent(self.share),
            "samples_min": number(self.samples_min),
            "exclude": excluded(self.exclude),
        }
        return spoken | (self.credit.words() if self.credit else {})

    def effect(self, binding: Binding) -> Meter | None:
        if binding.product != self.product:
            return None
        return Meter(
            clause=binding.clause,
            basis="requests",
            slice_s=_SLICE // timedelta(seconds=1),
            good_below_status=600,
            within_us=None,
            counts_refusals=True,
            empty_slice="ignore",
            target_percent=self.share,
            side="data",
            rule=rule_id(binding.clause.id),
            direction="out" if self.owed_by == "hub" else "in",
        )

    def settle(self, facts: Facts) -> Settled | FactFault:
        fault = facts_fault(facts)
        if fault is not None:
            return fault
        found = self._counts(facts)
        if isinstance(found, FactFault):
            return found
        total, good = found
        share = Fraction(facts.measured) if facts.measured is not None else None
        if share is None and total >= self.samples_min:
            share = Fraction(100 * good, total)
        missed = share is not None and share < Fraction(self.share)
        raised = self._raised(share) if missed and share is not None else Raised()
        priced = price(self.credit, raised, facts)
        if isinstance(priced, FactFault):
            return priced
        steps = [self._counted(total, good)] if facts.measured is None else []
        steps.append(self._against(share, missed=missed))
        return Settled(
            measured=None if share is None else rounded_down(share),
            unit="percent",
            verdict="unknown" if share is None else "missed" if missed else "met",
            percent=priced.percent,
            credit=priced.credit,
            currency=facts.currency,
            capped_by=priced.capped_by,
            claim_by=priced.claim_by,
            explanation=told([*steps, *priced.steps]),
            figures=(
                Figure("samples", str(total), said("样本数", "samples")),
                Figure("fresh", str(good), said("合格样本数", "fresh samples")),
            ),
        )

    def _counts(self, facts: Facts) -> tuple[int, int] | FactFault:
        """How many samples there were, and how many were fresh; `durations_s` are ages of samples."""
        if facts.measured is not None:
            if not 0 <= facts.measured <= 100:
                return FactFault("measured", f"{facts.measured} is not a share in percent")
            return 0, 0
        if facts.durations_s is not None:
            for index, age in enumerate(facts.durations_s):
                if age < 0:
                    return FactFault(f"durations_s[{index}]", "an age is not negative")
            return len(facts.durations_s), sum(age <= seconds(self.max_age) for age in facts.durations_s)
        causes = frozenset(self.exclude)
        rules = Rules(slice=_SLICE, empty="ignore", missing="ignore", excluded="ignore", requests_min=1, causes=causes)
        found = counted(facts, rules)
        return found if isinstance(found, FactFault) else (found.total, found.good)

    def _raised(self, share: Fraction) -> Raised:
        if self.credit is None:
            return Raised()
        return by_bands(self.credit, share) if self.credit.bands else by_count(self.credit, 1)

    def _counted(self, total: int, good: int) -> Words:
        age = duration(self.max_age)
        return said(
            f"样本 {total} 个，其中 {good} 个数据年龄不超过 {age['zh']}。",
            f"{some(total, 'sample')}; in {good} the data were at most {age['en']} old.",
        )

    def _against(self, share: Fraction | None, *, missed: bool) -> Words:
        if share is None:
            return said("样本不足，不予评定。", "That is too few to judge.")
        shown, verdict = plain(share), ("低于", "is below") if missed else ("不低于", "is not below")
        return said(f"合格率 {shown}%，{verdict[0]} {self.share}%。", f"{shown}% {verdict[1]} {self.share}%.")


def rule_id(clause_id: str) -> str:
    """What the samples of a clause are counted under in observations; no rule of a product is named so."""
    return f"{_RULE}{clause_id}"


def is_promised(rule: str) -> bool:
    """Whether something is counted under this name for a clause."""
    return rule.startswith(_RULE)
