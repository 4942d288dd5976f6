"""Collaboration tasks. What is told about a change goes into the outbox in the same transaction as the change."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import claims
from gateway.store.store import Store
from gateway.store.tables_tasks import tasks
from gateway.webhooks.notify import enqueue

TaskState: TypeAlias = Literal["open", "accepted", "completed", "cancelled"]
AssigneeKind: TypeAlias = Literal["team", "partner"]
HUB = ""
"""Whose a task is that no partner made, and whom webhooks of the hub tell."""


class Task(Struct, frozen=True, kw_only=True):
    """A task as it is kept; times are Unix microseconds. It is due before `due_us`, which people read in `zone`.

    `partner` is whom it concerns and who sees it besides the hub, "" for one within the hub; `created_by` a partner's
    id, "" for the hub. A title that was given once stands in both languages.
    """

    id: str
    partner: str
    created_by: str
    creator: str
    assignee_kind: AssigneeKind
    assignee: str
    title_zh: str
    title_en: str
    zone: str
    due_us: int
    created_us: int
    details: str = ""
    agreement: str = ""
    product: str = ""
    correction: str = ""
    state: TaskState = "open"
    version: int = 1
    note: str = ""
    accepted_us: int | None = None
    ended_us: int | None = None
    overdue_us: int | None = None

    @property
    def subject(self) -> str:
        """How records name it: its id and whom it is assigned to."""
        return f"{self.id} {self.assignee_kind} {self.assignee}"

    def late(self, now_us: int) -> bool:
        """Whether it was due and is not done, or was not done in time."""
        return self.due_us <= (now_us if self.ended_us is None else self.ended_us) and self.state != "cancelled"


class Told(Struct, frozen=True):
    """What the endpoints of some owners are told about a change: event type, owners ("" the hub), data."""

    event: str
    owners: tuple[str, ...]
    data: Mapping[str, Any]


class Wanted(Struct, frozen=True, kw_only=True):
    """Which tasks to list; None for any. `after` is where an earlier page ended: a due time and an id."""

    partner: str | None = None
    assignee: str | None = None
    states: tuple[TaskState, ...] = ()
    overdue_at_us: int | None = None
    after: tuple[int, str] | None = None
    number_max: int = 100


class Tasks:
    """The tasks in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, task: Task, told: Told) -> None:
        """Keep a new one."""
        async with self._store.write() as connection:
            await connection.execute(insert(tasks).values(structs.asdict(task) | {"claimed_us": 0}))
            await _tell(connection, told, task.created_us)

    async def find(self, task_id: str) -> Task | None:
        """One by its id."""
        async with self._store.read() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(tasks.c.id == task_id))).mappings().one_or_none()
        return None if row is None else Task(**row)

    async def list(self, wanted: Wanted) -> tuple[Task, ...]:
        """Those that are wanted, the one due first first."""
        query = select(*_COLUMNS).where(*_conditions(wanted)).order_by(tasks.c.due_us, tasks.c.id)
        async with self._store.read() as connection:
            rows = (await connection.execute(query.limit(wanted.number_max))).mappings()
            return tuple(Task(**row) for row in rows)

    async def unfinished_by(self, created_by: str) -> int:
        """How many that somebody made are neither completed nor cancelled."""
        mine = and_(tasks.c.created_by == created_by, _UNFINISHED)
        async with self._store.read() as connection:
            return int((await connection.execute(select(func.count()).where(mine))).scalar_one())

    async def newly_overdue(self, now_us: int, number_max: int) -> tuple[Task, ...]:
        """Those that are due by now, not done, and not yet on the log as overdue."""
        late = and_(_UNFINISHED, tasks.c.due_us <= now_us, tasks.c.overdue_us.is_(None))
        query = select(*_COLUMNS).where(late).order_by(tasks.c.due_us, tasks.c.id).limit(number_max)
        async with self._store.read() as connection:
            return tuple(Task(**row) for row in (await connection.execute(query)).mappings())

    async def claim(self, task: Task, now_us: int) -> bool:
        """Whether it is yours to change, as you read it (gateway/store/claims.py)."""
        return await claims.claim(self._store, tasks, task.id, _same(task), now_us)

    async def disclaim(self, task: Task) -> None:
        """The change could not be recorded."""
        await claims.disclaim(self._store, tasks, task.id)

    async def change(self, task: Task, values: Mapping[str, Any], told: Told, now_us: int) -> bool:
        """Make a change that was claimed and recorded. False: the claim had run out, and somebody was faster."""
        async with self._store.write() as connection:
            made = dict(values) | {"version": task.version + 1, "claimed_us": 0}
            done = await connection.execute(update(tasks).where(tasks.c.id == task.id, _same(task)).values(made))
            if done.rowcount != 1:
                return False
            await _tell(connection, told, now_us)
        return True


_COLUMNS = tuple(tasks.c[name] for name in Task.__struct_fields__)
_UNFINISHED: ColumnElement[bool] = tasks.c.state.in_(("open", "accepted"))


def _same(task: Task) -> ColumnElement[bool]:
    return and_(tasks.c.version == task.version, tasks.c.state == task.state)


def _conditions(wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    if wanted.partner is not None:
        yield tasks.c.partner == wanted.partner
    if wanted.assignee is not None:
        yield tasks.c.assignee == wanted.assignee
    if wanted.states:
        yield tasks.c.state.in_(wanted.states)
    if wanted.overdue_at_us is not None:
        yield and_(_UNFINISHED, tasks.c.due_us <= wanted.overdue_at_us)
    if wanted.after is not None:
        due_us, task_id = wanted.after
        yield or_(tasks.c.due_us > due_us, and_(tasks.c.due_us == due_us, tasks.c.id > task_id))


async def _tell(connection: AsyncConnection, told: Told, now_us: int) -> None:
    for owner in dict.fromkeys(told.owners):
        await enqueue(connection, told.event, owner, told.data, now_us)
