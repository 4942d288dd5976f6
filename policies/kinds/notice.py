"""notice: how early changes are announced, and what is owed when they are not."""

from collections.abc import Mapping
from datetime import UTC, timedelta
from fractions import Fraction
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from policies.clause import Binding
from policies.direction import TIGHTENS, Judge, falling, ranked, rising
from policies.promise import (
    OWED_BY,
    PROMISE_JUDGES,
    WINDOW,
    Credit,
    Exclusion,
    OwedBy,
    Window,
    optional,
)
from policies.reference import Words
from policies.settling.checks import facts_fault
from policies.settling.facts import FactFault, Facts, Notice
from policies.settling.promise import Promise
from policies.settling.saying import lasting, plain, said, told
from policies.settling.schedule import Raised, by_delay, price, together
from policies.settling.settled import Figure, Settled
from policies.wording import duration

_NONE = timedelta(0)
_LONGEST = timedelta(days=1100)
_MICROSECOND = timedelta(microseconds=1)
_ABOUT: Mapping[str, Words] = {
    "deprecation": {"zh": "停用", "en": "deprecation"},
    "change": {"zh": "变更", "en": "change"},
    "maintenance": {"zh": "维护", "en": "maintenance"},
    "force_majeure": {"zh": "不可抗力", "en": "force majeure"},
}


class NoticeClause(Promise, frozen=True, forbid_unknown_fields=True, tag="notice", kw_only=True):
    """Changes are announced so long before they take effect; the end of a product's version with the headers
    Deprecation (RFC 9745) and Sunset (RFC 8594).

    Maintenance that is announced later is no announced maintenance: it is not left out of any promise of this
    agreement. Force majeure that is told later than `force_majeure` after it began is not left out either.
    """

    needs: ClassVar[tuple[str, ...]] = ("notices",)
    judges: ClassVar[Mapping[str, Judge]] = {
        **PROMISE_JUDGES,
        "owed_by": ranked("partner", "hub"),
        "notice": rising,
        "change": optional(rising, TIGHTENS),
        "maintenance": optional(rising, TIGHTENS),
        "force_majeure": optional(falling, TIGHTENS),
    }

    owed_by: OwedBy
    """Who announces."""
    window: Window
    """What is settled together: what took effect in a calendar month, in the agreement's time zone."""
    notice: timedelta
    """How early the end of a product's version (its sunset) is announced, such as `P90D`."""
    change: timedelta | None = None
    """How early other changes are announced; left out, as early as `notice`."""
    maintenance: timedelta | None = None
    """How early maintenance is announced; left out, before it begins."""
    force_majeure: timedelta | None = None
    """How soon after it began force majeure is told, such as `P3D`; left out, at any time."""
    exclude: Annotated[tuple[Exclusion, ...], Meta(max_length=0)] = ()
    """Nothing can be left out."""
    credit: Credit | None = None
    """What is owed for each notice that came too late: once, by how much too late it was, or by started period."""

    def parameters(self) -> Mapping[str, Any]:
        return {name: value for name, value in super().parameters().items() if name != "exclude"}

    def unsaid(self) -> frozenset[str]:
        return self.credit.unsaid() if self.credit else frozenset()

    def faults(self) -> list[tuple[str, str]]:
        found = [
            (name, "a time of notice is at most P1100D")
            for name in ("notice", "change", "maintenance", "force_majeure")
            if (value := getattr(self, name)) is not None and value > _LONGEST
        ]
        if not self.notice:
            found.append(("notice", "is more than PT0S"))
        return found + (self.credit.faults() if self.credit else [])

    def words(self) -> dict[str, Words]:
        spoken: dict[str, Words] = {
            "owed_by": OWED_BY[self.owed_by],
            "window": WINDOW[self.window],
            "notice": duration(self.notice),
        }
        for name in ("change", "maintenance", "force_majeure"):
            if (value := getattr(self, name)) is not None:
                spoken[name] = duration(value)
        return spoken | (self.credit.words() if self.credit else {})

    def effect(self, binding: Binding) -> None:
        return None

    def required(self, about: str) -> timedelta:
        """How early something has to be announced before it takes effect; force majeure is told after: less than
        nothing."""
        if about == "maintenance":
            return self.maintenance or _NONE
        if about == "force_majeure":
            return -(self.force_majeure if self.force_majeure is not None else timedelta.max)
        return self.change if about == "change" and self.change is not None else self.notice

    def short(self, notice: Notice) -> timedelta:
        """By how much a notice came too late; not more than zero: it came in time."""
        given = notice.effective.astimezone(UTC) - notice.announced.astimezone(UTC)
        if notice.about == "force_majeure" and self.force_majeure is None:
            return _NONE
        return self.required(notice.about) - given

    def settle(self, facts: Facts) -> Settled | FactFault:
        fault = facts_fault(facts) or _fault(facts)
        if fault is not None:
            return fault
        notices = facts.notices or ()
        late = [(notice, short) for notice in notices if (short := self.short(notice)) > _NONE]
        raised = Raised()
        if self.credit is not None:
            credit = self.credit
            raised = together(by_delay(credit, short) for _, short in late)
        priced = price(self.credit, raised, facts)
        if isinstance(priced, FactFault):
            return priced
        worst = max((short for _, short in late), default=_NONE)
        return Settled(
            measured=plain(Fraction(worst // _MICROSECOND, 1_000_000)),
            unit="s",
            verdict="missed" if late else "met",
            percent=priced.percent,
            credit=priced.credit,
            currency=facts.currency,
            capped_by=priced.capped_by,
            claim_by=priced.claim_by,
            explanation=told((_summary(len(notices), len(late)), *map(self._step, late), *priced.steps)),
            figures=(
                Figure("notices", str(len(notices)), said("生效的通知", "notices that took effect")),
                Figure("late", str(len(late)), said("逾期的通知", "notices that came too late")),
            ),
        )

    def _step(self, late: tuple[Notice, timedelta]) -> Words:
        notice, short = late
        required, by, about = self.required(notice.about), lasting(short), _ABOUT[notice.about]
        name = f" {notice.id}" if notice.id else ""
        if required < _NONE:
            after = lasting(-required)
            return said(
                f"{about['zh']}通知{name} 应于开始后 {after['zh']} 内作出，迟 {by['zh']}。",
                f"The notice of {about['en']}{name} was due {after['en']} after it began and came {by['en']} late.",
            )
        early = lasting(required)
        return said(
            f"{about['zh']}通知{name} 应提前 {early['zh']}，迟 {by['zh']}。",
            f"The notice of {about['en']}{name} was due {early['en']} ahead and came {by['en']} late.",
        )


def _summary(count: int, late: int) -> Words:
    return said(
        f"本期生效的通知 {count} 份，其中 {late} 份逾期作出。",
        f"{count} notice{'' if count == 1 else 's'} took effect in the window, {late} announced too late.",
    )


def _fault(facts: Facts) -> FactFault | None:
    if facts.notices is None:
        return FactFault("notices", "it is not said what was announced; nothing is an empty list")
    begins, ends = facts.from_.astimezone(UTC), facts.to.astimezone(UTC)
    for index, notice in enumerate(facts.notices):
        if not begins <= notice.effective.astimezone(UTC) < ends:
            return FactFault(f"notices[{index}].effective", "is not in the window: what takes effect in it is settled")
    return None
