"""A task that was due and is not done is on the log once, whatever workers and restarts there are."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.audit.writer import Writer
from gateway.authority import AuthorityError
from gateway.store.tasks import Task
from gateway.tasks.authority import Acting
from gateway.tasks.overdue import INTERVAL_S, Overdue
from tests.unit.tasks.stage import DAY_US, Hub, hub_in
from tests.unit.webhooks.receiver import eventually


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub_in(tmp_path) as made:
        yield made


def worker(hub: Hub) -> Overdue:
    return Overdue(hub.store, hub.writer, lambda: hub.now_us)


async def test_it_is_overdue_from_the_moment_it_is_due_and_recorded_and_told_once(hub: Hub) -> None:
    await hub.listen("", "swift")
    task = await hub.create()
    hub.now_us += DAY_US - 1
    assert await worker(hub).step() == 0
    hub.now_us += 1
    assert [await worker(hub).step(), await worker(hub).step()] == [1, 0]
    assert hub.events() == ["task-created", "task-overdue"]
    assert hub.entries()[1].subject == task.subject
    assert (await hub.told()).count(("swift", "task.overdue")) == 1
    found = await hub.tasks.find(task.id)
    assert found is not None
    assert (found.state, found.overdue_us) == ("open", hub.now_us)


async def test_several_workers_record_each_of_several_once(hub: Hub) -> None:
    for _ in range(5):
        await hub.create()
    hub.now_us += DAY_US
    workers = []
    for number in range(3):
        writer = Writer.open(hub.folder / "log", f"other{number}")
        assert isinstance(writer, Writer)
        workers.append((writer, Overdue(hub.store, writer, lambda: hub.now_us)))
    assert sum(await asyncio.gather(*(each.step() for _, each in workers))) == 5
    for writer, _ in workers:
        writer.close()
    assert hub.events().count("task-overdue") == 5


async def test_what_is_overdue_can_be_done_all_the_same_and_what_is_done_is_not_overdue(hub: Hub) -> None:
    late, done = await hub.create("team", "legal"), await hub.create("team", "legal")
    accepted = await hub.authority.act(done, "accept", Acting("", "ops"))
    assert isinstance(accepted, Task)
    await hub.authority.act(accepted, "complete", Acting("", "ops"))
    hub.now_us += DAY_US
    assert await worker(hub).step() == 1
    found = await hub.tasks.find(late.id)
    assert found is not None
    assert isinstance(await hub.authority.act(found, "accept", Acting("", "ops")), Task)


async def test_what_could_not_be_recorded_is_recorded_later(hub: Hub) -> None:
    await hub.create()
    hub.now_us += DAY_US
    closed = Writer.open(hub.folder / "log", "closed")
    assert isinstance(closed, Writer)
    closed.close()
    with pytest.raises(AuthorityError):
        await Overdue(hub.store, closed, lambda: hub.now_us).step()
    assert await worker(hub).step() == 1


async def test_the_service_finds_it_by_itself_within_a_minute(hub: Hub) -> None:
    assert INTERVAL_S < 60
    await hub.create()
    service = worker(hub)
    service.start(interval_s=0.01)
    hub.now_us += DAY_US

    async def recorded() -> bool:
        return "task-overdue" in hub.events()

    await eventually(recorded)
    await service.close()
    assert hub.events() == ["task-created", "task-overdue"]
