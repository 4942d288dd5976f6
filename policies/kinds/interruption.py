"""interruption: compensation for the time in which one side suspends the collaboration."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Meta, Struct

from policies.clause import Binding
from policies.direction import Judge, falling, ranked, rising
from policies.interrupted import NONE, Stretch, beyond_free, interruption_fault, stretches
from policies.promise import (
    OWED_BY,
    PROMISE_JUDGES,
    WINDOW,
    Credit,
    Exclusion,
    OwedBy,
    Window,
    excluded,
)
from policies.reference import Words
from policies.settling.checks import facts_fault
from policies.settling.facts import FactFault, Facts
from policies.settling.promise import Promise
from policies.settling.saying import lasting, plain, said, told
from policies.settling.schedule import Raised, beyond, by_delay, price, together
from policies.settling.settled import Figure, Settled
from policies.wording import duration

Counts: TypeAlias = Literal["all", "planned", "unplanned"]
_COUNTS: dict[Counts, Words] = {
    "all": {"zh": "计划内及计划外的中断", "en": "planned and unplanned interruptions"},
    "planned": {"zh": "计划内的中断", "en": "planned interruptions"},
    "unplanned": {"zh": "计划外的中断", "en": "unplanned interruptions"},
}
_LONGEST = timedelta(days=31)
"""As long as a window."""
_NOTICE_LONGEST = timedelta(days=366)
_MICROSECOND = timedelta(microseconds=1)


class Planned(Struct, frozen=True, forbid_unknown_fields=True):
    """Interruptions that were announced `notice` before they began; `free` of them in a window do not count."""

    notice: timedelta = NONE
    """How early an interruption is announced to be a planned one, such as `P7D`; `PT0S`: before it begins."""
    free: timedelta = NONE
    """How much of them in a window does not count, such as `PT8H`."""


class Unplanned(Struct, frozen=True, forbid_unknown_fields=True):
    """All other interruptions; `free` of them in a window do not count."""

    free: timedelta = NONE
    """How much of them in a window does not count."""


class InterruptionClause(Promise, frozen=True, forbid_unknown_fields=True, tag="interruption", kw_only=True):
    """The time in which one side suspends the collaboration, or is not there, in wall hours, and what it owes for it.

    An interruption that was announced early enough is a planned one. What counts is added up over the window, beyond
    what is free; bands of `credit` are of that sum, `per_started`, `percent` and `amount` of each interruption.
    """

    needs: ClassVar[tuple[str, ...]] = ("interruptions",)
    judges: ClassVar[Mapping[str, Judge]] = {
        **PROMISE_JUDGES,
        "owed_by": ranked("partner", "hub"),
        "at_least": falling,
        "planned.notice": rising,
        "planned.free": falling,
        "unplanned.free": falling,
    }

    owed_by: OwedBy
    """Who owes for it: whoever suspends."""
    window: Window
    """What is added up: a calendar month in the agreement's time zone."""
    counts: Counts = "all"
    """Which interruptions count: `all`, `planned` or `unplanned`."""
    at_least: timedelta = NONE
    """Interruptions that are shorter do not count, such as `PT5M`."""
    planned: Planned = Planned()
    """What a planned interruption is, and how much is free."""
    unplanned: Unplanned = Unplanned()
    """How much of the others is free."""
    exclude: Annotated[tuple[Exclusion, ...], Meta(max_length=2)] = ()
    """What does not count: `force_majeure`, or `announced_maintenance` in whole."""
    credit: Credit | None = None
    """What is owed."""

    def parameters(self) -> Mapping[str, Any]:
        own = {name: value for name, value in super().parameters().items() if name not in ("planned", "unplanned")}
        return own | self._free()

    def unsaid(self) -> frozenset[str]:
        silent = {
            "counts": self.counts == "all",
            "at_least": not self.at_least,
            "exclude": not self.exclude,
            **{name: not value for name, value in self._free().items()},
        }
        names = frozenset(name for name, at_default in silent.items() if at_default)
        return names | (self.credit.unsaid() if self.credit else frozenset())

    def faults(self) -> list[tuple[str, str]]:
        spans = {"at_least": self.at_least, **self._free()}
        most = {"planned.notice": _NOTICE_LONGEST}
        found = [
            (name, f"is at most P{most.get(name, _LONGEST).days}D")
            for name, value in spans.items()
            if value > most.get(name, _LONGEST)
        ]
        if "partner_fault" in self.exclude:
            found.append(("exclude", "owed_by says whose interruptions count: partner_fault excludes nothing here"))
        if self.counts == "unplanned" and self.planned.free:
            found.append(("planned.free", "planned interruptions do not count: nothing of them can be free"))
        if self.counts == "planned" and self.unplanned.free:
            found.append(("unplanned.free", "unplanned interruptions do not count: nothing of them can be free"))
        return found + (self.credit.faults() if self.credit else [])

    def words(self) -> dict[str, Words]:
        spoken: dict[str, Words] = {
            "owed_by": OWED_BY[self.owed_by],
            "window": WINDOW[self.window],
            "counts": _COUNTS[self.counts],
            "at_least": duration(self.at_least),
            "exclude": excluded(self.exclude),
            **{name: duration(value) for name, value in self._free().items()},
        }
        return spoken | (self.credit.words() if self.credit else {})

    def effect(self, binding: Binding) -> None:
        return None

    def settle(self, facts: Facts) -> Settled | FactFault:
        fault = facts_fault(facts) or interruption_fault(facts)
        if fault is not None:
            return fault
        found = stretches(facts, self.exclude, self.planned.notice)
        counted = self._counted(found)
        total = sum(counted, NONE)
        raised = self._raised(counted, total)
        priced = price(self.credit, raised, facts)
        if isinstance(priced, FactFault):
            return priced
        return Settled(
            measured=plain(_seconds(total)),
            unit="s",
            verdict="missed" if self._missed(total) else "met",
            percent=priced.percent,
            credit=priced.credit,
            currency=facts.currency,
            capped_by=priced.capped_by,
            claim_by=priced.claim_by,
            explanation=told((*self._steps(found, total), *priced.steps)),
            figures=_figures(found, total),
        )

    def _free(self) -> dict[str, timedelta]:
        return {
            "planned.notice": self.planned.notice,
            "planned.free": self.planned.free,
            "unplanned.free": self.unplanned.free,
        }

    def _counted(self, found: list[Stretch]) -> list[timedelta]:
        counted: list[timedelta] = []
        if self.counts != "unplanned":
            counted += beyond_free(found, planned=True, at_least=self.at_least, free=self.planned.free)
        if self.counts != "planned":
            counted += beyond_free(found, planned=False, at_least=self.at_least, free=self.unplanned.free)
        return counted

    def _raised(self, counted: list[timedelta], total: timedelta) -> Raised:
        if self.credit is None:
            return Raised()
        if self.credit.bands:
            return by_delay(self.credit, total)
        return together(by_delay(self.credit, each) for each in counted)

    def _missed(self, total: timedelta) -> bool:
        """What the mildest band leaves free is promised; without bands any time that counts is a miss."""
        if self.credit is None or not self.credit.bands:
            return total > NONE
        mildest = self.credit.bands[0]
        return total > NONE and beyond(mildest.comparison, _seconds(total), Fraction(mildest.threshold))

    def _steps(self, found: list[Stretch], total: timedelta) -> tuple[Words, ...]:
        planned, unplanned = _added(found, planned=True), _added(found, planned=False)
        sums, counts = (lasting(planned), lasting(unplanned)), lasting(total)
        count = len([each for each in found if each.lasted])
        free = self._free()
        first = said(
            f"{OWED_BY[self.owed_by]['zh']}中断 {count} 次：计划内共 {sums[0]['zh']}，计划外共 {sums[1]['zh']}。",
            f"{count} interruption{'' if count == 1 else 's'} by {OWED_BY[self.owed_by]['en']}: "
            f"{sums[0]['en']} planned, {sums[1]['en']} unplanned.",
        )
        least = lasting(self.at_least)
        aside = said(f"（短于 {least['zh']} 者不计）", f" of at least {least['en']}") if self.at_least else said("", "")
        planned_free, unplanned_free = (lasting(free[name]) for name in ("planned.free", "unplanned.free"))
        second = said(
            f"计入{_COUNTS[self.counts]['zh']}{aside['zh']}，"
            f"计划内 {planned_free['zh']}、计划外 {unplanned_free['zh']} 以内免计：共计入 {counts['zh']}。",
            f"Counted are {_COUNTS[self.counts]['en']}{aside['en']}, without {planned_free['en']} of planned and "
            f"{unplanned_free['en']} of unplanned ones that are free: {counts['en']}.",
        )
        return first, second


def _figures(found: list[Stretch], total: timedelta) -> tuple[Figure, ...]:
    figures = (
        ("interruptions", Fraction(len([each for each in found if each.lasted])), "中断次数", "interruptions"),
        ("planned_s", _seconds(_added(found, planned=True)), "计划内中断（秒）", "seconds planned"),
        ("unplanned_s", _seconds(_added(found, planned=False)), "计划外中断（秒）", "seconds unplanned"),
        ("counted_s", _seconds(total), "计入的中断（秒）", "seconds that count"),
    )
    return tuple(Figure(name, plain(value), said(zh, en)) for name, value, zh, en in figures)


def _added(found: list[Stretch], *, planned: bool) -> timedelta:
    return sum((each.lasted for each in found if each.planned is planned), NONE)


def _seconds(span: timedelta) -> Fraction:
    return Fraction(span // _MICROSECOND, 1_000_000)
