"""anomaly: what may be done when the traffic looks like scraping."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from policies.clause import Anomaly, Binding, Clause
from policies.direction import NEITHER, Directions, Judge, falling, narrowing, ranked, rising
from policies.reference import Words
from policies.wording import duration, joined, number

FindingName: TypeAlias = Literal[
    "distinct-subjects", "sequential-keys", "not-found-share", "off-hours", "unusual-volume"
]
"""The detectors, as gateway/scraping/ names them."""
Action: TypeAlias = Literal["throttle", "suspend"]

_CALLS_MAX = 1_000_000
_WINDOWS = (timedelta(seconds=1), timedelta(days=31))
_LASTS = (timedelta(hours=1), timedelta(days=31))

_FINDINGS: Mapping[FindingName, Words] = {
    "distinct-subjects": {"zh": "读取的个人信息主体数量异常", "en": "unusually many different data subjects"},
    "sequential-keys": {"zh": "按顺序遍历主键", "en": "keys asked for one after the other"},
    "not-found-share": {"zh": "查询不存在记录的比例异常", "en": "an unusual share of keys that do not exist"},
    "off-hours": {"zh": "非惯常时段的读取量异常", "en": "unusual volume at unusual hours"},
    "unusual-volume": {"zh": "读取量显著偏离惯常水平", "en": "volume far from what is usual for the hour"},
}
_ACTIONS: Mapping[Action, Words] = {
    "throttle": {"zh": "经甲方人员确认后予以限频", "en": "slowed down, once a person at the Hub has confirmed it"},
    "suspend": {"zh": "经甲方人员确认后予以暂停", "en": "suspended, once a person at the Hub has confirmed it"},
}


def _calls(old: int | None, new: int | None) -> Directions:
    """A suspension admits none."""
    return rising(old or 0, new or 0)


def _window(old: timedelta | None, new: timedelta | None) -> Directions:
    """What came or went with the action is said there."""
    return NEITHER if old is None or new is None else falling(old, new)


class AnomalyClause(Clause, frozen=True, forbid_unknown_fields=True, tag="anomaly", kw_only=True):
    """Where one of the `findings` is made, the Hub may take an `action` against the partner's access to one product.

    Never by itself: a person confirms it first, and can lift it. `throttle` admits `calls` in any `window`; `suspend`
    admits none. It ends by itself after the time that it `lasts`.
    """

    judges: ClassVar[Mapping[str, Judge]] = {
        "findings": narrowing,
        "action": ranked("suspend", "throttle"),
        "calls": _calls,
        "window": _window,
        "lasts": falling,
    }

    findings: Annotated[tuple[FindingName, ...], Meta(min_length=1, max_length=5)]
    """Which findings it is about."""
    action: Action
    """What may be done: `throttle` or `suspend`."""
    calls: Annotated[int, Meta(ge=1, le=_CALLS_MAX)] | None = None
    """Calls in a window, for `throttle` only."""
    window: timedelta | None = None
    """Its length, `PT1S` to `P31D`, for `throttle` only."""
    lasts: timedelta
    """After how long it ends by itself, `PT1H` to `P31D`."""

    def faults(self) -> list[tuple[str, str]]:
        found = []
        for name, value in (("calls", self.calls), ("window", self.window)):
            if self.action == "throttle" and value is None:
                found.append(("action", f"throttle needs {name}: so many calls in so long a window are admitted"))
            if self.action == "suspend" and value is not None:
                found.append((name, f"suspend admits no calls: {name} is for throttle"))
        if self.window is not None and not _WINDOWS[0] <= self.window <= _WINDOWS[1]:
            found.append(("window", "a window is between PT1S and P31D"))
        if not _LASTS[0] <= self.lasts <= _LASTS[1]:
            found.append(("lasts", "a measure lasts between PT1H and P31D"))
        return found

    def words(self) -> dict[str, Words]:
        spoken: dict[str, Words] = {
            "findings": joined(_FINDINGS[name] for name in self.findings),
            "action": _ACTIONS[self.action],
            "lasts": duration(self.lasts),
        }
        if self.calls is not None:
            spoken["calls"] = number(self.calls)
        if self.window is not None:
            spoken["window"] = duration(self.window)
        return spoken

    def effect(self, binding: Binding) -> Anomaly:
        return Anomaly(
            clause=binding.clause,
            findings=frozenset(self.findings),
            action=self.action,
            calls=self.calls or 0,
            window_ns=(self.window or timedelta()) // timedelta(microseconds=1) * 1000,
            lasts_s=self.lasts // timedelta(seconds=1),
        )
