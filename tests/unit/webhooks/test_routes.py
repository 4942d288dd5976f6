"""/partner/webhooks: a partner looks after its own endpoints; a secret is shown once; others' do not exist."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.writer import Writer
from gateway.front_doors import front_doors
from gateway.partner.door import PartnerDoor
from gateway.webhooks.authority import ENDPOINTS_MAX, ROTATION_US, WebhookAuthority
from gateway.webhooks.delivering import signing_keys
from gateway.webhooks.routes import webhook_routes
from tests.unit.audit.doubles import BRIEF
from tests.unit.exchange.judging import judged_by
from tests.unit.webhooks.outbox import SEALING, Stage, staged
from tests.unit.webhooks.receiver import grants, in_process

CALLS = (("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test"), ("GET", "/deliveries"))
URL = "https://hooks.swift.example/in?key=8f2c"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as made:
        yield made


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    opened = Writer.open(tmp_path / "log", "w1", options=BRIEF)
    assert isinstance(opened, Writer)
    yield opened
    opened.close()


@pytest.fixture
async def call(stage: Stage, writer: Writer) -> AsyncIterator[httpx.AsyncClient]:
    authority = WebhookAuthority(stage.store, writer, SEALING, lambda: stage.now_us)
    door = PartnerDoor(judged_by(grants), now_us=lambda: stage.now_us)
    async with in_process(front_doors(webhook_routes(door, stage.store, authority, plain=False)), "swift") as client:
        yield client


async def add(call: httpx.AsyncClient, **changed: Any) -> dict[str, Any]:
    answer = await call.post("/partner/webhooks", json={"url": URL} | changed)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def events(folder: Path) -> list[tuple[str, str, str]]:
    return [(each.event, each.subject, each.partner) for each in read_as(folder / "log", Authority)]


async def test_an_endpoint_is_added_shown_and_removed_and_each_change_is_on_the_log(
    stage: Stage, call: httpx.AsyncClient, tmp_path: Path
) -> None:
    made = await add(call, events=["task", "statement.issued"])
    kept = await stage.endpoints.find(made["id"])
    assert kept is not None
    assert (kept.partner, kept.creator, kept.events) == ("swift", "swift-app", ("task", "statement.issued"))
    assert [key.reveal() for key in signing_keys(kept, SEALING, stage.now_us)] == [made["secret"]]
    shown = (await call.get(f"/partner/webhooks/{made['id']}")).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert (await call.get("/partner/webhooks")).json() == {"webhooks": [shown]}
    assert (await call.delete(f"/partner/webhooks/{made['id']}")).status_code == 200
    assert (await call.get("/partner/webhooks")).json() == {"webhooks": []}
    subject = f"{made['id']} swift"
    assert events(tmp_path) == [("webhook-added", subject, "swift"), ("webhook-removed", subject, "swift")]
    written = b"".join(path.read_bytes() for path in (tmp_path / "log").rglob("*.seg"))
    assert made["secret"].encode() not in written
    assert b"8f2c" not in written


async def test_a_secret_is_rotated_and_the_one_before_signs_for_a_day(stage: Stage, call: httpx.AsyncClient) -> None:
    made = await add(call)
    rotated = (await call.post(f"/partner/webhooks/{made['id']}/rotate")).json()
    kept = await stage.endpoints.find(made["id"])
    assert kept is not None
    assert [each.reveal() for each in signing_keys(kept, SEALING, stage.now_us)] == [rotated["secret"], made["secret"]]
    stage.now_us += ROTATION_US
    assert [each.reveal() for each in signing_keys(kept, SEALING, stage.now_us)] == [rotated["secret"]]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://hooks.example/"}, "/url"),
        ({"url": "http://hooks.example/"}, "/url"),
        ({"url": "https://user:password@hooks.example/"}, "/url"),
        ({"url": URL, "events": ["task.exploded"]}, "/events"),
        ({"url": URL, "events": "task"}, "/events"),
        ({"url": URL, "partner": "bank"}, None),
        ({}, None),
    ],
)
async def test_an_endpoint_with_a_mistake_is_none(
    stage: Stage, call: httpx.AsyncClient, body: dict[str, Any], pointer: str | None
) -> None:
    answer = await call.post("/partner/webhooks", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-body")
    assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer
    assert "password" not in answer.text
    assert await stage.endpoints.all() == ()


async def test_a_partner_has_so_many_endpoints_and_no_more(call: httpx.AsyncClient) -> None:
    for _ in range(ENDPOINTS_MAX):
        await add(call)
    answer = await call.post("/partner/webhooks", json={"url": URL})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflict")


async def test_deliveries_are_shown_and_replayed_by_their_owner_alone(stage: Stage, call: httpx.AsyncClient) -> None:
    made = await add(call)
    await stage.tell()
    path = f"/partner/webhooks/{made['id']}/deliveries"
    (delivery,) = (await call.get(path)).json()["deliveries"]
    assert (delivery["event"], delivery["state"], delivery["attempts"]) == ("task.created", "pending", 0)
    assert (await call.post(f"{path}/{delivery['id']}/replay")).status_code == 409
    await stage.deliveries.claim(await stage.only(), stage.now_us)
    await stage.deliveries.settle(delivery["id"], stage.now_us, {"state": "dead", "ended_us": stage.now_us})
    for headers in ({"authorization": "Bearer bank"}, {}):
        answer = await call.post(f"{path}/{delivery['id']}/replay", headers=headers)
        assert answer.status_code == (404 if headers else 202)
    assert (await stage.only()).state == "pending"
    assert (await call.post(f"{path}/d-0/replay")).status_code == 404


async def test_a_delivery_of_another_endpoint_is_not_replayed_through_ones_own(
    stage: Stage, call: httpx.AsyncClient
) -> None:
    mine = await add(call)
    await stage.endpoint("theirs", "https://bank.example/", "bank")
    await stage.outbox.notify("task.created", "bank", {})
    (delivery,) = await stage.deliveries.latest(1)
    answer = await call.post(f"/partner/webhooks/{mine['id']}/deliveries/{delivery.id}/replay")
    assert answer.status_code == 404


async def test_what_is_another_partners_does_not_exist(stage: Stage, call: httpx.AsyncClient) -> None:
    await stage.endpoint("theirs", "https://bank.example/", "bank")
    await stage.endpoint("hub", "https://hub.example/", "")
    assert (await call.get("/partner/webhooks")).json() == {"webhooks": []}
    for name in ("theirs", "hub", "none"):
        for method, path in CALLS:
            answer = await call.request(method, f"/partner/webhooks/{name}{path}")
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert len(await stage.endpoints.all()) == 2


async def test_a_test_event_waits_in_the_outbox_whatever_the_endpoint_wants(
    stage: Stage, call: httpx.AsyncClient
) -> None:
    made = await add(call, events=["task.created"])
    answer = await call.post(f"/partner/webhooks/{made['id']}/test")
    assert (answer.status_code, answer.json()["event"]) == (202, "webhook.test")
    assert (await stage.only()).endpoint == made["id"]
    await stage.endpoints.gone(made["id"], stage.now_us)
    assert (await call.post(f"/partner/webhooks/{made['id']}/test")).status_code == 409
    dead = await stage.only()
    assert (await call.post(f"/partner/webhooks/{made['id']}/deliveries/{dead.id}/replay")).status_code == 409


async def test_without_the_log_no_endpoint_is_added(stage: Stage, call: httpx.AsyncClient, writer: Writer) -> None:
    writer.close()
    answer = await call.post("/partner/webhooks", json={"url": URL})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/log-unavailable")
    assert await stage.endpoints.all() == ()
