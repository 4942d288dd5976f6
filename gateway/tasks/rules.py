"""What may be done with a task, in which state, and by whom: two tables, and the questions that they answer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from gateway.audit.events import Event
from gateway.store.tasks import HUB, Task, TaskState

Action: TypeAlias = Literal["accept", "complete", "cancel"]
Part: TypeAlias = Literal["assignee", "creator", "hub"]

TRANSITIONS: Mapping[tuple[TaskState, Action], TaskState] = MappingProxyType(
    {
        ("open", "accept"): "accepted",
        ("open", "cancel"): "cancelled",
        ("accepted", "complete"): "completed",
        ("accepted", "cancel"): "cancelled",
    }
)
"""From a state, by an action, to a state. What is not here is not possible. Overdue is no state: what is due may be
done all the same."""

MAY: Mapping[Action, frozenset[Part]] = MappingProxyType(
    {
        "accept": frozenset({"assignee"}),
        "complete": frozenset({"assignee"}),
        # The hub may cancel what a partner asks of it: else it would have no way to say no.
        "cancel": frozenset({"creator", "hub"}),
    }
)
"""Whose part of a task an action is."""

EVENTS: Final[Mapping[Action, Event]] = MappingProxyType(
    {
        "accept": "task-accepted",
        "complete": "task-completed",
        "cancel": "task-cancelled",
    }
)
"""How the log calls an action."""


def parts_of(task: Task, who: str) -> frozenset[Part]:
    """The parts that a partner, or the hub (""), has in a task; none in one that it is not to see."""
    mine: set[Part] = set()
    if (task.assignee if task.assignee_kind == "partner" else HUB) == who:
        mine.add("assignee")
    if task.created_by == who:
        mine.add("creator")
    if who == HUB:
        mine.add("hub")
    return frozenset(mine)


def actions(task: Task, who: str) -> tuple[Action, ...]:
    """What a partner, or the hub, may do with it now."""
    parts = parts_of(task, who)
    return tuple(action for (state, action) in TRANSITIONS if state == task.state and MAY[action] & parts)


def partner_of(created_by: str, assignee_kind: str, assignee: str) -> str:
    """The partner that a task concerns: whom it is assigned to, else who made it; "" for one within the hub."""
    return assignee if assignee_kind == "partner" else created_by
