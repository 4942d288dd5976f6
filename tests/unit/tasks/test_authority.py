"""Every change of a task is on the log before it is made, once, and told to those it concerns without their words."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import rfc8785
from msgspec import structs

from gateway.authority import AuthorityError
from gateway.store.tasks import Task, Wanted
from gateway.store.webhooks import Deliveries
from gateway.tasks.authority import UNFINISHED_MAX, Acting, Refused
from tests.unit.tasks.stage import DAY_US, NOW_US, Hub, hub_in, new_task


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub_in(tmp_path) as made:
        yield made


async def test_a_task_is_recorded_by_ids_alone_and_the_log_commits_to_its_words(hub: Hub) -> None:
    task = await hub.create()
    (entry,) = hub.entries()
    assert (entry.event, entry.subject, entry.partner) == ("task-created", f"{task.id} partner swift", "swift")
    new = new_task("partner", "swift", "", NOW_US + DAY_US)
    words = structs.asdict(new) | {"id": task.id, "created_us": NOW_US}
    assert entry.detail == hashlib.sha256(rfc8785.dumps(words)).hexdigest()
    assert await hub.tasks.find(task.id) == task


async def test_a_task_goes_its_way_and_each_step_is_on_the_log_and_told(hub: Hub) -> None:
    await hub.listen("", "swift", "another")
    task = await hub.create()
    accepted = await hub.authority.act(task, "accept", Acting("swift", "app"))
    assert isinstance(accepted, Task)
    hub.now_us += 5
    completed = await hub.authority.act(accepted, "complete", Acting("swift", "app", "all 12 checked"))
    assert isinstance(completed, Task)
    assert completed == await hub.tasks.find(task.id)
    assert (completed.state, completed.note, completed.version) == ("completed", "all 12 checked", 3)
    assert (completed.accepted_us, completed.ended_us) == (NOW_US, NOW_US + 5)
    assert hub.events() == ["task-created", "task-accepted", "task-completed"]
    assert await hub.told() == [
        (owner, f"task.{what}") for owner in ("", "swift") for what in ("accepted", "completed", "created")
    ]


async def test_nothing_that_people_wrote_is_told(hub: Hub) -> None:
    await hub.listen("", "swift")
    task = await hub.create()
    cancelled = await hub.authority.act(task, "cancel", Acting("", "ops", "a secret note"))
    assert isinstance(cancelled, Task)
    for delivery in await Deliveries(hub.store).latest(10):
        for words in ("核对", "waybills", "November", "secret note", "somebody", "ops"):
            assert words not in delivery.body


async def test_a_task_within_the_hub_is_told_to_the_hub_alone(hub: Hub) -> None:
    await hub.listen("", "swift")
    await hub.create("team", "legal")
    assert await hub.told() == [("", "task.created")]


@pytest.mark.parametrize(
    ("action", "who", "words"),
    [
        ("accept", "", "only whom it is assigned to"),
        ("complete", "swift", "the task is open"),
        ("cancel", "swift", "only who made a task"),
        ("accept", "bank", "only whom it is assigned to"),
    ],
)
async def test_what_may_not_be_done_changes_nothing(hub: Hub, action: str, who: str, words: str) -> None:
    task = await hub.create()
    refused = await hub.authority.act(task, action, Acting(who, "x"))  # type: ignore[arg-type]
    assert isinstance(refused, Refused)
    assert words in refused.message
    assert hub.events() == ["task-created"]
    assert await hub.tasks.find(task.id) == task


async def test_of_two_who_act_at_once_one_is_refused(hub: Hub) -> None:
    task = await hub.create("team", "legal", "swift")
    done = await asyncio.gather(
        hub.authority.act(task, "accept", Acting("", "ops")), hub.authority.act(task, "cancel", Acting("swift", "app"))
    )
    assert sorted(isinstance(each, Task) for each in done) == [False, True]
    assert len(hub.events()) == 2
    assert isinstance(await hub.authority.act(task, "accept", Acting("", "ops")), Refused), "as it was read"


async def test_without_the_log_nothing_is_changed_and_the_task_is_free_again(hub: Hub, tmp_path: Path) -> None:
    task = await hub.create()
    hub.writer.close()
    for attempt in (hub.create(), hub.authority.act(task, "accept", Acting("swift", "app"))):
        with pytest.raises(AuthorityError):
            await attempt
    assert await hub.tasks.list(Wanted()) == (task,)
    assert await hub.tasks.claim(task, hub.now_us)


async def test_a_partner_has_so_many_tasks_under_way_and_no_more(hub: Hub) -> None:
    await hub.create("team", "legal", "swift")
    hub.authority._tasks.unfinished_by = _full  # type: ignore[method-assign]
    refused = await hub.authority.create(new_task("team", "legal", "swift", NOW_US + DAY_US))
    assert isinstance(refused, Refused)
    await hub.create("partner", "swift")  # the hub is not limited


async def _full(created_by: str) -> int:
    return UNFINISHED_MAX
