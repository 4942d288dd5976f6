"""Whatever a backend sends, the partner gets its view or a problem document, the log a record, and nobody a canary."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct, to_builtins
from msgspec.json import decode

from tests.flows.backend import Backend, backend, shipment, well
from tests.flows.hub import BODY_BYTES_MAX, HASTE_MS, Gateway, hub
from tests.flows.wire import Reply
from tests.unit.adapters.hostile import Peer, response
from tests.unit.adapters.hostile import Reply as Behaviour

LIST, ONE = "/v1/shipments", "/v1/shipments/S-1"
MIB = 1 << 20
DEEP = 100_000
SEEN = {
    "shipment_id": "S-1",
    "weight_kg": 12.5,
    "note": "handle with care",
    "stops": [{"city": "Wuhan"}],
    "customer": {"phone": "*******1234"},
}


class Stage(Struct, frozen=True):
    """A gateway and the backend that it calls."""

    backend: Backend
    gateway: Gateway

    async def ask(self, behaviour: Behaviour, target: str) -> Reply:
        """One call while the backend behaves like this; afterwards nothing has leaked and good calls are served."""
        self.backend.reply = behaviour
        try:
            reply = await self.gateway.get(target)
        finally:
            self.backend.reply = well
        good = await self.gateway.get(ONE)
        assert (good.status, decode(good.body)) == (200, SEEN)
        for what, text in {
            "the answer": reply.raw,
            "a good answer": good.raw,
            "standard error": self.gateway.process.stderr.encode(),
            "the log": self.gateway.hub.segment.read_bytes(),
        }.items():
            assert b"canary" not in text.lower(), what
        return reply

    def record(self, reply: Reply) -> dict[str, Any]:
        """What the log says of an answer."""
        recorded = to_builtins(self.gateway.hub.exchange(reply.receipt))
        assert recorded["status"] == reply.status
        assert recorded["code"] == reply.code
        return dict(recorded)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("hostile")
    with backend() as running, hub(folder, running.url) as made, made.serving() as gateway:
        yield Stage(running, gateway)


def says(data: bytes, *, hangs_up: bool = False) -> Behaviour:
    """Sends these bytes."""

    async def reply(peer: Peer, _: int) -> None:
        await peer.send(data)
        if hangs_up:
            await peer.close()

    return reply


def says_then_waits(data: bytes) -> Behaviour:
    """Sends these bytes and nothing more, with the connection open."""

    async def reply(peer: Peer, _: int) -> None:
        if data:
            await peer.send(data)
        await peer.request()  # returns once the gateway hangs up

    return reply


def says_json(value: Any, *headers: bytes, status: bytes = b"200 OK") -> Behaviour:
    return says(response(json.dumps(value).encode(), *headers, status=status))


def endless(data: bytes, piece: bytes) -> Behaviour:
    """Sends these bytes and then the same piece until the gateway hangs up, or far more than it may ever read."""

    async def reply(peer: Peer, _: int) -> None:
        await peer.send(data)
        for _ in range(64 * MIB // len(piece)):
            if peer.has_gone:
                return
            await peer.send(piece)
        await peer.close()

    return reply


GOOD = json.dumps(shipment()).encode()
PAGE = json.dumps({"data": [shipment()], "next": None}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
NESTED = b"[" * DEEP + b"]" * DEEP

BROKEN: dict[str, tuple[Behaviour, str, str]] = {
    "fails": (says_json({"error": "canary"}, status=b"500 Internal canary"), ONE, "backend-error"),
    "fails on a list": (says_json({"error": "canary"}, status=b"503 Busy"), LIST, "backend-error"),
    "sends elsewhere": (says_json({}, b"Location: http://canary/", status=b"302 Found"), ONE, "backend-error"),
    "knows no such list": (says_json({"canary": 1}, status=b"404 Not Found"), LIST, "backend-error"),
    "refuses the gateway": (says_json({"canary": 1}, status=b"401 Unauthorized"), ONE, "backend-error"),
    "answers nothing": (says(b"HTTP/1.1 204 No Content\r\n\r\n"), ONE, "backend-error"),
    "sends HTML": (
        says(response(b"<html>canary</html>").replace(b"application/json", b"text/html")),
        ONE,
        "backend-invalid",
    ),
    "calls HTML JSON": (says(response(b"<html>canary</html>")), LIST, "backend-invalid"),
    "sends an empty body": (says(response(b"")), ONE, "backend-invalid"),
    "sends half the JSON of a record": (says(response(GOOD[:-40])), ONE, "backend-invalid"),
    "sends half the JSON of a page": (says(response(PAGE[:-40])), LIST, "backend-invalid"),
    "sends more than JSON": (says(response(GOOD + b' "canary"')), ONE, "backend-invalid"),
    "hangs up in the body": (says(response(GOOD)[:-40], hangs_up=True), ONE, "backend-invalid"),
    "hangs up in the headers": (says(HEAD + b"X-A: canary", hangs_up=True), ONE, "backend-invalid"),
    "hangs up at once": (says(b"", hangs_up=True), ONE, "backend-unreachable"),
    "sends bytes that are no UTF-8 where nobody looks": (
        says(response(GOOD.replace(b"canary-margin", b"canary-\xff"))),
        ONE,
        "backend-invalid",
    ),
    "sends bytes that are no UTF-8 in what is granted": (
        says(response(PAGE.replace(b"handle", b"canary\xc3"))),
        LIST,
        "backend-invalid",
    ),
    "speaks another charset": (
        says(response("{}".encode("utf-16")).replace(b"application/json", b"application/json; charset=utf-16")),
        ONE,
        "backend-invalid",
    ),
    "nests where nobody looks": (
        says(response(GOOD.replace(b'"canary-margin"', NESTED))),
        ONE,
        "backend-invalid",
    ),
    "nests in what is granted": (
        says(response(PAGE.replace(b'"handle with care"', NESTED))),
        LIST,
        "backend-invalid",
    ),
    "nests and nothing else": (says(response(NESTED)), LIST, "backend-invalid"),
    "turns the page into an object": (says_json({"data": {"0": shipment()}, "next": None}), LIST, "backend-invalid"),
    "turns the page into an array": (says_json([shipment()]), LIST, "backend-invalid"),
    "turns the next page into an object": (
        says_json({"data": [shipment()], "next": {"canary": 1}}),
        LIST,
        "backend-invalid",
    ),
    "turns the record into an array": (says_json([shipment()]), ONE, "backend-invalid"),
    "turns the record into text": (says_json("canary"), ONE, "backend-invalid"),
    "announces too much": (
        says(HEAD + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1) + b'{"canary":'),
        ONE,
        "backend-invalid",
    ),
    "never ends": (endless(HEAD + b'\r\n{"margin":"', b"canary" * 10_000), ONE, "backend-invalid"),
    "never ends, in chunks": (
        endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"ea60\r\n" + b"canary" * 10_000 + b"\r\n"),
        LIST,
        "backend-invalid",
    ),
    "never ends its headers": (endless(HEAD, b"X-Canary: canary\r\n" * 1000), ONE, "backend-invalid"),
    "never ends one header": (endless(HEAD + b"X-Canary: ", b"canary" * 10_000), ONE, "backend-invalid"),
    "sends two lengths": (
        says(HEAD + b"Content-Length: 2\r\nContent-Length: 8\r\n\r\n{}canary"),
        ONE,
        "backend-invalid",
    ),
    "sends more than it announced": (says(response(b"{}") + b"canary"), ONE, "backend-invalid"),
    "compresses unasked": (says(response(b"canary", b"Content-Encoding: gzip")), ONE, "backend-invalid"),
    "speaks something else": (says(b"220 canary ESMTP\r\n", hangs_up=True), ONE, "backend-invalid"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_backend_is_a_problem_document_and_a_record(stage: Stage, name: str) -> None:
    behaviour, target, code = BROKEN[name]
    reply = await stage.ask(behaviour, target)
    assert (reply.status, reply.code) == (502, code), reply.raw[:2000]
    recorded = stage.record(reply)
    assert (recorded["records"], recorded["bytes"]) == (0, 0)


@pytest.mark.parametrize("target", ["/v1/gone", "/v1/gone/S-1"])
async def test_a_backend_that_is_down_is_said_to_be_unreachable(stage: Stage, target: str) -> None:
    reply = await stage.ask(well, target)
    assert (reply.status, reply.code) == (502, "backend-unreachable")
    stage.record(reply)


@pytest.mark.parametrize(
    "said",
    [b"", HEAD + b"X-Trace: canary", HEAD + b'Content-Length: 900\r\n\r\n{"margin":"canary'],
    ids=["nothing", "half its headers", "half its body"],
)
@pytest.mark.parametrize("target", ["/v1/hasty", "/v1/hasty/S-1"])
async def test_a_slow_backend_is_given_the_time_of_the_plan_and_no_more(stage: Stage, target: str, said: bytes) -> None:
    started_s = time.monotonic()
    reply = await stage.ask(says_then_waits(said), target)
    assert (reply.status, reply.code) == (504, "backend-timeout")
    latency_ms = stage.record(reply)["latency_us"] / 1000
    assert HASTE_MS * 0.95 <= latency_ms < HASTE_MS + 3000
    assert time.monotonic() - started_s < 10


CANARIES = {"canary": ["canary", {"canary": "canary"}]}
DRIFTED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a number turned object": ({"weight_kg": CANARIES}, {"weight_kg": None}, "weight_kg"),
    "a number turned text": ({"weight_kg": "canary"}, {"weight_kg": None}, "weight_kg"),
    "a text turned object": ({"note": CANARIES}, {"note": None}, "note"),
    "a text turned array": ({"note": ["canary"]}, {"note": None}, "note"),
    "a text turned number": ({"note": 7}, {"note": None}, "note"),
    "a masked text turned object": ({"customer": {"phone": CANARIES}}, {"customer": {}}, "customer.phone"),
    "a masked text turned array": ({"customer": {"phone": ["canary"]}}, {"customer": {}}, "customer.phone"),
    "an object turned text": ({"customer": "canary"}, {"customer": None}, "customer"),
    "an object turned array": ({"customer": [{"phone": "canary"}]}, {"customer": None}, "customer"),
    "an array turned object": ({"stops": {"city": "canary"}}, {"stops": None}, "stops"),
    "an array turned text": ({"stops": "canary"}, {"stops": None}, "stops"),
    "a text in an array turned object": (
        {"stops": [{"city": CANARIES}, {"city": "Yichang"}]},
        {"stops": [{}, {"city": "Yichang"}]},
        "stops[].city",
    ),
}


@pytest.mark.parametrize("name", DRIFTED)
@pytest.mark.parametrize("target", [LIST, ONE], ids=["list", "get"])
async def test_a_value_of_another_type_is_withheld_and_said_to_the_hub(stage: Stage, name: str, target: str) -> None:
    changes, expected, path = DRIFTED[name]
    record = shipment(**changes)
    said_before = len(stage.gateway.process.stderr)
    reply = await stage.ask(says_json({"data": [record], "next": None} if target == LIST else record), target)
    assert reply.status == 200, reply.body
    seen = {field: value for field, value in (SEEN | expected).items() if value is not None}
    data = decode(reply.body)
    assert (data["data"] if target == LIST else [data]) == [seen]
    assert stage.record(reply)["withheld"] == 1
    lines = [json.loads(line) for line in stage.gateway.process.stderr[said_before:].splitlines()]
    (drift,) = [line for line in lines if line["event"] == "drift"]
    assert (drift["product"], drift["backend"], drift["fields"]) == ("shipments", "records", [path])


async def test_a_record_that_is_none_is_left_out_of_its_page(stage: Stage) -> None:
    records = [shipment(), "canary", ["canary"], None, 7, shipment("S-2")]
    reply = await stage.ask(says_json({"data": records, "next": None}), LIST)
    assert reply.status == 200
    assert [record["shipment_id"] for record in decode(reply.body)["data"]] == ["S-1", "S-2"]


async def test_a_megabyte_of_text_is_served_as_it_is_where_it_is_granted(stage: Stage) -> None:
    text = "重" * (MIB // 3)
    reply = await stage.ask(says_json(shipment(note=text)), ONE)
    assert (reply.status, decode(reply.body)) == (200, SEEN | {"note": text})


async def test_a_megabyte_of_text_is_masked_where_it_is_to_be_masked(stage: Stage) -> None:
    phone = "canary" * (MIB // 6) + "1234"
    reply = await stage.ask(says_json({"data": [shipment(customer={"phone": phone})], "next": None}), LIST)
    (record,) = decode(reply.body)["data"]
    assert record["customer"]["phone"] == "*" * (len(phone) - 4) + "1234"


async def test_a_megabyte_of_text_is_absent_where_it_is_not_granted(stage: Stage) -> None:
    reply = await stage.ask(says_json(shipment(margin="canary" * (MIB // 6))), ONE)
    assert (reply.status, decode(reply.body)) == (200, SEEN)


async def test_a_field_that_the_product_does_not_know_reaches_nobody(stage: Stage) -> None:
    more: dict[str, Any] = {
        "canary": "canary",
        "Note": "canary",
        "customer": {"phone": "13800001234", "canary": "canary"},
    }
    reply = await stage.ask(says_json(shipment(**more)), ONE)
    assert (reply.status, decode(reply.body)) == (200, SEEN)


@pytest.mark.parametrize("carrier", ["OTHER", None, {"canary": "canary"}, ["SWIFT"], 7])
async def test_a_record_of_somebody_else_is_not_there(stage: Stage, carrier: Any) -> None:
    record = shipment(carrier_code=carrier, note="canary")
    one = await stage.ask(says_json(record), ONE)
    assert (one.status, one.code) == (404, "record-not-found")
    page = await stage.ask(says_json({"data": [record, shipment()], "next": None}), LIST)
    assert (page.status, decode(page.body)) == (200, {"data": [SEEN], "next": None})
