"""The http kind: what is asked of a REST backend, and what its answers become."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.base import AllOf, Answer, AnyOf, Compare, Condition, Fault, Negation, Order, Query
from adapters.http import HttpAdapter, HttpBackend
from tests.unit.adapters.calls import call, leaf
from tests.unit.adapters.hostile import Peer, Served, response, serving

ID = leaf("id")
CARRIER = leaf("carrier.code", physical_name="carrier_code")
WEIGHT = leaf("weight", "integer")
SHIPMENTS = call("shipments", ID, ID)


@asynccontextmanager
async def backend(answer: bytes = b"", path: str = "", **options: object) -> AsyncIterator[tuple[HttpAdapter, Served]]:
    async def reply(peer: Peer, _number: int) -> None:
        await peer.send(answer or response(b"{}"))

    async with serving(reply) as served:
        settings = HttpBackend(url=f"http://127.0.0.1:{served.port}{path}", **options)  # type: ignore[arg-type]
        assert settings.faults() == []
        adapter = settings.connect()
        try:
            yield adapter, served
        finally:
            await adapter.close()


def targets(served: Served) -> list[str]:
    return [head.split(b" ")[1].decode() for head in served.requests]


async def test_a_list_asks_for_a_limit_and_then_for_what_comes_after() -> None:
    async with backend(path="/api/") as (adapter, served):
        await adapter.answer(SHIPMENTS, Query(limit=10))
        await adapter.answer(SHIPMENTS, Query(limit=20, after="S-1&x=ü"))
        assert targets(served) == ["/api/shipments?limit=10", "/api/shipments?limit=20&after=S-1%26x%3D%C3%BC"]


async def test_parameters_have_the_names_that_the_backend_gives_them() -> None:
    async with backend(limit_parameter="page[size]", after_parameter="page[after]") as (adapter, served):
        await adapter.answer(SHIPMENTS, Query(limit=1, after="a"))
        assert targets(served) == ["/shipments?page%5Bsize%5D=1&page%5Bafter%5D=a"]


async def test_a_record_is_asked_for_by_its_key_as_one_path_segment() -> None:
    async with backend() as (adapter, served):
        for key in ["S-1", "a b", "a/b", "a?b=c", "a#b", "a%2Fb", "运单"]:
            assert isinstance(await adapter.answer(SHIPMENTS, Query(key=key)), Answer)
        assert targets(served) == [
            "/shipments/S-1",
            "/shipments/a%20b",
            "/shipments/a%2Fb",
            "/shipments/a%3Fb%3Dc",
            "/shipments/a%23b",
            "/shipments/a%252Fb",
            "/shipments/%E8%BF%90%E5%8D%95",
        ]


@pytest.mark.parametrize(
    "key", ["", ".", "..", "../admin", "a/../b", "a\\..\\b", "/", "a//b", "a\r\nX: y", "\x00", "a\ud800"]
)
async def test_a_key_that_a_server_could_read_as_another_path_is_the_key_of_no_record(key: str) -> None:
    async with backend() as (adapter, served):
        assert await adapter.answer(SHIPMENTS, Query(key=key)) == Answer(404, "", b"")
        assert served.connections == 0


async def test_only_equalities_that_must_hold_are_pushed_down_and_only_for_fields_that_it_filters_by() -> None:
    swift = Compare("==", CARRIER, "SWIFT & Co")
    heavy = Compare(">", WEIGHT, 5)
    exact = Compare("==", WEIGHT, 7)
    conditions: dict[str, list[Condition | None]] = {
        "&carrier_code=SWIFT%20%26%20Co": [swift, AllOf((swift, heavy)), AllOf((AllOf((swift,)), exact))],
        "": [None, heavy, exact, AnyOf((swift, heavy)), Negation(swift), AllOf((Negation(swift), heavy))],
    }
    async with backend(filters=("carrier.code",)) as (adapter, served):
        for expected, several in conditions.items():
            for condition in several:
                await adapter.answer(call("shipments", ID, ID, condition=condition), Query(limit=1))
                assert targets(served)[-1] == f"/shipments?limit=1{expected}"


async def test_a_backend_that_sorts_is_asked_for_an_order_by_physical_names_and_any_other_is_not() -> None:
    query = Query(limit=1, after="a", order=(Order(WEIGHT, descending=True), Order(CARRIER)))
    async with backend(sort_parameter="order by") as (adapter, served):
        await adapter.answer(SHIPMENTS, query)
        await adapter.answer(SHIPMENTS, Query(limit=1))
        assert targets(served) == [
            "/shipments?limit=1&order%20by=-weight,carrier_code&after=a",
            "/shipments?limit=1",
        ]
    async with backend() as (adapter, served):
        await adapter.answer(SHIPMENTS, query)
        assert targets(served) == ["/shipments?limit=1&after=a"]
    assert HttpBackend(url="http://h", sort_parameter="sort").sorts()
    assert not HttpBackend(url="http://h").sorts()


async def test_many_calls_that_come_and_go_are_never_taken_for_each_other() -> None:
    async with backend() as (adapter, served):
        for number in range(300):  # each is collected before the next is made, so ids return
            await adapter.answer(call(f"r{number}", ID, ID), Query(limit=1))
        assert targets(served) == [f"/r{number}?limit=1" for number in range(300)]


async def test_headers_go_with_every_request_and_ask_for_plain_json() -> None:
    async with backend(headers={"Authorization": "Bearer t0ken"}) as (adapter, served):
        await adapter.answer(SHIPMENTS, Query(limit=1))
        head = served.requests[0].lower()
        assert b"\r\nauthorization: bearer t0ken\r\n" in head
        assert b"\r\naccept: application/json\r\n" in head
        assert b"\r\nhost: 127.0.0.1:%d\r\n" % served.port in head
        assert b"accept-encoding" not in head


@pytest.mark.parametrize("status", [b"200 OK", b"301 Moved", b"404 Not Found", b"418 Teapot", b"500 Oops"])
async def test_every_status_is_the_gateways_to_judge_and_no_redirect_is_followed(status: bytes) -> None:
    async with backend(response(b"{}", b"Location: /elsewhere", status=status)) as (adapter, served):
        for query in (Query(limit=1), Query(key="x")):
            assert await adapter.answer(SHIPMENTS, query) == Answer(int(status[:3]), "application/json", b"{}")
        assert served.connections == 1
        assert len(served.requests) == 2


async def test_the_calls_own_bounds_hold() -> None:
    async with backend(response(b"x" * 2000)) as (adapter, _):
        outcome = await adapter.answer(call("shipments", ID, ID, max_bytes=1999), Query(limit=1))
        assert isinstance(outcome, Fault)
        assert outcome.kind == "too_large"


@pytest.mark.parametrize(
    ("url", "mistake"),
    [
        ("ftp://host/", "http://"),
        ("host", "http://"),
        ("http://", "host"),
        ("http://ho st/", "host"),
        ("http://host:0/", "port"),
        ("http://host:99999/", "no URL"),
        ("http://[::1/", "no URL"),
        ("http://user:s3cret@host/", "user or password"),
        ("http://host/?a=s3cret", "query"),
        ("http://host/#a", "fragment"),
        ("http://host/a/../b", ".."),
    ],
)
def test_a_url_that_is_no_beginning_of_requests_is_a_mistake(url: str, mistake: str) -> None:
    messages = [message for path, message in HttpBackend(url=url).faults() if path == "url"]
    assert any(mistake in message for message in messages)
    assert "s3cret" not in "".join(messages)


async def test_the_callers_trace_goes_along_and_nothing_that_only_looks_like_one() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with backend() as (adapter, served):
        await adapter.answer(SHIPMENTS, Query(limit=1, traceparent=trace))
        await adapter.answer(SHIPMENTS, Query(limit=1, traceparent=f"{trace}\r\nX-Injected: 1"))
        first, second = served.requests
        assert f"\r\ntraceparent: {trace}\r\n\r\n".encode() in first
        assert b"traceparent" not in second
        assert b"X-Injected" not in second


def test_a_backend_shows_neither_its_url_nor_its_headers() -> None:
    settings = HttpBackend(url="http://s3cret/", headers={"Authorization": "s3cret"})
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(list(settings.__rich_repr__()))


def test_the_envelope_is_as_written_and_an_empty_name_is_none() -> None:
    named = HttpBackend(url="http://h", items="rows", next="more").envelope()
    bare = HttpBackend(url="http://h", items="", next="").envelope()
    assert (named.items, named.next, bare.items, bare.next) == ("rows", "more", None, None)
