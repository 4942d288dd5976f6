"""What callers may put on the wire: sizes, methods, framing and credentials, over raw sockets to the real server."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from msgspec import Struct
from msgspec.json import decode, encode

from gateway.audit.reader import read_exchanges
from gateway.oauth.authority import open_authority
from gateway.oauth.keys import Signer
from gateway.store.store import Store
from tests.flows.backend import Backend, backend
from tests.flows.hub import CLIENT, Gateway, hub
from tests.flows.wire import Reply, Wire
from tests.unit.oauth.stage import signed

LIST, ONE = "/v1/shipments", "/v1/shipments/S-1"
MIB = 1 << 20
GROWTH_MIB_MAX = 8


class Stage(Struct, frozen=True):
    """A gateway, and the key that signs its tokens."""

    backend: Backend
    gateway: Gateway
    signer: Signer

    async def wire(self) -> Wire:
        return await Wire.open(self.gateway.url)

    def recorded(self) -> int:
        """How many exchanges the log holds."""
        return sum(1 for _ in read_exchanges(self.gateway.hub.log))

    def memory_mib(self) -> float:
        """What the gateway's process holds of the machine's memory."""
        status = Path(f"/proc/{self.gateway.process.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a good token of the client, changed."""
        now_s = int(time.time())
        url = self.gateway.url
        claims = {"iss": url, "sub": CLIENT, "client_id": CLIENT, "partner": "swift", "aud": url}
        return claims | {"scope": "shipments:read", "iat": now_s, "exp": now_s + 300, "jti": "t-1"} | changed

    def token(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A token that is good but for what is changed."""
        head = {"alg": "ES256", "kid": self.signer.kid, "typ": "at+jwt"} | (header or {})
        return signed(head, encode(self.claims(**claims)), key or self.signer.key)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("requests")
    with backend() as running, hub(folder, running.url) as made:
        signer = asyncio.run(_signer(made.folder))
        with made.serving() as gateway:
            yield Stage(running, gateway, signer)


async def _signer(workspace: Path) -> Signer:
    store = await Store.open(f"sqlite:///{workspace / 'state' / 'clausegate.db'}")
    try:
        return (await open_authority(store, time.time())).keys.signer
    finally:
        await store.close()


# --- sizes


@pytest.mark.parametrize("target", [f"{LIST}/{'a' * 9000}", f"{LIST}?limit={'1' * 9000}", f"/v1/{'a' * 60_000}"])
async def test_a_url_that_is_too_long_is_said_to_be(stage: Stage, target: str) -> None:
    reply = await stage.gateway.get(target)
    assert (reply.status, reply.code, reply.receipt) == (414, "uri-too-long", None)


@pytest.mark.parametrize("count", [1, 40])
async def test_headers_that_are_too_large_are_said_to_be(stage: Stage, count: int) -> None:
    more = [(f"x-{number}", "a" * (20_000 // count)) for number in range(count)]
    async with await stage.wire() as wire:
        reply = await wire.ask(LIST, [stage.gateway.bearer, *more])
        assert (reply.status, reply.code, reply.receipt) == (431, "headers-too-large", None)
        assert (await wire.ask(ONE, [stage.gateway.bearer])).status == 200


async def test_a_head_far_over_any_bound_gets_its_status_and_the_connection_ends(stage: Stage) -> None:
    for sent, status in ((f"/v1/{'a' * 70_000}", 414), (LIST, 431)):
        async with await stage.wire() as wire:
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
async def test_what_never_ends_is_cut_off_and_not_collected(stage: Stage, name: str) -> None:
    beginning, piece = ENDLESS[name]
    before_mib = stage.memory_mib()
    cut_off = False
    async with await stage.wire() as wire:
        try:
            await wire.send(beginning)
            for _ in range(64 * MIB // len(piece)):
                await wire.send(piece)
        except ConnectionError:
            cut_off = True
    assert cut_off
    assert stage.memory_mib() - before_mib < GROWTH_MIB_MAX
    assert (await stage.gateway.get(ONE)).status == 200


async def test_requests_sent_far_ahead_of_their_answers_stay_in_the_socket(stage: Stage) -> None:
    before_mib = stage.memory_mib()
    async with await stage.wire() as wire:
        many = wire.head("/v1/", method="DELETE") * 1000
        with suppress(TimeoutError):  # what is left in the socket keeps the sender waiting
            async with asyncio.timeout(1):
                for _ in range(64 * MIB // len(many)):
                    await wire.send(many)
        assert stage.memory_mib() - before_mib < 2 * GROWTH_MIB_MAX
    assert (await stage.gateway.get(ONE)).status == 200


# --- methods


@pytest.mark.parametrize("target", [LIST, ONE, "/v1/shipments/%2e", "/v1/nothing"])
async def test_head_is_get_without_the_body(stage: Stage, target: str) -> None:
    async with await stage.wire() as wire:
        got = await wire.ask(target, [stage.gateway.bearer])
        head = await wire.ask(target, [stage.gateway.bearer], method="HEAD")
        assert (head.status, head.body) == (got.status, b"")
        if got.status == 200:  # a problem document holds a receipt, whose length varies
            assert head.headers["content-length"] == str(len(got.body))
        assert head.headers["content-type"] == got.headers["content-type"]
        assert stage.gateway.hub.exchange(head.receipt).method == "HEAD"
        assert (await wire.ask(ONE, [stage.gateway.bearer])).status == 200  # nothing of a body followed


@pytest.mark.parametrize("target", [LIST, ONE])
async def test_options_says_what_is_allowed_and_is_recorded(stage: Stage, target: str) -> None:
    async with await stage.wire() as wire:
        reply = await wire.ask(target, [stage.gateway.bearer], method="OPTIONS")
        assert (reply.status, reply.headers["allow"], reply.body) == (204, "GET, HEAD, OPTIONS", b"")
        assert "content-length" not in reply.headers
        assert stage.gateway.hub.exchange(reply.receipt).method == "OPTIONS"
        assert (await wire.ask(ONE, [stage.gateway.bearer])).status == 200


@pytest.mark.parametrize(
    ("method", "recorded"),
    [("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("DELETE", "DELETE"), ("PROPFIND", "OTHER")],
)
async def test_a_method_that_is_not_offered_is_refused_and_recorded(stage: Stage, method: str, recorded: str) -> None:
    async with await stage.wire() as wire:
        await wire.send(wire.head(LIST, [stage.gateway.bearer, ("content-length", "2")], method) + b"{}")
        reply = await wire.answer()
        assert reply is not None
        assert (reply.status, reply.code, reply.headers["allow"]) == (405, "method-not-allowed", "GET, HEAD, OPTIONS")
        assert stage.gateway.hub.exchange(reply.receipt).method == recorded
        assert (await wire.ask(ONE, [stage.gateway.bearer])).status == 200


# --- framing


async def test_a_body_that_nobody_asked_for_is_read_past(stage: Stage) -> None:
    async with await stage.wire() as wire:
        inner = wire.head("/v1/shipments/smuggled", [stage.gateway.bearer])
        for framed in (
            wire.head(ONE, [stage.gateway.bearer, ("content-length", str(len(inner)))]) + inner,
            wire.head(ONE, [stage.gateway.bearer, ("transfer-encoding", "chunked")])
            + b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner),
        ):
            await wire.send(framed)
            reply = await wire.answer()
            assert reply is not None
            assert decode(reply.body)["shipment_id"] == "S-1"
            assert decode((await wire.ask("/v1/shipments/S-2", [stage.gateway.bearer])).body)["shipment_id"] == "S-2"


async def test_pipelined_requests_are_answered_in_their_order(stage: Stage) -> None:
    async with await stage.wire() as wire:
        bearer = stage.gateway.bearer
        wanted = [("GET", "S-1", 200), ("DELETE", "S-2", 405), ("GET", "S-3", 200), ("GET", "..", 404)] * 50
        await wire.send(b"".join(wire.head(f"/v1/shipments/{key}", [bearer], method) for method, key, _ in wanted))
        for _, key, status in wanted:
            reply = await wire.answer()
            assert reply is not None
            assert reply.status == status
            if status == 200:
                assert decode(reply.body)["shipment_id"] == key


@pytest.mark.parametrize("offered", ["h2c", "websocket"])
async def test_an_offer_to_upgrade_loses_no_request(stage: Stage, offered: str) -> None:
    async with await stage.wire() as wire:
        bearer = stage.gateway.bearer
        offer = [bearer, ("connection", "Upgrade, HTTP2-Settings"), ("upgrade", offered), ("http2-settings", "AAMA")]
        await wire.send(wire.head(ONE, offer) * 2 + wire.head("/v1/shipments/S-2", [bearer]))
        for key in ("S-1", "S-1", "S-2"):
            reply = await wire.answer()
            assert reply is not None
            assert (reply.status, decode(reply.body)["shipment_id"]) == (200, key)


async def test_http_1_0_is_answered_and_hung_up_on(stage: Stage) -> None:
    async with await stage.wire() as wire:
        await wire.send(wire.head(ONE, [stage.gateway.bearer]).replace(b"HTTP/1.1", b"HTTP/1.0"))
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
async def test_what_is_no_well_formed_http_is_refused_and_hung_up_on(stage: Stage, name: str) -> None:
    before = stage.recorded()
    async with await stage.wire() as wire:
        await wire.send(NOT_HTTP[name])
        reply = await wire.answer()
        assert reply is not None
        assert (reply.status, reply.headers["connection"]) == (400, "close")
        assert await wire.rest() == b""
    assert stage.recorded() == before


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
async def test_a_path_means_one_thing(stage: Stage, name: str) -> None:
    target, status, expected = PATHS[name]
    reply = await stage.gateway.get(target)
    assert (reply.status, reply.code or decode(reply.body)["shipment_id"]) == (status, expected)
    recorded = stage.gateway.hub.exchange(reply.receipt)
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
        ("offset=1", "invalid-parameter"),
        ("%ff=1", "invalid-parameter"),
        ("limit=1&%6cimit=2", "invalid-parameter"),
        ("cursor=", "invalid-cursor"),
        ("cursor=AAAA", "invalid-cursor"),
        ("cursor=" + "A" * 5000, "invalid-cursor"),
        ("access_token=secret", "token-in-query"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused_and_recorded(stage: Stage, query: str, code: str) -> None:
    reply = await stage.gateway.get(f"{LIST}?{query}")
    assert (reply.status, reply.code) == (400, code)
    assert stage.gateway.hub.exchange(reply.receipt).code == code


# --- credentials


async def refused(stage: Stage, *authorization: str) -> Reply:
    """Call with these Authorization headers; nothing may be recorded, there is nobody to record it for."""
    before = stage.recorded()
    async with await stage.wire() as wire:
        reply = await wire.ask(LIST, [("authorization", value) for value in authorization])
    assert (reply.status, reply.receipt) == (401, None)
    assert stage.recorded() == before
    assert set(decode(reply.body)) == {"type", "title", "status", "detail", "request_id"}
    return reply


async def test_the_token_that_the_others_are_made_from_is_good(stage: Stage) -> None:
    async with await stage.wire() as wire:
        assert (await wire.ask(LIST, [("authorization", f"Bearer {stage.token()}")])).status == 200
        assert (await wire.ask(LIST, [("authorization", f"bearer {stage.token()}")])).status == 200


async def test_a_call_without_a_token_gets_a_bare_challenge(stage: Stage) -> None:
    reply = await refused(stage)
    assert (reply.code, reply.headers["www-authenticate"]) == ("missing-token", "Bearer")


BAD: dict[str, dict[str, Any]] = {
    "expired": {"iat": 1_700_000_000, "exp": 1_700_000_300},
    "that expires at once": {"exp": int(time.time())},
    "of a foreign audience": {"aud": "https://elsewhere.example"},
    "of several audiences": {"aud": ["https://elsewhere.example"]},
    "of a foreign issuer": {"iss": "https://elsewhere.example"},
    "from the future": {"iat": 4_000_000_000, "exp": 4_000_000_300},
    "whose expiry is null": {"exp": None},
    "bound to a key": {"cnf": {"jkt": "x"}},
    "not JSON's numbers": {"exp": "4000000000"},
    "with alg none": {"header": {"alg": "none"}},
    "with alg None": {"header": {"alg": "None"}},
    "of another type": {"header": {"typ": "JWT"}},
    "of an unknown key": {"header": {"kid": "x"}},
    "with a critical member": {"header": {"crit": ["x"], "x": 1}},
    "with alg HS256 and the public key's id": {"header": {"alg": "HS256"}, "key": b"k" * 32},
    "by a key of its own": {"key": ECKey.generate_key("P-256")},
}


@pytest.mark.parametrize("name", BAD)
async def test_a_token_that_is_not_good_gets_one_answer(stage: Stage, name: str) -> None:
    token = _tampered(stage, BAD[name])
    reply = await refused(stage, f"Bearer {token}")
    assert (reply.code, reply.headers["www-authenticate"]) == ("invalid-token", 'Bearer error="invalid_token"')
    assert token.encode() not in reply.raw
    assert token not in stage.gateway.process.stderr


def _tampered(stage: Stage, changed: dict[str, Any]) -> str:
    header = changed.get("header", {})
    if str(header.get("alg", "")).lower() == "none":
        return signed({"alg": header["alg"], "kid": stage.signer.kid, "typ": "at+jwt"}, encode(stage.claims()), b"")
    return stage.token(**changed)


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ....",
        f"Bearer {'a' * 5000}",
        "Basic c3dpZnQtYXBwOnNlY3JldA==",
        "Token abc",
        "",
    ],
)
async def test_what_is_no_bearer_token_gets_the_same_answer(stage: Stage, authorization: str) -> None:
    reply = await refused(stage, authorization)
    assert (reply.code, reply.headers["www-authenticate"]) == ("invalid-token", 'Bearer error="invalid_token"')


async def test_a_good_token_sent_twice_is_no_credential(stage: Stage) -> None:
    good = f"Bearer {stage.token()}"
    for pair in ((good, good), (good, "Bearer x"), ("Bearer x", good), (good, "")):
        assert (await refused(stage, *pair)).code == "invalid-token"


async def test_every_byte_of_a_signed_token_counts(stage: Stage) -> None:
    good = stage.token()
    header, claims, signature = good.split(".")
    flipped = ("A" if signature[10] != "A" else "B").join((signature[:10], signature[11:]))
    for token in (
        f"{header}.{claims}.",
        f"{header}.{claims}",
        f"{header}.{claims}.{flipped}",
        f"{header}.{claims}.{signature}.x",
        f"{header}.{claims}.{signature}=",
        f" {good}",
        f"{good}, Bearer {good}",
    ):
        assert (await refused(stage, f"Bearer {token}")).code == "invalid-token"
