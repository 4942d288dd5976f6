"""Changes from end to end: announced before they are made, made once, and told apart from what nobody knows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.base import Answer, Call, Change, Fault
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Exchange, Intent
from gateway.store.faults import StoreError
from gateway.store.idempotency import Idempotency
from gateway.store.store import Store
from tests.unit.exchange.stage import Reply, ScriptedAdapter, Stage, said
from tests.unit.exchange.wares import SEEN, WARES, Database, ware, wares
from tests.unit.store.ready_file import ready_file

BODY = {"id": "W-1", "pieces": 3, "price": 1.5, "name": "张三"}
PATCH = {"content_type": "application/merge-patch+json"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(ready_file(tmp_path, "state.db"))
    yield opened
    await opened.close()


@pytest.fixture
def stage(tmp_path: Path, store: Store) -> Stage:
    return staged(tmp_path / "log", store)


def staged(folder: Path, store: Store, **options: Any) -> Stage:
    made = Stage(folder, wares(**options), store=store)
    made.grant = WARES
    made.adapter.says = said(ware())
    made.adapter.changes_say = said(ware(), 201)
    return made


def intents(stage: Stage) -> list[Intent]:
    return [entry for entry in stage.entries() if isinstance(entry, Intent)]


async def create(stage: Stage, key: str | None = None, body: Any = BODY) -> Reply:
    headers = {} if key is None else {"idempotency_key": key}
    return await stage.ask("POST", "/v1/wares", body, **headers)


async def test_a_created_record_is_answered_as_the_partner_sees_it_with_its_place_and_etag(stage: Stage) -> None:
    reply = await create(stage)
    assert (reply.status, reply.json()) == (201, SEEN)
    assert reply.headers["location"] == "/v1/wares/W-1"
    assert reply.headers["cache-control"] == "no-store"
    got = await stage.get("/v1/wares/W-1")
    assert got.headers["etag"] == reply.headers["etag"]
    (_, made) = stage.adapter.changes[0]
    assert {field.path: value for field, value in made.values}[("owner",)] == "SWIFT"


async def test_the_intent_is_on_the_log_before_the_backend_is_asked_and_the_exchange_after(stage: Stage) -> None:
    logged: list[list[str]] = []
    stage.adapter.meanwhile = lambda: logged.append([type(entry).__name__ for entry in stage.entries()])
    await create(stage)
    assert logged == [["Intent"]]
    intent, exchange = stage.entries()
    assert isinstance(intent, Intent)
    assert isinstance(exchange, Exchange)
    assert (intent.request_id, intent.operation, intent.method) == (exchange.request_id, "create", "POST")
    assert (exchange.status, exchange.records) == (201, 1)
    assert "W-1" not in str(stage.entries())


async def test_a_caller_that_sends_its_body_slowly_makes_no_answer_slow(stage: Stage) -> None:
    """Else a partner could make the hub miss every promise about response times, and be paid for it."""
    stage.upload_ns = 25_000_000_000

    def works() -> None:
        stage.now_ns += 40_000_000

    stage.adapter.meanwhile = works
    assert (await create(stage)).status == 201
    (record,) = stage.records()
    assert record.latency_us == 40_000


async def test_without_the_intent_nothing_is_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_entry: object) -> LogFault:
        return LogFault("stopped", "fdatasync: EIO")

    monkeypatch.setattr(stage.writer, "append_durable", fail)
    reply = await create(stage)
    assert (reply.status, reply.code) == (503, "log-unavailable")
    assert stage.adapter.changes == []


async def test_an_update_and_a_deletion_are_of_ones_own_record_only(stage: Stage) -> None:
    stage.adapter.changes_say = said(ware(pieces=9))
    updated = await stage.ask("PATCH", "/v1/wares/W-1", {"pieces": 9}, **PATCH)
    assert (updated.status, updated.json()["pieces"]) == (200, 9)
    deleted = await stage.ask("DELETE", "/v1/wares/W-1", None)
    assert (deleted.status, deleted.body) == (204, b"")
    assert [(change.action, change.key) for _, change in stage.adapter.changes] == [
        ("update", "W-1"),
        ("delete", "W-1"),
    ]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_foreign_record_answers_like_one_that_does_not_exist_and_is_not_touched(
    stage: Stage, method: str
) -> None:
    replies = []
    for says in (said(ware(owner="OTHER")), Answer(404, "", b"")):
        stage.adapter.says = says
        body = {"pieces": 1} if method == "PATCH" else None
        replies.append(await stage.ask(method, "/v1/wares/W-9", body, if_match='"x"'))
    hidden = {"request_id", "receipt"}
    foreign, missing = ({k: v for k, v in reply.json().items() if k not in hidden} for reply in replies)
    assert foreign == missing
    assert foreign["status"] == 404
    kept = [{k: v for k, v in reply.headers.items() if k in {"content-type", "vary", "etag"}} for reply in replies]
    assert kept[0] == kept[1]
    assert stage.adapter.changes == []
    assert intents(stage) == []


async def test_a_backend_that_enforces_rows_is_asked_for_the_change_alone(tmp_path: Path, store: Store) -> None:
    stage = staged(tmp_path / "log", store, backend=Database())
    stage.adapter.changes_say = Answer(404, "", b"")
    reply = await stage.ask("PATCH", "/v1/wares/W-9", {"pieces": 1})
    assert (reply.code, stage.adapter.asked) == ("record-not-found", [])
    ((call, _),) = stage.adapter.changes
    assert call.condition is not None


async def test_if_match_lets_a_change_through_only_while_the_record_is_as_the_caller_knows_it(stage: Stage) -> None:
    known = (await stage.get("/v1/wares/W-1")).headers["etag"]
    for tag, status in ((known, 204), (f'"x", {known}', 204), ("*", 204), ('"x"', 412), (f"W/{known}", 412)):
        reply = await stage.ask("DELETE", "/v1/wares/W-1", None, if_match=tag)
        assert reply.status == status, tag
    stage.adapter.says = said(ware(pieces=99))
    assert (await stage.ask("DELETE", "/v1/wares/W-1", None, if_match=known)).code == "precondition-failed"
    assert len(stage.adapter.changes) == len(intents(stage)) == 3


async def test_every_mistake_of_a_body_is_said_with_its_place_and_without_its_value(stage: Stage) -> None:
    body = {"pieces": "canary", "hidden": "canary", "address": {"city": 7}}
    reply = await create(stage, body=body)
    assert (reply.status, reply.code) == (422, "invalid-body")
    pointers = [error["pointer"] for error in reply.json()["errors"]]
    assert {"/pieces", "/hidden", "/address/city"} <= set(pointers)
    assert b"canary" not in reply.body
    assert (stage.adapter.changes, intents(stage)) == ([], [])
    chinese = await stage.ask("POST", "/v1/wares", body, accept_language="zh")
    assert chinese.json()["errors"][0]["detail"] != reply.json()["errors"][0]["detail"]


async def test_what_may_be_read_may_not_therefore_be_written(stage: Stage) -> None:
    stage.grant = replace(WARES, scopes=frozenset({"wares:read"}))
    reply = await create(stage)
    assert (reply.status, reply.code) == (403, "insufficient-scope")
    assert stage.adapter.changes == []


async def test_a_record_outside_the_partners_rows_is_not_created(tmp_path: Path, store: Store) -> None:
    rows = ("rows: record.owner == partner.code", "rows: record.owner == partner.code && record.day < '2026-06-01'")
    written = staged(tmp_path / "log", store, product=rows)
    reply = await create(written, body={**BODY, "day": "2026-07-01"})
    assert (reply.status, reply.code, written.adapter.changes) == (403, "outside-rows", [])
    assert reply.json()["clause"]


@pytest.mark.parametrize("header", ['"k-1"', "k-1"])
async def test_a_repetition_gets_the_first_answer_and_changes_nothing(stage: Stage, header: str) -> None:
    first = await create(stage, header)
    stage.adapter.changes_say = RuntimeError("asked twice")
    again = await create(stage, header)
    assert (again.status, again.body) == (201, first.body)
    for name in ("etag", "location", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert not [name for name in again.headers if "mask" in name]
    assert len(stage.adapter.changes) == len(intents(stage)) == 1
    assert [record.status for record in stage.records()] == [201, 201]


async def test_a_repetition_is_known_after_a_restart_and_its_data_only_under_the_same_mask(
    tmp_path: Path, store: Store, stage: Stage
) -> None:
    first = await create(stage, "k-1")
    reopened = await Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    same = staged(tmp_path / "log-2", reopened)
    assert (await create(same, "k-1")).body == first.body
    narrower = staged(tmp_path / "log-3", reopened, product=("name: {keep_first: 1}", "name: redact"))
    reply = await create(narrower, "k-1")
    assert (reply.status, reply.body) == (201, b"")
    assert same.adapter.changes == narrower.adapter.changes == []
    await reopened.close()


async def test_a_key_is_of_one_change_and_of_one_client(stage: Stage) -> None:
    await create(stage, "k-1")
    other = await create(stage, "k-1", {**BODY, "pieces": 4})
    assert (other.status, other.code) == (422, "idempotency-mismatch")
    assert (await stage.ask("DELETE", "/v1/wares/W-1", None, idempotency_key="k-1")).code == "idempotency-mismatch"
    stage.grant = replace(WARES, client="another-app")
    assert (await create(stage, "k-1", {**BODY, "pieces": 4})).status == 201
    told = [change.idempotency_key for _, change in stage.adapter.changes]
    assert len(set(told)) == 2
    assert "k-1" not in str(told)


@pytest.mark.parametrize("header", ["", '"', '"k', "a b", "k" * 256, '""'])
async def test_a_key_that_is_none_is_refused_before_anything_is_done(stage: Stage, header: str) -> None:
    reply = await create(stage, header)
    assert (reply.status, reply.code) == (400, "invalid-idempotency-key")
    assert stage.adapter.changes == []


@pytest.mark.parametrize("trouble", [Fault("timeout", ""), Fault("protocol", ""), Answer(500, "", b"")], ids=str)
async def test_a_change_of_which_nobody_knows_is_not_tried_again(stage: Stage, trouble: Any) -> None:
    stage.adapter.changes_say = trouble
    assert (await create(stage, "k-1")).status in {502, 504}
    stage.adapter.changes_say = said(ware(), 201)
    again = await create(stage, "k-1")
    assert (again.status, again.code) == (409, "idempotency-unknown")
    assert len(stage.adapter.changes) == 1


@pytest.mark.parametrize(
    "trouble", [Fault("unreachable", ""), Answer(409, "", b""), Answer(422, "", b""), Answer(403, "", b"")], ids=str
)
async def test_a_change_that_was_certainly_not_made_may_be_tried_again_with_its_key(stage: Stage, trouble: Any) -> None:
    stage.adapter.changes_say = trouble
    assert (await create(stage, "k-1")).status >= 400
    stage.adapter.changes_say = said(ware(), 201)
    assert (await create(stage, "k-1")).status == 201
    first, second = (change.idempotency_key for _, change in stage.adapter.changes)
    assert first == second


class Slow(ScriptedAdapter):
    """Begins a change and waits until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def change(self, call: Call, change: Change) -> Answer | Fault:
        self.begun.set()
        await self.go_on.wait()
        return await super().change(call, change)


