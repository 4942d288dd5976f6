"""The life of a reported data error: which step may follow which, whose it is, and what a row of steps comes to.

| step        | whose     | from                                  | to           |
|-------------|-----------|---------------------------------------|--------------|
| report      | reporter  |                                       | reported     |
| acknowledge | corrector | reported, reopened                    | acknowledged |
| fix         | corrector | reported, acknowledged, reopened      | fixed        |
| reject      | corrector | reported, acknowledged, reopened      | rejected     |
| reopen      | reporter  | fixed, rejected                       | reopened     |
| withdraw    | reporter  | reported, acknowledged, reopened      | withdrawn    |

The corrector is the side that the clause says owes it, the reporter the other one.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

from gateway.audit.events import Event
from policies.promise import OwedBy

State: TypeAlias = Literal["reported", "acknowledged", "fixed", "rejected", "reopened", "withdrawn"]
Action: TypeAlias = Literal["report", "acknowledge", "fix", "reject", "reopen", "withdraw"]
Part: TypeAlias = Literal["corrector", "reporter"]

OPEN: frozenset[State] = frozenset({"reported", "acknowledged", "reopened"})
"""Somebody has still to do something."""


class Rule(Struct, frozen=True):
    """One kind of step: whose it is, from which states, to which, and its event on the log."""

    whose: Part
    after: frozenset[State]
    to: State
    event: Event


RULES: Mapping[Action, Rule] = MappingProxyType(
    {
        "report": Rule("reporter", frozenset(), "reported", "correction-reported"),
        "acknowledge": Rule(
            "corrector", frozenset({"reported", "reopened"}), "acknowledged", "correction-acknowledged"
        ),
        "fix": Rule("corrector", OPEN, "fixed", "correction-fixed"),
        "reject": Rule("corrector", OPEN, "rejected", "correction-rejected"),
        "reopen": Rule("reporter", frozenset({"fixed", "rejected"}), "reopened", "correction-reopened"),
        "withdraw": Rule("reporter", OPEN, "withdrawn", "correction-rejected"),
    }
)
WITHDRAWN = "withdrawn"
"""Last word of the subject of a step that takes a report back: its event is that of a rejection, and nobody's fault."""

_BY_EVENT: Mapping[str, Action] = MappingProxyType(
    {rule.event: action for action, rule in RULES.items() if action != "withdraw"}
)


class Taken(Struct, frozen=True, order=True):
    """A step that was taken, at the time of its record on the log."""

    time_us: int
    action: Action


class Course(Struct, frozen=True):
    """What the steps of one report come to. `closed` are spans in which it was closed before it was reopened."""

    state: State
    reported_us: int
    acknowledged_us: int | None = None
    closed_us: int | None = None
    closed: tuple[tuple[int, int], ...] = ()

    @property
    def fixed_us(self) -> int | None:
        """When it was corrected; None while it is not."""
        return self.closed_us if self.state == "fixed" else None


def side_of(whose: Part, owed_by: OwedBy) -> OwedBy:
    """The side whose step it is."""
    other: OwedBy = "partner" if owed_by == "hub" else "hub"
    return owed_by if whose == "corrector" else other


def may_follow(state: str, owed_by: OwedBy, side: OwedBy) -> tuple[Action, ...]:
    """The steps that a side may take from a state."""
    return tuple(
        action for action, rule in RULES.items() if state in rule.after and side_of(rule.whose, owed_by) == side
    )


def course_of(steps: Iterable[Taken]) -> Course | None:
    """What steps come to, in the order of their times; None without a report.

    A step that may not follow is no step: a record that was written twice, since its writer ended in between, counts
    once. Who answers in any way has seen the report, so that it is acknowledged by that as well.
    """
    course: Course | None = None
    for taken in sorted(steps):
        rule = RULES[taken.action]
        if course is None:
            course = Course("reported", taken.time_us) if taken.action == "report" else None
        elif course.state in rule.after:
            course = _after(course, taken, rule)
    return course


def _after(course: Course, taken: Taken, rule: Rule) -> Course:
    acknowledged_us, closed = course.acknowledged_us, course.closed
    if acknowledged_us is None and rule.whose == "corrector":
        acknowledged_us = taken.time_us
    if taken.action == "reopen" and course.closed_us is not None:
        closed = (*closed, (course.closed_us, taken.time_us))
    closed_us = None if rule.to in OPEN else taken.time_us
    return Course(rule.to, course.reported_us, acknowledged_us, closed_us, closed)


def action_of(event: str, subject: tuple[str, ...]) -> Action | None:
    """The step that a record on the log is about; None for one that is about something else."""
    if event == RULES["withdraw"].event and subject[-1:] == (WITHDRAWN,):
        return "withdraw"
    return _BY_EVENT.get(event)
