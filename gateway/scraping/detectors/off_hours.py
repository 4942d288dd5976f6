"""off-hours: is it read when this partner never works?"""

from functools import partial

from gateway.scraping.course import Course
from gateway.scraping.detector import Detector, Evidence, Usual
from gateway.scraping.recommending import throttle
from gateway.scraping.seen import Seen

RECORDS_MIN = 100
DAYS_MIN = 7
ACTIVE_DAYS_MIN = 5
USUAL_PERCENT = 20
"""An hour is usual when something was read in it on so many of the days, or in the hour before or after it."""
WORKING_HOURS = range(7, 21)
"""Monday to Friday these are nobody's off-hours; at week-ends what is read in them counts a quarter."""
DAY_PART = 4
"""What is read off-hours counts from a quarter of a busy day."""


class OffHours(Detector[None]):
    """Records read in hours in which this agreement is not used, a quarter of a busy day or more. Monday to Friday,
    Saturdays and Sundays are told apart; of one that was not seen twice nothing is said."""

    name = "off-hours"

    def begin(self) -> None:
        return None

    def fold(self, state: None, seen: Seen) -> None:
        """The course of use is all that it needs."""

    def judge(self, state: None, usual: Usual) -> Evidence | None:
        course, hour = usual.course, usual.at.hours
        before = hour - 23
        if course.days_before(before) < DAYS_MIN:
            return None
        days = course.active_days(course.records, before)
        if len(days) < ACTIVE_DAYS_MIN:
            return None
        busy = sorted(days)[-1 - len(days) // 10]
        least = max(RECORDS_MIN, busy // DAY_PART)
        read = [(each, course.records(each)) for each in range(before, hour + 1) if course.records(each)]
        if sum(records for _, records in read) < least:
            return None
        off = [(each, records) for each, records in read if not _is_usual(course, each, before)]
        outside = sum(records if each % 24 not in WORKING_HOURS else records // DAY_PART for each, records in off)
        if outside < least:
            return None
        return Evidence(
            figures={
                "records_off_hours": outside,
                "records_threshold": least,
                "hours": len(off),
                "records_busy_day": busy,
                "days_known": course.days_before(before),
            },
            weight=outside,
            recommended=throttle(self.name, course.busy(course.calls, before)),
            severity="warning" if outside >= 5 * least else "notice",
            text={
                "zh": f"24 小时内在平时不使用的 {len(off)} 个小时里读取了 {outside:,} 条记录；阈值 {least:,} 条，"
                f"繁忙日全天约 {busy:,} 条。",
                "en": f"{outside:,} records were read in {len(off)} of the last 24 hours in which this agreement is "
                f"not used; the threshold is {least:,}, a busy day has {busy:,} in all.",
            },
        )


def _is_usual(course: Course, hour: int, before: int) -> bool:
    """Whether an hour, or one beside it, is used on days of the same kind: Monday to Friday, Saturday, Sunday."""
    if _kind(hour) < 5 and hour % 24 in WORKING_HOURS:
        return True
    return any(map(partial(_used, course, before=before), (hour - 1, hour, hour + 1)))


def _used(course: Course, hour: int, before: int) -> bool:
    kind, days, used = _kind(hour), 0, 0
    first = course.first + (hour - course.first) % 24
    for same in range(first, before, 24):
        if _kind(same) == kind:
            days += 1
            used += course.calls(same) > 0
    return days < 2 or used * 100 >= USUAL_PERCENT * days


def _kind(hour: int) -> int:
    """4 for Monday to Friday, 5 for Saturday, 6 for Sunday."""
    return max(4, (hour // 24 + 6) % 7)
