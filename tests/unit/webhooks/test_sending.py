"""One attempt, against a real receiver: what it gets verifies; whatever it does, the attempt ends and says how."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from gateway.webhooks.address import Resolver, Resolvers
from gateway.webhooks.sending import Attempt, Message, Sender, Target
from gateway.webhooks.signing import new_secret
from tests.unit.webhooks.receiver import CLOSE, HANG, LOOPBACK, NO_TLS, Receiver, certified, receiving

START_US = 1_800_000_000_000_000
MESSAGE = Message("msg_1", '{"type":"webhook.test","data":{}}')
SECRET = new_secret()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as listening:
        yield listening


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(to_anybody(Resolver(LOOPBACK)), tls=NO_TLS)
    yield made
    await made.close()


def to_anybody(resolver: Resolver) -> Resolvers:
    """The same networks for endpoints of the hub and of partners."""
    return Resolvers(resolver, resolver)


async def send(sender: Sender, url: str) -> Attempt:
    return await sender.send(Target(url, "swift"), [SECRET], MESSAGE, time.time_ns() // 1000)


async def test_what_arrives_verifies_with_the_library_of_the_standard(sender: Sender, receiver: Receiver) -> None:
    assert await send(sender, receiver.url + "?a=1") == Attempt(204)
    (got,) = receiver.received
    assert got.line == "POST /hook?a=1 HTTP/1.1"
    assert got.headers["content-type"] == "application/json"
    assert Webhook(SECRET.reveal()).verify(got.body, got.headers) == {"type": "webhook.test", "data": {}}
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("200 OK", Attempt(200)),
        ("202 Accepted", Attempt(202)),
        ("500 Oh", Attempt(500, "status")),
        ("404 Not Found", Attempt(404, "status")),
        ("410 Gone", Attempt(410, "gone")),
        ("429 Slowly\r\nretry-after: 120", Attempt(429, "status", 120)),
        ("503 Later\r\nretry-after: soon", Attempt(503, "status")),
        ("503 Later\r\nretry-after: Thu, 01 Jan 1970 00:00:00 GMT", Attempt(503, "status", 0)),
        ("503 Later\r\nretry-after: 99999999999999999999", Attempt(503, "status", 999_999_999)),
        (CLOSE, Attempt(fault="broken")),
    ],
)
async def test_each_way_to_answer_is_told_apart(
    sender: Sender, receiver: Receiver, answer: str, expected: Attempt
) -> None:
    receiver.answers = [answer]
    assert await send(sender, receiver.url) == expected
    assert len(receiver.received) == 1


async def test_a_receiver_that_hangs_is_left(receiver: Receiver) -> None:
    sender, receiver.answers = Sender(to_anybody(Resolver(LOOPBACK)), tls=NO_TLS, attempt_s=0.2), [HANG]
    assert await send(sender, receiver.url) == Attempt(fault="timeout")
    await sender.close()


async def test_a_redirect_is_a_failure_and_is_not_followed(sender: Sender, receiver: Receiver) -> None:
    receiver.answers = [f"307 There\r\nlocation: {receiver.url}"]
    assert await send(sender, receiver.url) == Attempt(307, "status")
    assert len(receiver.received) == 1


async def test_nobody_there_is_a_failure(sender: Sender) -> None:
    assert await send(sender, "http://127.0.0.1:9/") == Attempt(fault="unreachable")


async def test_an_address_that_is_not_admitted_is_not_called(receiver: Receiver) -> None:
    sender = Sender(to_anybody(Resolver()), tls=NO_TLS)
    assert await send(sender, receiver.url) == Attempt(fault="address")
    assert receiver.received == []
    await sender.close()


async def test_what_is_admitted_for_the_hub_is_not_for_partners_and_the_other_way_round(receiver: Receiver) -> None:
    for hub, partners, owner, expected in (
        (LOOPBACK, (), "", Attempt(204)),
        (LOOPBACK, (), "swift", Attempt(fault="address")),
        ((), LOOPBACK, "", Attempt(fault="address")),
        ((), LOOPBACK, "swift", Attempt(204)),
    ):
        sender = Sender(Resolvers(hub=Resolver(hub), partners=Resolver(partners)), tls=NO_TLS)
        assert await sender.send(Target(receiver.url, owner), [SECRET], MESSAGE, START_US) == expected
        await sender.close()
    assert len(receiver.received) == 2


async def test_the_first_address_that_takes_a_connection_is_the_one(receiver: Receiver) -> None:
    sender = Sender(to_anybody(Resolver(LOOPBACK, lambda host, port: ["127.0.0.9", "127.0.0.1"])), tls=NO_TLS)
    assert await send(sender, f"http://hooks.example:{receiver.port}/") == Attempt(204)
    assert len(receiver.received) == 1
    await sender.close()


async def test_a_name_server_that_hangs_ends_with_the_attempt() -> None:
    def hanging(host: str, port: int) -> list[str]:
        time.sleep(0.4)  # longer than the attempt
        return []

    sender = Sender(to_anybody(Resolver(LOOPBACK, hanging)), tls=NO_TLS, attempt_s=0.05)
    assert await send(sender, "https://hooks.example/") == Attempt(fault="timeout")
    await sender.close()


async def test_tls_is_for_the_name_though_the_connection_goes_to_the_address(tmp_path: Path) -> None:
    server, trusting = certified(tmp_path, "hooks.example")
    async with receiving(server) as receiver:
        sender = Sender(to_anybody(Resolver(LOOPBACK, lambda host, port: ["127.0.0.1"])), tls=trusting)
        url = f"https://hooks.example:{receiver.port}/in"
        assert await send(sender, url) == Attempt(204)
        assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"
        assert await send(sender, url.replace("hooks.example", "other.example")) == Attempt(fault="unreachable")
        assert len(receiver.received) == 1
        await sender.close()
