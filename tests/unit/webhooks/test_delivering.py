"""At least once to whoever answers; again and then no more to whoever does not; and nobody waits for another."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from gateway.store.claims import CLAIM_S
from gateway.store.hidden import Hidden
from gateway.webhooks.address import Resolver, Resolvers
from gateway.webhooks.delivering import KEEP_S, Delivering, Transports, signing_keys
from gateway.webhooks.schedule import DELAYS_S
from gateway.webhooks.sending import ATTEMPT_S, Sender
from gateway.webhooks.signing import Sealing, new_secret
from tests.unit.webhooks.outbox import SEALING, SECOND_US, START_US, Stage, staged
from tests.unit.webhooks.receiver import CLOSE, HANG, LOOPBACK, NO_TLS, Receiver, eventually, receiving


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as listening:
        yield listening


@pytest.fixture
async def worker(stage: Stage) -> AsyncIterator[Delivering]:
    made = stage.worker()
    yield made
    await made.close()


async def work(worker: Delivering) -> None:
    """Look at the outbox once, and wait for what comes of it."""
    await worker.step()
    await worker.settled()


def test_an_attempt_is_over_well_before_anybody_else_may_claim_it() -> None:
    assert ATTEMPT_S * 1.5 < CLAIM_S


async def test_what_is_told_arrives_once_and_verifies(stage: Stage, worker: Delivering, receiver: Receiver) -> None:
    stage.now_us = time.time_ns() // 1000
    await stage.endpoint("w-1", receiver.url)
    await stage.tell()
    await work(worker)
    await work(worker)
    (got,) = receiver.received
    assert Webhook(stage.secrets["w-1"].reveal()).verify(got.body, got.headers)["data"] == {"task": "t-0"}
    assert got.headers["webhook-id"] == (await stage.only()).message
    assert await stage.states("w-1") == [("delivered", 1, "")]


async def test_no_partner_gets_to_where_the_hub_alone_may_post(stage: Stage, receiver: Receiver) -> None:
    hub_alone = Sender(Resolvers(hub=Resolver(LOOPBACK), partners=Resolver()), tls=NO_TLS)
    worker = Delivering(stage.store, Transports(hub_alone, SEALING), lambda: stage.now_us, lambda: 0.0)
    await stage.endpoint("w-hub", receiver.url, partner="")
    await stage.endpoint("w-swift", receiver.url)
    await stage.tell()
    await stage.outbox.notify("alert.raised", "", {"alert": "al-1"})
    await work(worker)
    assert await stage.states("w-hub") == [("delivered", 1, "")]
    assert await stage.states("w-swift") == [("pending", 1, "address")]
    await worker.close()


async def test_operators_hear_once_of_an_endpoint_whose_address_no_setting_admits(
    stage: Stage, receiver: Receiver
) -> None:
    closed = Sender(Resolvers(hub=Resolver(), partners=Resolver()), tls=NO_TLS)
    worker = Delivering(stage.store, Transports(closed, SEALING), lambda: stage.now_us, lambda: 0.0)
    await stage.endpoint("w-1", receiver.url)
    await stage.tell()
    with capture_logs() as said:
        for delay_s in DELAYS_S[:2]:
            await work(worker)
            stage.now_us += delay_s * SECOND_US
    assert await stage.states("w-1") == [("pending", 2, "address")]
    assert [(each["endpoint"], each["log_level"]) for each in said] == [("w-1", "warning")]
    await worker.close()


@pytest.mark.parametrize("answer", ["500 Oh", "301 There", "404 No", CLOSE])
async def test_what_fails_is_attempted_again_under_the_same_id(
    stage: Stage, worker: Delivering, receiver: Receiver, answer: str
) -> None:
    await stage.endpoint("w-1", receiver.url)
    await stage.tell()
    receiver.answers = [answer]
    await work(worker)
    stage.now_us += DELAYS_S[0] * SECOND_US - 1
    await work(worker)
    assert len(receiver.received) == 1, "not before its time"
    stage.now_us += 1
    await work(worker)
    assert await stage.states("w-1") == [("delivered", 2, "")]
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


async def test_after_ten_attempts_it_is_dead_until_somebody_replays_it(
    stage: Stage, worker: Delivering, receiver: Receiver
) -> None:
    await stage.endpoint("w-1", receiver.url)
    await stage.tell()
    receiver.answers = ["500 Oh"] * 10
    for delay_s in (*DELAYS_S, 10 * 86_400, 0):
        await work(worker)
        stage.now_us += delay_s * SECOND_US
    assert len(receiver.received) == 10
    assert await stage.states("w-1") == [("dead", 10, "status")]
    dead = await stage.only()
    assert await stage.deliveries.replay(dead.id, stage.now_us)
    await work(worker)
    assert await stage.states("w-1") == [("delivered", 1, "")]
    assert {each.headers["webhook-id"] for each in receiver.received} == {dead.message}


async def test_an_endpoint_that_answers_410_gets_nothing_more(
    stage: Stage, worker: Delivering, receiver: Receiver
) -> None:
    await stage.endpoint("w-1", receiver.url)
    await stage.tell(3)
    receiver.answers = ["410 Gone"]
    await work(worker)
    await stage.tell()
    await work(worker)
    assert len(receiver.received) == 1
    assert sorted(await stage.states("w-1")) == [("dead", 0, "gone"), ("dead", 0, "gone"), ("dead", 1, "gone")]


async def test_a_receiver_that_asks_for_silence_gets_it_for_everything(
    stage: Stage, worker: Delivering, receiver: Receiver
) -> None:
    await stage.endpoint("w-1", receiver.url)
    await stage.tell()
    receiver.answers = ["429 Slowly\r\nretry-after: 60"]
    await work(worker)
    await stage.tell()
    stage.now_us += 60 * SECOND_US - 1
    await work(worker)
    assert len(receiver.received) == 1
    stage.now_us += 1
    await work(worker)
    assert len(receiver.received) == 3


async def test_a_receiver_that_hangs_delays_nobody_else(stage: Stage, receiver: Receiver) -> None:
    async with receiving() as hanging:
        worker = stage.worker()
        hanging.answers = [HANG] * 5
        await stage.endpoint("dead", hanging.url)
        await stage.endpoint("alive", receiver.url)
        await stage.tell(5)

        async def all_arrived() -> bool:
            await worker.step()
            return len(receiver.received) == 5

        await eventually(all_arrived)
        assert len(hanging.received) == 1, "one attempt at a time"
        assert [state for state, _, _ in await stage.states("dead")] == ["pending"] * 5
        await worker.close()


async def test_a_worker_that_ends_in_an_attempt_leaves_it_to_the_next_one(stage: Stage, receiver: Receiver) -> None:
    await stage.endpoint("w-1", receiver.url)
    await stage.tell()
    receiver.answers = [HANG]
    first, second = stage.worker(), stage.worker()
    await first.step()

    async def arrived() -> bool:
        return bool(receiver.received)

    await eventually(arrived)
    await first.close()
    await work(second)
    assert len(receiver.received) == 1, "the claim still holds"
    stage.now_us += CLAIM_S * SECOND_US
    await work(second)
    assert await stage.states("w-1") == [("delivered", 1, "")]
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1
    await second.close()


async def test_several_workers_deliver_everything_once(stage: Stage, receiver: Receiver) -> None:
    await stage.endpoint("w-1", receiver.url)
    await stage.tell(12)
    workers = [stage.worker() for _ in range(3)]
    for _ in range(2):
        await asyncio.gather(*(each.step() for each in workers))
        await asyncio.gather(*(each.settled() for each in workers))
    assert len(receiver.received) == 12
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 12
    assert await stage.states("w-1") == [("delivered", 1, "")] * 12
    for each in workers:
        await each.close()


async def test_a_secret_that_was_replaced_signs_until_its_time_is_over(stage: Stage) -> None:
    await stage.endpoint("w-1", "https://hooks.example/")
    endpoint = await stage.endpoints.find("w-1")
    assert endpoint is not None
    new = new_secret()
    assert await stage.endpoints.rotate(endpoint, SEALING.seal(new, "w-1"), START_US + 1)
    rotated = await stage.endpoints.find("w-1")
    assert rotated is not None
    both = [each.reveal() for each in signing_keys(rotated, SEALING, START_US)]
    assert both == [new.reveal(), stage.secrets["w-1"].reveal()]
    assert [each.reveal() for each in signing_keys(rotated, SEALING, START_US + 1)] == [new.reveal()]
    assert signing_keys(rotated, Sealing(Hidden(bytes([7] * 32))), START_US) == []
    assert signing_keys(structs.replace(rotated, id="w-2"), SEALING, START_US) == []


async def test_an_endpoint_whose_secret_cannot_be_opened_is_told_nothing_unsigned(
    stage: Stage, worker: Delivering, receiver: Receiver
) -> None:
    await stage.endpoint("w-1", receiver.url)
    endpoint = await stage.endpoints.find("w-1")
    assert endpoint is not None
    assert await stage.endpoints.rotate(endpoint, b"of another server", START_US + 1)
    await stage.tell()
    await work(worker)
    assert receiver.received == []
    assert await stage.states("w-1") == [("pending", 1, "secret")]


async def test_what_was_delivered_is_forgotten_after_a_month(stage: Stage, receiver: Receiver) -> None:
    await stage.endpoint("w-1", receiver.url)
    await stage.tell()
    first = stage.worker()
    await work(first)
    stage.now_us += KEEP_S * SECOND_US
    await work(first)
    assert await stage.states("w-1") == [("delivered", 1, "")]
    stage.now_us += 3_600 * SECOND_US
    await work(first)
    assert await stage.states("w-1") == []
    await first.close()


async def test_the_service_delivers_by_itself(stage: Stage, worker: Delivering, receiver: Receiver) -> None:
    await stage.endpoint("w-1", receiver.url)
    worker.start(interval_s=0.01)
    await stage.tell()

    async def delivered() -> bool:
        return await stage.states("w-1") == [("delivered", 1, "")]

    await eventually(delivered)
