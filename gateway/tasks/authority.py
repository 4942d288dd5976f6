"""Makes and changes tasks: each change is on the audit log before it is made, and told to those it concerns."""

import time
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any, Final

from msgspec import Struct, structs

from gateway.audit.writer import Writer
from gateway.authority import AuthorityError, record
from gateway.limits.events import detail_of
from gateway.store.store import Store
from gateway.store.tasks import HUB, AssigneeKind, Task, Tasks, Told
from gateway.tasks.rules import EVENTS, MAY, TRANSITIONS, Action, partner_of, parts_of
from gateway.webhooks.notify import rfc3339

UNFINISHED_MAX: Final = 1_000
"""So many tasks of one partner may be under way: a loop in its program fills no table."""


class NewTask(Struct, frozen=True, kw_only=True):
    """A task to make. `created_by` is a partner's id or "" for the hub, `creator` the client or account that asks."""

    created_by: str
    creator: str
    assignee_kind: AssigneeKind
    assignee: str
    title_zh: str
    title_en: str
    zone: str
    due_us: int
    details: str = ""
    agreement: str = ""
    product: str = ""
    correction: str = ""


class Refused(Struct, frozen=True):
    """Nothing was changed: because of the state that the task is in, or of who asks."""

    message: str
    zh: str
    """The same in Chinese."""


class Acting(Struct, frozen=True):
    """Who does something with a task: `who` is a partner's id or "" for the hub, `by` its client or account."""

    who: str
    by: str
    note: str = ""


class TaskAuthority:
    """Every method raises AuthorityError where the log cannot be written, and StoreError; then nothing was changed."""

    def __init__(
        self, store: Store, writer: Writer, now_us: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        self._tasks, self._writer, self._now_us = Tasks(store), writer, now_us

    async def create(self, new: NewTask) -> Task | Refused:
        """Make a task."""
        if new.created_by != HUB and await self._tasks.unfinished_by(new.created_by) >= UNFINISHED_MAX:
            most = f"{UNFINISHED_MAX:,}"
            return Refused(f"at most {most} tasks of a partner are under way at once", f"未完成的任务最多 {most} 项")
        partner = partner_of(new.created_by, new.assignee_kind, new.assignee)
        task = Task(id=f"t-{token_hex(6)}", partner=partner, created_us=self._now_us(), **structs.asdict(new))
        words = structs.asdict(new) | {"id": task.id, "created_us": task.created_us}
        await record(self._writer, "task-created", task.subject, partner=partner, detail=detail_of(words))
        await self._tasks.add(task, told(task, "task.created"))
        return task

    async def act(self, task: Task, action: Action, acting: Acting) -> Task | Refused:
        """Do something with a task as it was read; of two who do at once, one is refused."""
        following = TRANSITIONS.get((task.state, action))
        if not MAY[action] & parts_of(task, acting.who):
            return _WHOSE[action]
        if following is None:
            unaccepted = action == "complete" and task.state == "open"
            first = (": it is to be accepted first", "，应先接受") if unaccepted else ("", "")
            return Refused(f"the task is {task.state}{first[0]}", f"任务的状态为 {task.state}{first[1]}")
        now_us = self._now_us()
        if not await self._tasks.claim(task, now_us):
            return Refused("the task is being changed by somebody else: read it again", "任务正由他人更改，请重新读取")
        time_name = "accepted_us" if action == "accept" else "ended_us"
        values: Mapping[str, Any] = {"state": following, time_name: now_us, "note": acting.note or task.note}
        changed = structs.replace(task, **values, version=task.version + 1)
        try:
            detail = detail_of({"by": acting.by, "note": acting.note, "who": acting.who or "hub"})
            await record(self._writer, EVENTS[action], task.subject, partner=task.partner, detail=detail)
        except AuthorityError:
            await self._tasks.disclaim(task)
            raise
        if not await self._tasks.change(task, values, told(changed, f"task.{following}"), now_us):
            return Refused("the task was changed by somebody else: read it again", "任务已由他人更改，请重新读取")
        return changed


_WHOSE: Final[Mapping[Action, Refused]] = {
    "accept": Refused("only whom it is assigned to accepts a task", "任务仅可由受派方接受"),
    "complete": Refused("only whom it is assigned to completes a task", "任务仅可由受派方完成"),
    "cancel": Refused("only who made a task, or the hub, cancels it", "任务仅可由创建方或甲方取消"),
}


def told(task: Task, event: str) -> Told:
    """What its partner and the hub are told about a change: ids and closed words, never what people wrote."""
    data = {
        "task": task.id,
        "state": task.state,
        "version": task.version,
        "assignee": {"kind": task.assignee_kind, "name": task.assignee},
        "due": rfc3339(task.due_us),
        "agreement": task.agreement,
        "link": f"/partner/tasks/{task.id}",
    }
    return Told(event, (HUB, task.partner), data)
