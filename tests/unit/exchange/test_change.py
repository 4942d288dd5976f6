"""The parts of a change: its body, what makes two of them the same, and what becomes of the backend's answer."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Answer, Change, Fault
from gateway.exchange import change as module
from gateway.exchange.asked import Asked, read_change
from gateway.exchange.caller import Caller
from gateway.exchange.change import BODY_BYTES_MAX, Wish, change, fingerprint, passed_on, read_body, read_wish
from gateway.exchange.outcome import Outcome
from tests.unit.exchange.stage import ScriptedAdapter, arriving, said
from tests.unit.exchange.wares import WARES, plan_of, ware

CREATE, UPDATE, DELETE = plan_of("create"), plan_of("update"), plan_of("delete")
JSON = {"content_type": "application/json"}
BODY = b'{"id":"W-1"}'


def caller(*messages: Any, method: str = "POST", **headers: str) -> Caller:
    """A caller whose request body comes in these messages, and then in no more."""
    waiting = list(messages)

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(_message: Any) -> None:
        raise AssertionError("nothing is sent here")

    return Caller(arriving(method, **{**JSON, **headers}), WARES, receive, send)


def piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def wish_of(found: Caller, key: str | None = None) -> Wish | Outcome:
    asked = read_change(found.arrival, key)
    assert isinstance(asked, Asked)
    plan = {"POST": CREATE, "PATCH": UPDATE, "DELETE": DELETE}[found.arrival.method]
    body = await read_body(plan, found)
    return body if isinstance(body, Outcome) else await read_wish(plan, asked, body)


def code(found: Any) -> str:
    return found.code if isinstance(found, Outcome) else ""


async def test_a_body_may_come_in_any_pieces() -> None:
    wish = await wish_of(caller(piece(b"", more=True), piece(BODY[:5], more=True), piece(BODY[5:])))
    assert isinstance(wish, Wish)
    assert {field.path: value for field, value in wish.change.values} == {("id",): "W-1", ("owner",): "SWIFT"}
    assert (wish.change.action, wish.change.key, wish.body) == ("create", None, BODY)


@pytest.mark.parametrize(
    ("size", "expected"), [(BODY_BYTES_MAX, "invalid-body"), (BODY_BYTES_MAX + 1, "body-too-large")]
)
async def test_a_body_has_a_largest_size(size: int, expected: str) -> None:
    half = b" " * (size // 2)
    assert code(await wish_of(caller(piece(half, more=True), piece(b" " * (size - len(half)))))) == expected


async def test_a_body_that_never_ends_is_read_no_further_than_its_largest_size() -> None:
    endless = [piece(b" " * 100_000, more=True)] * 100
    outcome = await wish_of(caller(*endless))
    assert code(outcome) == "body-too-large"
    assert isinstance(outcome, Outcome)
    assert (b"connection", b"close") in outcome.headers


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_S_MAX", 0.01)
    assert code(await wish_of(caller(piece(b"{", more=True)))) == "body-incomplete"
    assert code(await wish_of(caller(piece(b"{", more=True), {"type": "http.disconnect"}))) == "body-incomplete"


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("POST", {"content_type": "application/json; charset=utf-8"}, ""),
        ("POST", {"content_type": "APPLICATION/JSON"}, ""),
        ("POST", {"content_type": "application/merge-patch+json"}, "unsupported-media-type"),
        ("POST", {"content_type": "text/plain"}, "unsupported-media-type"),
        ("POST", {"content_type": ""}, "unsupported-media-type"),
        ("POST", {"content_encoding": "gzip"}, "unsupported-media-type"),
        ("PATCH", {"content_type": "application/merge-patch+json"}, ""),
        ("PATCH", {"content_type": "application/json-patch+json"}, "unsupported-media-type"),
        ("DELETE", {"content_type": "text/plain"}, ""),
    ],
)
async def test_a_body_is_json_or_a_merge_patch_and_a_deletion_has_none(
    method: str, headers: dict[str, str], expected: str
) -> None:
    body = BODY if method == "POST" else b'{"pieces":4}'
    assert code(await wish_of(caller(piece(body), method=method, **headers), "W-1")) == expected


texts = st.binary(max_size=20)


@given(one=st.tuples(texts, texts), other=st.tuples(texts, texts))
def test_two_changes_are_the_same_only_if_all_of_them_is(one: tuple[bytes, bytes], other: tuple[bytes, bytes]) -> None:
    def printed(body: bytes, if_match: bytes) -> bytes:
        arrival = arriving("PATCH", if_match=if_match.decode("latin-1"))
        return fingerprint(arrival, Wish(Change("update", "W-1"), None, body))

    assert (printed(*one) == printed(*other)) is (one == other)


def test_a_backend_is_told_a_key_that_is_the_same_for_every_try_and_nobodys_own() -> None:
    wish = Wish(Change("delete", "W-1"), None, b"")
    keys = [
        passed_on(wish, client, key, secret).change.idempotency_key
        for client, key, secret in [
            ("a", "k", b"s"),
            ("a", "k", b"s"),
            ("b", "k", b"s"),
            ("a", "l", b"s"),
            ("a", "k", b"t"),
        ]
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4
    assert all(key is not None and key.isalnum() and len(key) == 64 for key in keys)


@pytest.mark.parametrize(
    ("says", "action", "expected", "certain"),
    [
        (said(ware()), "create", 201, True),
        (said(ware(), 201), "create", 201, True),
        (Answer(204, "", b""), "create", 201, True),
        (Answer(200, "text/html", b"canary"), "create", 201, True),
        (said([]), "create", 201, True),
        (said(ware(owner="OTHER")), "create", 201, True),
        (said(ware()), "update", 200, True),
        (Answer(204, "", b""), "update", 204, True),
        (said(ware()), "delete", 204, True),
        (Answer(404, "", b""), "update", "record-not-found", True),
        (Answer(404, "", b""), "delete", "record-not-found", True),
        (Answer(404, "", b""), "create", "backend-error", True),
        (Answer(409, "", b"canary"), "create", "conflict", True),
        (Answer(422, "", b"canary"), "create", "backend-refused", True),
        (Answer(403, "", b"canary"), "create", "backend-error", True),
        (Answer(500, "", b"canary"), "create", "backend-error", False),
        (Answer(503, "", b""), "delete", "backend-error", False),
        (Fault("unreachable", ""), "create", "backend-unreachable", True),
        (Fault("timeout", ""), "create", "backend-timeout", False),
        (Fault("protocol", ""), "create", "backend-invalid", False),
        (Fault("too_large", ""), "update", "backend-invalid", False),
    ],
    ids=str,
)
async def test_what_the_backend_says_is_what_became_of_the_change_and_whether_that_is_certain(
    says: Any, action: Any, expected: int | str, certain: bool
) -> None:
    adapter = ScriptedAdapter()
    adapter.changes_say = says
    plan = {"create": CREATE, "update": UPDATE, "delete": DELETE}[action]
    outcome, sure = await change(plan, adapter, Wish(Change(action, None if action == "create" else "W-1"), None, b""))
    assert (outcome.code or outcome.status, sure) == (expected, certain)
    assert b"canary" not in (outcome.body or b"")
    assert outcome.records == (1 if outcome.body else 0)
