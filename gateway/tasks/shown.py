"""A task as people and programs read it: in the hub, and at the partner that it concerns."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.store.tasks import HUB, Task
from gateway.tasks.rules import actions


def shown_task(task: Task, who: str, now_us: int) -> dict[str, Any]:
    """For a partner, or the hub (""), which alone reads which of its accounts made the task; `actions` are what the
    reader may do now, times are in the agreement's zone."""
    shown = {
        "id": task.id,
        "title": {"zh": task.title_zh, "en": task.title_en},
        "details": task.details,
        "created_by": task.created_by or "hub",
        "assignee": {"kind": task.assignee_kind, "name": task.assignee},
        "state": task.state,
        "overdue": task.late(now_us),
        "due": local(task.due_us, task.zone),
        "version": task.version,
        "actions": list(actions(task, who)),
        "agreement": task.agreement or None,
        "product": task.product or None,
        "correction": task.correction or None,
        "note": task.note or None,
        "created": local(task.created_us, task.zone),
        "accepted": _local(task.accepted_us, task.zone),
        "ended": _local(task.ended_us, task.zone),
    }
    return shown | {"partner": task.partner or None, "creator": task.creator} if who == HUB else shown


def local(time_us: int, zone: str) -> str:
    """RFC 3339, to the second, in a zone."""
    return datetime.fromtimestamp(time_us // 1_000_000, ZoneInfo(zone)).isoformat()


def _local(time_us: int | None, zone: str) -> str | None:
    return None if time_us is None else local(time_us, zone)
