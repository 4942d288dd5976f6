"""What callers may put on the wire: sizes, methods, framing and paths, over raw sockets to the real server."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.json import decode

from tests.flows.backend import backend
from tests.flows.hub import Gateway, hub
from tests.flows.wire import Wire

LIST, ONE = "/v1/shipments", "/v1/shipments/S-1"
MIB = 1 << 20
GROWTH_MIB_MAX = 8


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("requests")
    with backend() as running, hub(folder, running.url) as made, made.serving() as gateway:
        yield gateway


def memory_mib(gateway: Gateway) -> float:
    """What the gateway's process holds of the machine's memory."""
    status = Path(f"/proc/{gateway.process.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


# --- sizes


@pytest.mark.parametrize("target", [f"{LIST}/{'a' * 9000}", f"{LIST}?limit={'1' * 9000}", f"/v1/{'a' * 60_000}"])
async def test_a_url_that_is_too_long_is_said_to_be(gateway: Gateway, target: str) -> None:
    reply = await gateway.get(target)
    assert (reply.status, reply.code) == (414, "uri-too-long")
    assert reply.receipt is not None


@pytest.mark.parametrize("count", [1, 40])
async def test_headers_that_are_too_large_are_said_to_be(gateway: Gateway, count: int) -> None:
    more = [(f"x-{number}", "a" * (20_000 // count)) for number in range(count)]
    async with await Wire.open(gateway.url) as wire:
        reply = await wire.ask(LIST, [gateway.bearer, *more])
        assert (reply.status, reply.code) == (431, "headers-too-large")
        assert reply.receipt is not None
        assert (await wire.ask(ONE, [gateway.bearer])).status == 200


async def test_a_head_far_over_any_bound_gets_its_status_and_the_connection_ends(gateway: Gateway) -> None:
    for sent, status in ((f"/v1/{'a' * 70_000}", 414), (LIST, 431)):
        async with await Wire.open(gateway.url) as wire:
            await wire.send(wire.head(sent, [("x-a", "a" * 70_000)]))
            reply = await wire.answer()
            assert reply is not None
            assert (reply.status, reply.headers["connection"]) == (status, "close")
            assert await wire.rest() == b""


ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "headers": (b"GET /v1/shipments HTTP/1.1\r\nHost: a\r\n", b"x-a: bbbb\r\n" * 6000),
    "one header": (b"GET /v1/shipments HTTP/1.1\r\nx-a: ", b"a" * 60_000),
    "the name of a header": (b"GET /v1/shipments HTTP/1.1\r\n", b"a" * 60_000),
    "a path": (b"GET /v1/", b"a" * 60_000),
    "a query": (b"GET /v1/shipments?limit=", b"1" * 60_000),
    "a trailer": (b"GET /v1/shipments HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx-a: ", b"a" * 60_000),
    "an extension of a chunk": (b"GET /v1/shipments HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"a" * 60_000),
    "a method": (b"", b"A" * 60_000),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_never_ends_is_cut_off_and_not_collected(gateway: Gateway, name: str) -> None:
    beginning, piece = ENDLESS[name]
    before_mib = memory_mib(gateway)
    cut_off = False
    async with await Wire.open(gateway.url) as wire:
        try:
            await wire.send(beginning)
            for _ in range(64 * MIB // len(piece)):
                await wire.send(piece)
        except ConnectionError:
            cut_off = True
    assert cut_off
    assert memory_mib(gateway) - before_mib < GROWTH_MIB_MAX
    assert (await gateway.get(ONE)).status == 200


async def test_requests_sent_far_ahead_of_their_answers_stay_in_the_socket(gateway: Gateway) -> None:
    before_mib = memory_mib(gateway)
    async with await Wire.open(gateway.url) as wire:
        many = wire.head("/v1/", method="DELETE") * 1000
        with suppress(TimeoutError):  # what is left in the socket keeps the sender waiting
            async with asyncio.timeout(1):
                for _ in range(64 * MIB // len(many)):
                    await wire.send(many)
        assert memory_mib(gateway) - before_mib < 2 * GROWTH_MIB_MAX
    assert (await gateway.get(ONE)).status == 200


# --- methods


@pytest.mark.parametrize("target", [LIST, ONE, "/v1/shipments/%2e", "/v1/nothing"])
async def test_head_is_get_without_the_body(gateway: Gateway, target: str) -> None:
    async with await Wire.open(gateway.url) as wire:
        got = await wire.ask(target, [gateway.bearer])
        head = await wire.ask(target, [gateway.bearer], method="HEAD")
        assert (head.status, head.body) == (got.status, b"")
        if got.status == 200:  # a problem document holds a receipt, whose length varies
            assert head.headers["content-length"] == str(len(got.body))
        assert head.headers["content-type"] == got.headers["content-type"]
        assert gateway.hub.exchange(head.receipt).method == "HEAD"
        assert (await wire.ask(ONE, [gateway.bearer])).status == 200  # nothing of a body followed


@pytest.mark.parametrize("target", [LIST, ONE])
async def test_options_says_what_is_allowed_and_is_recorded(gateway: Gateway, target: str) -> None:
    async with await Wire.open(gateway.url) as wire:
        reply = await wire.ask(target, [gateway.bearer], method="OPTIONS")
        assert (reply.status, reply.headers["allow"], reply.body) == (204, "GET, HEAD, OPTIONS", b"")
        assert "content-length" not in reply.headers
        assert gateway.hub.exchange(reply.receipt).method == "OPTIONS"
        assert (await wire.ask(ONE, [gateway.bearer])).status == 200


@pytest.mark.parametrize(
    ("method", "recorded"),
    [("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("DELETE", "DELETE"), ("PROPFIND", "OTHER")],
)
async def test_a_method_that_is_not_offered_is_refused(gateway: Gateway, method: str, recorded: str) -> None:
    async with await Wire.open(gateway.url) as wire:
        await wire.send(wire.head(LIST, [gateway.bearer, ("content-length", "2")], method) + b"{}")
        reply = await wire.answer()
        assert reply is not None
        assert (reply.status, reply.code, reply.headers["allow"]) == (405, "method-not-allowed", "GET, HEAD, OPTIONS")
        assert gateway.hub.exchange(reply.receipt).method == recorded
        assert (await wire.ask(ONE, [gateway.bearer])).status == 200


# --- framing


async def test_a_body_that_nobody_asked_for_is_read_past(gateway: Gateway) -> None:
    async with await Wire.open(gateway.url) as wire:
        inner = wire.head("/v1/shipments/smuggled", [gateway.bearer])
        for framed in (
            wire.head(ONE, [gateway.bearer, ("content-length", str(len(inner)))]) + inner,
            wire.head(ONE, [gateway.bearer, ("transfer-encoding", "chunked")])
            + b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner),
        ):
            await wire.send(framed)
            reply = await wire.answer()
            assert reply is not None
            assert decode(reply.body)["shipment_id"] == "S-1"
            assert decode((await wire.ask("/v1/shipments/S-2", [gateway.bearer])).body)["shipment_id"] == "S-2"


async def test_pipelined_requests_are_answered_in_their_order(gateway: Gateway) -> None:
    async with await Wire.open(gateway.url) as wire:
        bearer = gateway.bearer
        wanted = [("GET", "S-1", 200), ("DELETE", "S-2", 405), ("GET", "S-3", 200), ("GET", "..", 404)] * 50
        await wire.send(b"".join(wire.head(f"/v1/shipments/{key}", [bearer], method) for method, key, _ in wanted))
        for _, key, status in wanted:
            reply = await wire.answer()
            assert reply is not None
            assert reply.status == status
            if status == 200:
                assert decode(reply.body)["shipment_id"] == key


@pytest.mark.parametrize("offered", ["h2c", "websocket"])
async def test_an_offer_to_upgrade_loses_no_request(gateway: Gateway, offered: str) -> None:
    async with await Wire.open(gateway.url) as wire:
        bearer = gateway.bearer
        offer = [bearer, ("connection", "Upgrade, HTTP2-Settings"), ("upgrade", offered), ("http2-settings", "AAMA")]
        await wire.send(wire.head(ONE, offer) * 2 + wire.head("/v1/shipments/S-2", [bearer]))
        for key in ("S-1", "S-1", "S-2"):
            reply = await wire.answer()
            assert reply is not None
            assert (reply.status, decode(reply.body)["shipment_id"]) == (200, key)


async def test_http_1_0_is_answered_and_hung_up_on(gateway: Gateway) -> None:
    async with await Wire.open(gateway.url) as wire:
        await wire.send(wire.head(ONE, [gateway.bearer]).replace(b"HTTP/1.1", b"HTTP/1.0"))
        reply = await wire.answer()
        assert reply is not None
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert await wire.rest() == b""


NOT_HTTP: dict[str, bytes] = {
    "a TLS handshake": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "an unknown method": b"BREW /v1/shipments HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method in lower case": b"get /v1/shipments HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the path": b"GET /v1/shipments/S 1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes that are no ASCII in the path": b"GET /v1/shipments/\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
    "line feeds alone": b"GET /v1/shipments HTTP/1.1\nHost: a\n\n",
    "a folded header": b"GET /v1/shipments HTTP/1.1\r\nHost: a\r\nx-a: b\r\n c\r\n\r\n",
    "a control character in a header": b"GET /v1/shipments HTTP/1.1\r\nHost: a\r\nx-a: b\0c\r\n\r\n",
    "two lengths": b"GET /v1/shipments HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a length and chunks": b"GET /v1 HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length that is none": b"GET /v1/shipments HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello",
    "a coding before chunks": b"GET /v1/shipments HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_what_is_no_well_formed_http_is_refused_and_hung_up_on(gateway: Gateway, name: str) -> None:
    before = gateway.hub.recorded()
    async with await Wire.open(gateway.url) as wire:
        await wire.send(NOT_HTTP[name])
        reply = await wire.answer()
        assert reply is not None
        assert (reply.status, reply.headers["connection"]) == (400, "close")
        assert await wire.rest() == b""
    assert gateway.hub.recorded() == before


# --- paths

PATHS: dict[str, tuple[str, int, str]] = {
    "an encoded key is decoded": ("/v1/shipments/S%2D1", 200, "S-1"),
    "a key in Chinese arrives": ("/v1/shipments/%E9%87%8D", 200, "%E9%87%8D"),
    "a slash in a key stays in it": ("/v1/shipments/a%2Fb", 200, "a%2Fb"),
    "a question mark in a key stays in it": ("/v1/shipments/%3Flimit=1", 200, "%3Flimit%3D1"),
    "a percent sign that encodes nothing is one": ("/v1/shipments/%zz", 200, "%25zz"),
    "dots lead nowhere": ("/v1/shipments/..", 404, "record-not-found"),
    "encoded dots lead nowhere": ("/v1/shipments/%2e%2E", 404, "record-not-found"),
    "dots in a key lead nowhere": ("/v1/shipments/a%2F..%2F..%2Fb", 404, "record-not-found"),
    "backslashes lead nowhere": ("/v1/shipments/..%5Cb", 404, "record-not-found"),
    "a key that is no UTF-8 is no record": ("/v1/shipments/%ff", 404, "record-not-found"),
    "a NUL is no record": ("/v1/shipments/S-1%00", 404, "record-not-found"),
    "a line feed is no record": ("/v1/shipments/S-1%0d%0aX-A:%20b", 404, "record-not-found"),
    "an endless key is no record": (f"/v1/shipments/{'a' * 257}", 404, "record-not-found"),
    "no key is no record": ("/v1/shipments/", 404, "record-not-found"),
    "an encoded prefix is not ours": ("/%76%31/shipments", 404, "not-found"),
    "an encoded slash does not part": ("/v1%2Fshipments", 404, "not-found"),
    "more segments are too many": ("/v1/shipments/S-1/more", 404, "not-found"),
    "a product's name is exact": ("/v1/Shipments", 404, "unknown-product"),
    "an encoded product is the product": ("/v1/%73hipments/S-1", 200, "S-1"),
}


@pytest.mark.parametrize("name", PATHS)
async def test_a_path_means_one_thing(gateway: Gateway, name: str) -> None:
    target, status, expected = PATHS[name]
    reply = await gateway.get(target)
    assert (reply.status, reply.code or decode(reply.body)["shipment_id"]) == (status, expected)
    recorded = gateway.hub.exchange(reply.receipt)
    assert recorded.route in {"", "/v1/shipments", "/v1/shipments/{shipment_id}", "/v1/shipments/{key}"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid-limit"),
        ("limit=-1", "invalid-limit"),
        ("limit=1e3", "invalid-limit"),
        ("limit=%D9%A1", "invalid-limit"),
        ("limit=99999999999999999999", "invalid-limit"),
        ("limit=", "invalid-limit"),
        ("limit=1&limit=2", "invalid-parameter"),
        ("offset=1", "invalid-filter"),
        ("%ff=1", "invalid-parameter"),
        ("limit=1&%6cimit=2", "invalid-parameter"),
        ("cursor=", "invalid-cursor"),
        ("cursor=AAAA", "invalid-cursor"),
        ("cursor=" + "A" * 5000, "invalid-cursor"),
        ("access_token=secret", "token-in-query"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused_and_recorded(gateway: Gateway, query: str, code: str) -> None:
    reply = await gateway.get(f"{LIST}?{query}")
    assert (reply.status, reply.code) == (400, code)
    assert gateway.hub.exchange(reply.receipt).code == code
