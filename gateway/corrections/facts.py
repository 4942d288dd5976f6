"""Facts of reported data errors for the settlement of one window, from whichever source tells of their steps."""

from collections.abc import Iterable

from msgspec import Struct

from gateway.corrections.steps import Course, Taken, course_of
from policies.correcting import moment_of
from policies.promise import OwedBy
from policies.settling.facts import Correction, Span


class History(Struct, frozen=True):
    """A reported error as a settlement needs to know it: under which clause, how severe, and every step with it."""

    id: str
    partner: str
    agreement: str
    clause: str
    severity: str
    owed_by: OwedBy
    steps: tuple[Taken, ...]


def reports_of(
    histories: Iterable[History], agreement: str, clause: str, from_us: int, to_us: int
) -> tuple[Correction, ...]:
    """What a clause is settled by for a window (Unix microseconds, the second exclusive), oldest first.

    Those reported before its end that a deadline or a delay of the window may belong to: not one that was corrected
    before the window began, nor one that is rejected or withdrawn for good. What happened after the window is unsaid.
    """
    found = []
    for history in histories:
        if (history.agreement, history.clause) != (agreement, clause):
            continue
        course = course_of(history.steps)
        if course is None or course.state in ("rejected", "withdrawn") or course.reported_us >= to_us:
            continue
        if course.fixed_us is None or course.fixed_us >= from_us:
            found.append((course.reported_us, history.id, _report(history, course, to_us)))
    return tuple(report for _, _, report in sorted(found, key=lambda each: each[:2]))


def _report(history: History, course: Course, to_us: int) -> Correction:
    acknowledged, fixed = course.acknowledged_us, course.fixed_us
    return Correction(
        severity=history.severity,
        reported=moment_of(course.reported_us),
        acknowledged=None if acknowledged is None or acknowledged >= to_us else moment_of(acknowledged),
        fixed=None if fixed is None or fixed >= to_us else moment_of(fixed),
        id=history.id,
        paused=tuple(Span(moment_of(begun), moment_of(end)) for begun, end in course.closed if begun < to_us),
    )
