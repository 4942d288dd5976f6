"""unusual-volume: is far more read in this hour than in the same hour of other weeks?"""

from collections.abc import Callable

from gateway.scraping.course import Course, spread
from gateway.scraping.detector import Detector, Evidence, Usual
from gateway.scraping.recommending import calls_an_hour, records_an_hour
from gateway.scraping.seen import Seen

RECORDS_MIN = 300
"""Fewer in an hour are never unusual: of records read, or of calls."""
DEVIATIONS = 8
TIMES_MEDIAN = 3
BUSY_PERCENT = 200
"""Of a busy hour of any time: month-ends and the days after holidays are no scraping."""
DAYS_MIN = 7
WEEKS_MIN = 3
TIMES_DECLARED = 2


class UnusualVolume(Detector[None]):
    """Records, or calls, of an hour against the median of the same hour of the week, over up to eight weeks.

    The deviation is the median absolute one, which one odd week does not move. With less than three weeks of history
    the same hour of the days before serves; with less than one, calls of the day against what is declared.
    """

    name = "unusual-volume"

    def begin(self) -> None:
        return None

    def fold(self, state: None, seen: Seen) -> None:
        """The course of use is all that it needs."""

    def judge(self, state: None, usual: Usual) -> Evidence | None:
        course = usual.course
        if course.days_before(usual.at.hours) < DAYS_MIN:
            return _declared(usual)
        return _against(usual, course.records, "records") or _against(usual, course.calls, "calls")


def _against(usual: Usual, of: Callable[[int], int], unit: str) -> Evidence | None:
    course, hour = usual.course, usual.at.hours
    amount = of(hour)
    if amount < RECORDS_MIN:
        return None
    middle, deviation = spread(_same(course, of, hour))
    busy = course.busy(of, hour - 23)
    least = round(max(RECORDS_MIN, middle + DEVIATIONS * deviation, TIMES_MEDIAN * middle, busy * BUSY_PERCENT / 100))
    if amount < least:
        return None
    median = round(middle)
    zh, en = ("条记录", "records") if unit == "records" else ("次调用", "calls")
    return Evidence(
        figures={
            f"{unit}_this_hour": amount,
            f"{unit}_threshold": least,
            f"{unit}_median": median,
            f"{unit}_deviation": round(deviation),
            f"{unit}_busy_hour": busy,
            "days_known": course.days_before(hour),
        },
        weight=amount,
        recommended=records_an_hour(busy) if unit == "records" else calls_an_hour(busy),
        severity="warning" if amount >= 2 * least else "notice",
        text={
            "zh": f"本小时已有 {amount:,} {zh}；往周同一小时的中位数为 {median:,}，"
            f"繁忙小时约 {busy:,}，阈值 {least:,}。",
            "en": f"{amount:,} {en} in this hour; the median of the same hour is {median:,}, a busy hour has {busy:,}, "
            f"and the threshold is {least:,}.",
        },
    )


def _same(course: Course, of: Callable[[int], int], hour: int) -> list[int]:
    """The same hour of other weeks, or of other days."""
    weeks = course.same_hours(of, hour)
    if len(weeks) >= WEEKS_MIN:
        return weeks
    return [of(same) for same in range(hour - 24, course.first - 1, -24)]


def _declared(usual: Usual) -> Evidence | None:
    if usual.requests_per_day is None:
        return None
    calls = usual.course.day(usual.course.calls, usual.at.hours)
    least = TIMES_DECLARED * usual.requests_per_day
    if calls < max(RECORDS_MIN, least):
        return None
    return Evidence(
        figures={"calls_in_a_day": calls, "calls_threshold": least, "calls_declared_a_day": usual.requests_per_day},
        weight=calls,
        recommended=calls_an_hour(-(-usual.requests_per_day // 24)),
        severity="warning" if calls >= 2 * least else "notice",
        text={
            "zh": f"24 小时内 {calls:,} 次调用；协议申报每天 {usual.requests_per_day:,} 次，阈值 {least:,} 次。",
            "en": f"{calls:,} calls in 24 hours; the agreement declares {usual.requests_per_day:,} a day, and the "
            f"threshold is {least:,}.",
        },
    )
