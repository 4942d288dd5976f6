"""The outbox on both databases: a change and what is told of it are one; no backlog hides what others wait for."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from gateway.store.claims import CLAIM_S
from gateway.store.store import Store
from gateway.store.webhooks import Deliveries, Delivery, Endpoint, Endpoints, put
from gateway.webhooks.notify import Outbox, enqueue
from tests.unit.webhooks.ready_store import ready_store

NOW_US = 1_800_000_000_000_000
SECOND_US = 1_000_000


@pytest.fixture
async def quick(tmp_path: Path) -> AsyncIterator[Store]:
    """SQLite alone, for what both databases do alike without a doubt."""
    opened = await ready_store(tmp_path)
    yield opened
    await opened.close()


def endpoint(name: str, partner: str = "swift", events: tuple[str, ...] = (), **changed: object) -> Endpoint:
    made = Endpoint(
        id=name,
        partner=partner,
        url=f"https://{name}.example/",
        events=events,
        secret=b"s",
        creator="ops",
        created_us=1,
    )
    return structs.replace(made, **changed)


async def add(store: Store, *new: Endpoint) -> None:
    for each in new:
        assert await Endpoints(store).add(each, 100)


def delivery(name: str, to: str, due_us: int = NOW_US) -> Delivery:
    return Delivery(
        id=name,
        message=f"msg_{name}",
        kind="webhook",
        endpoint=to,
        recipient="",
        partner="swift",
        event="task.created",
        body="{}",
        created_us=NOW_US,
        due_us=due_us,
    )


async def fill(store: Store, *new: Delivery) -> None:
    async with store.write() as connection:
        await put(connection, new)


async def test_an_endpoint_is_kept_as_it_is_and_no_owner_has_too_many(quick: Store) -> None:
    endpoints, first = Endpoints(quick), endpoint("w-1", events=("task", "statement.issued"))
    assert await endpoints.add(first, 1)
    assert not await endpoints.add(endpoint("w-2"), 1)
    assert await endpoints.add(endpoint("w-3", partner=""), 1)
    assert await endpoints.find("w-1") == first
    assert [each.id for each in await endpoints.all()] == ["w-1", "w-3"]
    assert [each.id for each in await endpoints.all("")] == ["w-3"]


async def test_endpoints_that_are_added_at_one_moment_are_not_more_than_the_owner_may_have(store: Store) -> None:
    adding = (Endpoints(store).add(endpoint(f"w-{number}"), 2) for number in range(8))
    assert sorted(await asyncio.gather(*adding)) == [False] * 6 + [True] * 2
    assert len(await Endpoints(store).all("swift")) == 2


async def test_an_event_reaches_the_endpoints_of_its_owner_that_want_it_as_one_message(store: Store) -> None:
    await add(
        store,
        endpoint("all"),
        endpoint("group", events=("task",)),
        endpoint("type", events=("task.created",)),
        endpoint("other", events=("task.completed", "statement")),
        endpoint("theirs", partner="another"),
        endpoint("hub", partner=""),
        endpoint("gone", state="gone"),
    )
    await Outbox(store, lambda: NOW_US).notify("task.created", "swift", {"task": "t-1"})
    found = await Deliveries(store).latest(100)
    assert sorted(each.endpoint for each in found) == ["all", "group", "type"]
    assert len({each.message for each in found}) == 1
    assert found[0].body == '{"type":"task.created","timestamp":"2027-01-15T08:00:00.000000Z","data":{"task":"t-1"}}'
    assert "." not in found[0].message


async def test_what_is_told_of_a_change_that_fails_is_not_told(quick: Store) -> None:
    await add(quick, endpoint("w-1"))
    try:
        async with quick.write() as connection:
            await enqueue(connection, "task.created", "swift", {}, NOW_US)
            raise RuntimeError("the change fails")
    except RuntimeError:
        pass
    assert await Deliveries(quick).latest(10) == ()


async def test_a_backlog_of_one_hides_nothing_of_another(store: Store) -> None:
    await add(store, endpoint("slow"), endpoint("other"))
    await fill(store, *(delivery(f"s{number:03}", "slow", NOW_US - 100 + number) for number in range(50)))
    await fill(store, delivery("o", "other"), delivery("later", "other", NOW_US + 1))
    due = await Deliveries(store).due(NOW_US, 3)
    assert {lane: [each.id for each in lanes] for lane, lanes in due.items()} == {
        "slow": ["s000", "s001", "s002"],
        "other": ["o"],
    }


async def test_an_endpoint_that_is_held_waits_and_e_mail_does_not(quick: Store) -> None:
    await add(quick, endpoint("held"), endpoint("awake"))
    await fill(quick, delivery("h", "held"), delivery("a", "awake"))
    await fill(quick, structs.replace(delivery("m", ""), kind="mail", recipient="ops@hub.example"))
    await Endpoints(quick).hold("held", NOW_US + 1)
    assert sorted(await Deliveries(quick).due(NOW_US, 10)) == ["", "awake"]
    assert sorted(await Deliveries(quick).due(NOW_US + 1, 10)) == ["", "awake", "held"]


async def test_of_several_workers_one_attempts_a_delivery_and_another_one_after_it_died(store: Store) -> None:
    await add(store, endpoint("w-1"))
    await fill(store, delivery("d", "w-1"))
    deliveries = Deliveries(store)
    ((mine,),) = (await deliveries.due(NOW_US, 10)).values()
    assert sorted(await asyncio.gather(*(deliveries.claim(mine, NOW_US) for _ in range(4)))) == [False] * 3 + [True]
    assert await deliveries.due(NOW_US + CLAIM_S * SECOND_US - 1, 10) == {}
    later_us = NOW_US + CLAIM_S * SECOND_US
    ((again,),) = (await deliveries.due(later_us, 10)).values()
    assert await deliveries.claim(again, later_us)
    assert not await deliveries.settle("d", NOW_US, {"state": "delivered"}), "the first one is too late"
    assert await deliveries.settle("d", later_us, {"state": "delivered", "ended_us": later_us})
    assert not await deliveries.claim(again, later_us + 2 * CLAIM_S * SECOND_US), "it is done"


async def test_what_waits_for_an_endpoint_ends_with_it(quick: Store) -> None:
    await add(quick, endpoint("removed"), endpoint("gone"))
    await fill(quick, delivery("r", "removed"), delivery("g", "gone"))
    assert await Endpoints(quick).remove("removed", NOW_US)
    assert not await Endpoints(quick).remove("removed", NOW_US)
    await Endpoints(quick).gone("gone", NOW_US)
    states = {each.id: (each.state, each.fault) for each in await Deliveries(quick).latest(10)}
    assert states == {"r": ("cancelled", ""), "g": ("dead", "gone")}
    found = await Endpoints(quick).find("gone")
    assert found is not None
    assert found.state == "gone"


async def test_a_dead_delivery_is_replayed_under_its_id_and_one_that_waits_is_not(quick: Store) -> None:
    await add(quick, endpoint("w-1"))
    await fill(quick, structs.replace(delivery("d", "w-1"), state="dead", attempts=10, ended_us=NOW_US, fault="status"))
    deliveries = Deliveries(quick)
    assert await deliveries.replay("d", NOW_US + 5)
    found = await deliveries.find("d")
    assert found is not None
    assert (found.state, found.attempts, found.due_us, found.message) == ("pending", 0, NOW_US + 5, "msg_d")
    assert not await deliveries.replay("d", NOW_US + 6)


async def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(quick: Store) -> None:
    await add(quick, endpoint("w-1"))
    await fill(quick, delivery("waits", "w-1"))
    await fill(quick, *(structs.replace(delivery(f"e{at}", "w-1"), state="delivered", ended_us=at) for at in (9, 10)))
    await Deliveries(quick).prune(10)
    assert sorted(each.id for each in await Deliveries(quick).latest(10)) == ["e10", "waits"]


async def test_a_secret_is_rotated_by_one_of_two(store: Store) -> None:
    first = endpoint("w-1")
    await add(store, first)
    rotated = await asyncio.gather(*(Endpoints(store).rotate(first, bytes([n]), NOW_US) for n in (1, 2)))
    assert sorted(rotated) == [False, True]
    found = await Endpoints(store).find("w-1")
    assert found is not None
    assert (found.previous, found.previous_until_us) == (b"s", NOW_US)
