"""A store, an end of the log, and the tasks of a hub with two partners."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.writer import Writer
from gateway.store.store import Store
from gateway.store.tasks import AssigneeKind, Task, Tasks
from gateway.store.webhooks import Deliveries, Endpoint, Endpoints
from gateway.tasks.authority import NewTask, TaskAuthority
from tests.unit.audit.doubles import BRIEF
from tests.unit.webhooks.ready_store import ready_store

NOW_US = 1_800_000_000_000_000
DAY_US = 86_400_000_000
ZONE = "Asia/Shanghai"


class Hub:
    """Everything that changing tasks needs, with a clock that tests move."""

    def __init__(self, folder: Path, store: Store, writer: Writer) -> None:
        self.folder, self.store, self.writer, self.now_us = folder, store, writer, NOW_US
        self.tasks, self.authority = Tasks(store), TaskAuthority(store, writer, lambda: self.now_us)

    def entries(self) -> list[Authority]:
        """What is on the log."""
        return list(read_as(self.folder / "log", Authority))

    def events(self) -> list[str]:
        """The same, by its words alone."""
        return [each.event for each in self.entries()]

    async def create(self, kind: AssigneeKind = "partner", assignee: str = "swift", by: str = "") -> Task:
        """A task that is due in a day."""
        made = await self.authority.create(new_task(kind, assignee, by, self.now_us + DAY_US))
        assert isinstance(made, Task)
        return made

    async def listen(self, *owners: str) -> None:
        """An endpoint of each owner, so that what it is told shows in the outbox."""
        for owner in owners:
            made = Endpoint(
                id=f"w-{owner}", partner=owner, url="https://a.example", events=(), secret=b"", creator="", created_us=0
            )
            assert await Endpoints(self.store).add(made, 10)

    async def told(self) -> list[tuple[str, str]]:
        """Who was told what."""
        return sorted((each.partner, each.event) for each in await Deliveries(self.store).latest(100))


def new_task(kind: AssigneeKind, assignee: str, by: str, due_us: int) -> NewTask:
    return NewTask(
        created_by=by,
        creator="somebody",
        assignee_kind=kind,
        assignee=assignee,
        title_zh="核对运单",
        title_en="Check the waybills",
        zone=ZONE,
        due_us=due_us,
        details="those of November",
    )


@asynccontextmanager
async def hub_in(folder: Path) -> AsyncIterator[Hub]:
    """A hub over a new store and a new log."""
    store = await ready_store(folder)
    writer = Writer.open(folder / "log", "w1", options=BRIEF)
    assert isinstance(writer, Writer)
    try:
        yield Hub(folder, store, writer)
    finally:
        writer.close()
        await store.close()