async def test_of_two_tries_at_once_one_is_made_and_the_other_told_so(tmp_path: Path, store: Store) -> None:
    slow = Slow()
    slow.says = said(ware(), 201)
    stage = Stage(tmp_path / "log", wares(), adapter=slow, store=store)
    stage.grant = WARES
    first = asyncio.create_task(create(stage, "k-1"))
    await slow.begun.wait()
    second = await create(stage, "k-1")
    assert (second.status, second.code) == (409, "idempotency-in-flight")
    slow.go_on.set()
    assert (await first).status == 201
    assert (await create(stage, "k-1")).status == 201
    assert len(slow.changes) == 1


async def test_without_the_store_a_change_with_a_key_is_not_tried_and_one_without_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StoreError("unreadable", "state.db", "disk I/O error")

    monkeypatch.setattr(Idempotency, "claim", fail)
    reply = await create(stage, "k-1")
    assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "state-unavailable", "5")
    assert stage.adapter.changes == []
    assert (await create(stage)).status == 201


async def test_a_store_that_fails_afterwards_takes_nothing_back_and_lets_nothing_happen_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StoreError("unreadable", "state.db", "disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(Idempotency, "settle", fail)
        assert (await create(stage, "k-1")).status == 201
    assert (await create(stage, "k-1")).code in {"idempotency-in-flight", "idempotency-unknown"}
    assert len(stage.adapter.changes) == 1


async def test_a_defect_of_ours_is_500_and_leaves_the_key_taken(stage: Stage) -> None:
    stage.adapter.changes_say = RuntimeError("canary")
    reply = await create(stage, "k-1")
    assert (reply.status, reply.code) == (500, "internal")
    assert b"canary" not in reply.body
    assert (await create(stage, "k-1")).status == 409
    assert len(stage.adapter.changes) == 1
