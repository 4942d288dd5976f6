"""Figures as the screens show them: numbers as text, bars as drawing lengths. Every number comes from a count."""

from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.console.language import Catalogue
from gateway.sla.result import MeterResult, Verdict, decimal_down

"""How a figure stands; each has a sign and a word of its own, so that colour is never alone."""


class Bar(Struct, frozen=True):
    """A bar of an inline SVG, 0 to 100 long, and what it says to those who do not see it."""

    length: str
    label: str


def bar(part: Fraction, label: str) -> Bar:
    """A bar for a share; what is over 1 fills it."""
    return Bar(decimal_down(min(Fraction(1), max(Fraction(0), part)) * 100, 1), label)


def percent(share: Fraction | None, places: int = 2) -> str | None:
    """A share for people, rounded down; None stays None."""
    return None if share is None else f"{decimal_down(share * 100, places)}%"


def span(seconds: int, t: Catalogue) -> str:
    """A length of time in the unit that says most: minutes, hours or days."""
    if seconds < 2 * 3_600:
        return t("span.minutes", count=max(1, seconds // 60))
    if seconds < 2 * 86_400:
        return t("span.hours", count=seconds // 3_600)
    return t("span.days", count=decimal_down(Fraction(seconds, 86_400), 1).removesuffix(".0"))


def clock(time_s: float, zone: ZoneInfo) -> str:
    """A moment on a screen: date, time and zone."""
    return f"{datetime.fromtimestamp(int(time_s), zone):%Y-%m-%d %H:%M:%S} {zone.key}"


def day(time_s: float, zone: ZoneInfo) -> str:
    """The calendar day of a moment."""
    return f"{datetime.fromtimestamp(int(time_s), zone):%Y-%m-%d}"


class Promise(Struct, frozen=True):
    """One SLA clause on a screen."""

    clause: str
    kind: str
    verdict: Verdict
    period: str
    achieved: str | None
    target: str
    counted: str


def promise(result: MeterResult, t: Catalogue) -> Promise:
    """An SLA clause with the counts that its share comes from."""
    if result.basis == "slices":
        counted = t("promise.slices", slices=f"{result.slices:,}", empty=f"{result.empty:,}")
    else:
        counted = t("promise.calls", good=f"{result.good:,}", total=f"{result.total:,}")
    achieved = result.achieved_percent
    if achieved is not None:
        achieved = achieved.rstrip("0").rstrip(".") + "%"
    return Promise(
        clause=result.clause.id,
        kind=result.clause.kind,
        verdict=result.verdict,
        period=result.period,
        achieved=achieved,
        target=f"{result.target_percent}%",
        counted=counted,
    )
