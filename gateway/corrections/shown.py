"""A correction as its parties see it: what was reported, every step, the deadlines, and what may follow."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from contracts.plan import Plans
from gateway.corrections.checking import words_of
from gateway.corrections.life import reopen_until_us
from gateway.corrections.steps import OPEN, Course, Taken, course_of, may_follow
from gateway.corrections.under import clause_of, contract_of
from gateway.store.corrections import KeptCorrection, KeptStep
from policies.correcting import NEVER_US, moment_of
from policies.kinds.correction import Correction as CorrectionClause
from policies.kinds.correction import Part
from policies.promise import OwedBy
from policies.settling.facts import Correction as Report
from policies.settling.facts import Span

_PARTS: tuple[Part, ...] = ("acknowledge", "fix")


def document(
    plans: Plans, correction: KeptCorrection, steps: Iterable[KeptStep], *, side: OwedBy, now_us: int
) -> dict[str, Any]:
    """One of them, for one side. Times are RFC 3339 in the agreement's zone; texts are null once they are erased."""
    taken = tuple(steps)
    clause, contract = clause_of(plans, correction), contract_of(plans, correction)
    zone = contract.time_zone if contract is not None else "UTC"
    course = course_of(Taken(step.time_us, step.action) for step in taken)
    said = words_of(correction.words)
    due = deadlines(clause, correction, course, zone)
    return {
        "id": correction.id,
        "partner": correction.partner,
        "agreement": correction.agreement,
        "version": correction.version,
        "clause": correction.clause,
        "owed_by": correction.owed_by,
        "severity": correction.severity,
        "product": correction.product,
        "field": correction.field,
        "key": said.get("key"),
        "expected": msgspec.Raw(said["expected"].encode()) if "expected" in said else None,
        "evidence": said.get("evidence"),
        "state": correction.state,
        "reported": local(correction.reported_us, zone),
        "acknowledged": None if course is None else _maybe(course.acknowledged_us, zone),
        "fixed": None if course is None else _maybe(course.fixed_us, zone),
        "deadlines": {part: _maybe(time_us, zone) for part, time_us in due.items()},
        "overdue": list(overdue(correction, course, due, now_us)),
        "reopen_until": _reopen_until(clause, correction, zone),
        "may": list(may_follow(correction.state, correction.owed_by, side)),
        "steps": [_step(step, zone) for step in taken],
    }


def deadlines(
    clause: CorrectionClause | None, correction: KeptCorrection, course: Course | None, zone: str
) -> dict[Part, int | None]:
    """By when it is to be acknowledged and corrected; None: never, since business hours never come."""
    if clause is None or course is None or correction.severity not in clause.severities:
        return {}
    closed = tuple(Span(moment_of(begun), moment_of(end)) for begun, end in course.closed)
    report = Report(severity=correction.severity, reported=moment_of(course.reported_us), paused=closed)
    found: dict[Part, int | None] = {}
    for part in _PARTS:
        run = clause.course(report, part, zone)
        if run is not None:
            found[part] = None if run.due_us == NEVER_US else run.due_us
    return found


def overdue(
    correction: KeptCorrection, course: Course | None, due: dict[Part, int | None], now_us: int
) -> tuple[Part, ...]:
    """What has not been done by its deadline and has still to be."""
    if course is None or correction.state not in OPEN:
        return ()
    waiting: dict[Part, bool] = {"acknowledge": course.acknowledged_us is None, "fix": True}
    return tuple(part for part, by in due.items() if waiting[part] and by is not None and now_us > by)


def local(time_us: int, zone: str) -> str:
    """A time as the parties of the agreement read it, to the second."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).astimezone(ZoneInfo(zone)).isoformat()


def _maybe(time_us: int | None, zone: str) -> str | None:
    return None if time_us is None else local(time_us, zone)


def _reopen_until(clause: CorrectionClause | None, correction: KeptCorrection, zone: str) -> str | None:
    if clause is None or correction.closed_us is None or correction.state == "withdrawn":
        return None
    return local(reopen_until_us(correction, clause), zone)


def _step(step: KeptStep, zone: str) -> dict[str, Any]:
    """`found` is what reading the record showed; `reason` why, in the words of whoever took the step."""
    said = words_of(step.words)
    told: dict[str, Any] = {"action": step.action, "at": local(step.time_us, zone)}
    return told | {name: said[name] for name in ("reason", "found") if name in said}
