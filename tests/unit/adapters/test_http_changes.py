"""Changes over HTTP: what is sent, that it is sent once, and what the backend's answer means."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from adapters.base import Answer, Change, Fault, Query
from adapters.http import HttpAdapter, HttpBackend
from adapters.http_changes import body_of
from tests.unit.adapters.calls import call, leaf
from tests.unit.adapters.hostile import Peer, Reply, Served, response, serving
from tests.unit.adapters.talking import always

ID, WEIGHT, PHONE = leaf("id"), leaf("weight", "number"), leaf("customer.phone", physical_name="customer_phone")
LEADS = call("leads", ID, ID)
CREATE = Change("create", values=((WEIGHT, Decimal("1.10")), (PHONE, "138")))
UPDATE = Change("update", "L/1", values=((PHONE, None),))
DELETE = Change("delete", "L-1")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
RECORD = b'{"id":"L-1"}'


@asynccontextmanager
async def backend(reply: Reply | bytes, **options: Any) -> AsyncIterator[tuple[HttpAdapter, Served]]:
    async with serving(always(reply) if isinstance(reply, bytes) else reply) as served:
        adapter = HttpBackend(url=f"http://127.0.0.1:{served.port}/api", **{"writable": True, **options}).connect()
        try:
            yield adapter, served
        finally:
            await adapter.close()


def request_line(head: bytes) -> str:
    return head.split(b" HTTP/1.1\r\n")[0].decode()


async def test_create_update_and_delete_are_post_patch_and_delete_with_json_nested_as_the_product_is() -> None:
    async with backend(response(RECORD)) as (adapter, served):
        for change in (CREATE, UPDATE, DELETE):
            assert await adapter.change(LEADS, change) == Answer(200, "application/json", RECORD)
        assert [request_line(head) for head in served.requests] == [
            "POST /api/leads",
            "PATCH /api/leads/L%2F1",
            "DELETE /api/leads/L-1",
        ]
        assert served.bodies == [b'{"weight":1.10,"customer":{"phone":"138"}}', b'{"customer":{"phone":null}}', b""]
        assert b"\r\nContent-Type: application/json\r\n" in served.requests[0]
        assert b"\r\nContent-Type: application/merge-patch+json\r\n" in served.requests[1]
        assert b"Content-" not in served.requests[2]


async def test_the_key_of_a_try_and_the_trace_go_along_and_only_if_there_are_any() -> None:
    async with backend(response(RECORD), headers={"Authorization": "Bearer t0ken"}) as (adapter, served):
        await adapter.change(LEADS, Change("delete", "L-1", idempotency_key='a"b\\c', traceparent=TRACE))
        await adapter.change(LEADS, Change("delete", "L-1", traceparent=f"{TRACE}\r\nX-Injected: 1"))
        first, second = served.requests
        assert b'\r\nIdempotency-Key: "a\\"b\\\\c"\r\n' in first
        assert f"\r\ntraceparent: {TRACE}\r\n".encode() in first
        assert b"\r\nAuthorization: Bearer t0ken\r\n" in second
        for absent in (b"dempotency", b"traceparent", b"Injected"):
            assert absent not in second


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.10"), "1.10"),
        (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789"),
        (Decimal("1E+5"), "1E+5"),
        (2**80, str(2**80)),
        (-(2**80), str(-(2**80))),
        ([Decimal("0.10"), {"a": 2**70}], f'[0.10,{{"a":{2**70}}}]'),
        (True, "true"),
        ("运单", '"运单"'),
    ],
)
def test_values_are_written_exactly(value: Any, text: str) -> None:
    body = body_of([(WEIGHT, value)])
    assert body == f'{{"weight":{text}}}'.encode()
    assert json.loads(body, parse_float=Decimal) == {"weight": value}


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), Decimal("Infinity"), float("inf"), "\ud800", [{"a": Decimal("sNaN")}]]
)
async def test_a_value_that_json_cannot_say_is_refused_before_anything_is_sent(value: Any) -> None:
    async with backend(response(RECORD)) as (adapter, served):
        assert await adapter.change(LEADS, Change("create", values=((WEIGHT, value),))) == Answer(422, "", b"")
        assert served.connections == 0


@pytest.mark.parametrize("key", ["", "..", "../admin", "a//b", "a\r\nX: y"])
async def test_a_key_that_a_server_could_read_as_another_path_changes_nothing(key: str) -> None:
    async with backend(response(RECORD)) as (adapter, served):
        for change in (Change("update", key, ((WEIGHT, 1),)), Change("delete", key)):
            assert await adapter.change(LEADS, change) == Answer(404, "", b"")
        assert served.connections == 0


@pytest.mark.parametrize(
    ("status", "create", "update", "delete"),
    [
        ("200 OK", 200, 200, 200),
        ("201 Created", 201, 201, 201),
        ("202 Accepted", 204, 204, 204),
        ("400 Bad Request", 422, 422, 400),
        ("403 Forbidden", 403, 403, 403),
        ("404 Not Found", 404, 404, 404),
        ("409 Conflict", 409, 409, 409),
        ("410 Gone", 410, 404, 404),
        ("412 Precondition Failed", 409, 409, 409),
        ("422 Unprocessable", 422, 422, 422),
        ("429 Too Many", 429, 429, 429),
        ("500 Oops", 500, 500, 500),
    ],
)
async def test_the_backends_status_says_what_became_of_it(status: str, create: int, update: int, delete: int) -> None:
    async with backend(response(RECORD, status=status.encode())) as (adapter, _):
        outcomes = [await adapter.change(LEADS, change) for change in (CREATE, UPDATE, DELETE)]
        assert [isinstance(outcome, Answer) and outcome.status for outcome in outcomes] == [create, update, delete]


@pytest.mark.parametrize("head", [b"204 No Content\r\n\r\n", b"200 OK\r\nContent-Length: 0\r\n\r\n"])
async def test_done_without_a_record_is_204(head: bytes) -> None:
    async with backend(b"HTTP/1.1 " + head) as (adapter, _):
        assert await adapter.change(LEADS, DELETE) == Answer(204, "", b"")


async def test_a_redirect_says_nothing_about_the_change() -> None:
    async with backend(response(b"", b"Location: /x", status=b"303 See Other")) as (adapter, served):
        outcome = await adapter.change(LEADS, CREATE)
        assert isinstance(outcome, Fault)
        assert outcome.kind == "protocol"
        assert len(served.requests) == 1


async def test_a_backend_that_is_not_writable_is_never_asked() -> None:
    async with backend(response(RECORD), writable=False) as (adapter, served):
        outcome = await adapter.change(LEADS, CREATE)
        assert isinstance(outcome, Fault)
        assert served.connections == 0
    assert not HttpBackend(url="http://h").writes()
    assert HttpBackend(url="http://h", writable=True).writes()


async def test_a_change_never_travels_on_a_connection_that_was_used_and_reads_may_use_its_own() -> None:
    async with backend(response(RECORD), connections=1) as (adapter, served):
        seen = []
        for change in (None, CREATE, None, CREATE, CREATE):
            if change is None:
                await adapter.answer(LEADS, Query(key="L-1"))
            else:
                await adapter.change(LEADS, change)
            seen.append(served.connections)
        assert seen == [1, 2, 2, 3, 4]


async def test_a_connection_that_ends_without_an_answer_leaves_it_open_whether_the_change_was_made() -> None:
    async def hang_up(peer: Peer, _number: int) -> None:
        await peer.close()

    async with backend(hang_up) as (adapter, served):
        outcome = await adapter.change(LEADS, CREATE)
        assert isinstance(outcome, Fault)
        assert outcome.kind == "protocol"
        assert len(served.requests) == 1


async def test_a_change_is_unreachable_only_if_nothing_of_it_can_have_arrived() -> None:
    async with serving(always(b"")) as served:
        port = served.port
    adapter = HttpBackend(url=f"http://127.0.0.1:{port}", writable=True).connect()
    refused = await adapter.change(LEADS, CREATE)
    await adapter.close()
    closed = await adapter.change(LEADS, CREATE)
    for outcome in (refused, closed):
        assert isinstance(outcome, Fault)
        assert outcome.kind == "unreachable"


async def test_waiting_for_a_connection_in_vain_is_unreachable_and_waiting_for_an_answer_is_a_timeout() -> None:
    async def silent(peer: Peer, _number: int) -> None:
        await asyncio.Event().wait()

    async with backend(silent, connections=1) as (adapter, served):
        first = asyncio.create_task(adapter.change(call("leads", ID, ID, timeout_ms=400), CREATE))
        await served.asked.wait()
        second = await adapter.change(call("leads", ID, ID, timeout_ms=50), CREATE)
        outcomes = [second, await first]
        assert [isinstance(outcome, Fault) and outcome.kind for outcome in outcomes] == ["unreachable", "timeout"]
        assert len(served.requests) == 1


async def test_nothing_of_a_value_is_in_a_fault() -> None:
    async with backend(b"HTTP/1.1 200 canary\r\nContent-Length: x\r\n\r\n") as (adapter, _):
        outcome = await adapter.change(LEADS, Change("create", values=((PHONE, "canary"),)))
        assert isinstance(outcome, Fault)
        assert "canary" not in outcome.detail
