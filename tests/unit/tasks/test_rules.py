"""Who may do what with a task in which state: the whole table."""

import pytest
from msgspec import structs

from gateway.store.tasks import AssigneeKind, Task, TaskState
from gateway.tasks.rules import EVENTS, MAY, TRANSITIONS, actions, partner_of

TASK = Task(
    id="t-1",
    partner="swift",
    created_by="",
    creator="ops",
    assignee_kind="partner",
    assignee="swift",
    title_zh="a",
    title_en="a",
    zone="UTC",
    due_us=1,
    created_us=0,
)


@pytest.mark.parametrize(
    ("kind", "assignee", "created_by", "who", "state", "expected"),
    [
        ("partner", "swift", "", "swift", "open", {"accept"}),
        ("partner", "swift", "", "swift", "accepted", {"complete"}),
        ("partner", "swift", "", "", "open", {"cancel"}),
        ("partner", "swift", "", "", "accepted", {"cancel"}),
        ("partner", "swift", "", "bank", "open", set()),
        ("team", "legal", "swift", "swift", "open", {"cancel"}),
        ("team", "legal", "swift", "swift", "accepted", {"cancel"}),
        ("team", "legal", "swift", "", "open", {"accept", "cancel"}),
        ("team", "legal", "swift", "", "accepted", {"complete", "cancel"}),
        ("team", "legal", "swift", "bank", "accepted", set()),
        ("team", "legal", "", "", "open", {"accept", "cancel"}),
        ("team", "swift", "", "swift", "open", set()),
        ("partner", "swift", "", "swift", "completed", set()),
        ("team", "legal", "", "", "completed", set()),
        ("team", "legal", "swift", "swift", "cancelled", set()),
    ],
)
def test_what_may_be_done_by_whom(  # noqa: PLR0917 - the columns of the table
    kind: AssigneeKind, assignee: str, created_by: str, who: str, state: TaskState, expected: set[str]
) -> None:
    task = structs.replace(TASK, assignee_kind=kind, assignee=assignee, created_by=created_by, state=state)
    assert set(actions(task, who)) == expected


def test_every_action_leads_somewhere_has_somebody_who_may_and_an_event() -> None:
    assert {action for _, action in TRANSITIONS} == set(MAY) == set(EVENTS)


def test_the_partner_of_a_task_is_whom_it_is_assigned_to_else_who_made_it() -> None:
    assert partner_of("", "partner", "swift") == "swift"
    assert partner_of("swift", "team", "legal") == "swift"
    assert partner_of("", "team", "legal") == ""


@pytest.mark.parametrize(
    ("state", "ended_us", "now_us", "late"),
    [
        ("open", None, 0, False),
        ("open", None, 1, True),
        ("accepted", None, 2, True),
        ("completed", 0, 5, False),
        ("completed", 1, 5, True),
        ("cancelled", 1, 5, False),
    ],
)
def test_what_is_due_at_a_moment_is_late_from_that_moment_on(
    state: TaskState, ended_us: int | None, now_us: int, late: bool
) -> None:
    assert structs.replace(TASK, state=state, ended_us=ended_us).late(now_us) is late
