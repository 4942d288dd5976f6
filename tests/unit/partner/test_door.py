"""The door of /partner/: nobody unknown gets through, what is sent is read strictly, problems repeat nothing."""

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec import Struct

from gateway.front_doors import front_doors
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.verify import INVALID, MISSING
from gateway.partner.door import BODY_BYTES_MAX, Answer, PartnerDoor, Visit
from tests.unit.exchange.judging import judged_by

_SWIFT = {"authorization": "Bearer swift"}


class Wish(Struct, forbid_unknown_fields=True):
    """What the routes of these tests take."""

    name: str
    count: int = 0
    size: Literal["small", "large"] = "small"


def _verify(authorization: bytes | None, now_s: float) -> Grant | Rejected:
    if authorization is None:
        return MISSING
    if authorization != b"Bearer swift":
        return INVALID
    return Grant("swift-app", "swift", "", frozenset(), "", "", 0, 1 << 40)


async def _who(visit: Visit) -> Answer:
    return visit.answer({"partner": visit.grant.partner, "one": visit.request.path_params["one"]})


async def _make(visit: Visit) -> Answer:
    wish = await visit.body(Wish)
    return visit.answer({"made": wish.count}, 201) if isinstance(wish, Wish) else wish


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    door = PartnerDoor(judged_by(_verify))
    with TestClient(front_doors(door.routes("/partner/things/{one:str}", {"GET": _who, "POST": _make}))) as made:
        yield made


def test_a_partner_with_a_good_token_gets_its_answer_and_no_cache_keeps_it(client: TestClient[Litestar]) -> None:
    answer = client.get("/partner/things/a", headers=_SWIFT)
    assert (answer.status_code, answer.json()) == (200, {"partner": "swift", "one": "a"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("headers", "query", "status", "code", "challenge"),
    [
        ({}, "", 401, "missing-token", "Bearer"),
        ({"authorization": "Bearer other"}, "", 401, "invalid-token", 'Bearer error="invalid_token"'),
        ([("authorization", "Bearer swift"), ("authorization", "Bearer swift")], "", 401, "invalid-token", None),
        (_SWIFT, "?access_token=swift", 400, "token-in-query", None),
    ],
)
def test_nobody_else_gets_through(  # noqa: PLR0917 - the columns of the table
    client: TestClient[Litestar], headers: object, query: str, status: int, code: str, challenge: str | None
) -> None:
    answer = client.get(f"/partner/things/a{query}", headers=headers)  # type: ignore[arg-type]  # a list repeats one
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")
    if challenge is not None:
        assert answer.headers["www-authenticate"] == challenge


def test_a_problem_is_said_in_the_language_that_is_asked_for(client: TestClient[Litestar]) -> None:
    answer = client.get("/partner/things/a", headers={"accept-language": "zh-CN"})
    assert (answer.json()["title"], answer.headers["content-language"]) == ("缺少访问令牌", "zh")


@pytest.mark.parametrize(
    ("content", "media", "status", "code"),
    [
        (b'{"name": "a", "count": 3}', "application/json", 201, None),
        (b'{"name": "a", "count": 3}', "application/json; charset=utf-8", 201, None),
        (b'{"name": "a", "count": 3}', "text/plain", 415, "unsupported-media-type"),
        (b'{"name": "a", "count": "3"}', "application/json", 422, "invalid-body"),
        (b'{"name": "a", "secret": 3}', "application/json", 422, "invalid-body"),
        (b'{"name": "a"', "application/json", 422, "invalid-body"),
        (b'{"name": "a", "name": "a"}', "application/json", 422, "invalid-body"),
        (b'{"name": "a", "n\\u0061me": "b"}', "application/json", 422, "invalid-body"),
        (b'{"name": "a", "count": NaN}', "application/json", 422, "invalid-body"),
        (b"", "application/json", 422, "invalid-body"),
        (b"\xff\xfe", "application/json", 422, "invalid-body"),
        (b"[" * 5000, "application/json", 422, "invalid-body"),
        (b'{"name": "' + b"a" * BODY_BYTES_MAX + b'"}', "application/json", 413, "body-too-large"),
    ],
)
def test_a_body_is_read_strictly(
    client: TestClient[Litestar], content: bytes, media: str, status: int, code: str | None
) -> None:
    answer = client.post("/partner/things/a", content=content, headers={**_SWIFT, "content-type": media})
    assert answer.status_code == status, answer.text
    if code is not None:
        assert answer.json()["type"] == f"/problems/{code}"


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"name": "13900000000", "count": "13900000000"}, "/count"),
        ({"name": "a", "size": "13900000000"}, "/size"),
        ({"name": "a", "13900000000": 1}, ""),
    ],
)
def test_a_fault_of_a_body_says_where_it_is_and_not_what_was_sent(
    client: TestClient[Litestar], sent: dict[str, Any], pointer: str
) -> None:
    answer = client.post("/partner/things/a", json=sent, headers=_SWIFT)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert "13900000000" not in answer.text


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_method_is_told_which_there_are(client: TestClient[Litestar], method: str) -> None:
    answer = client.request(method, "/partner/things/a", headers=_SWIFT)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_head_is_answered_as_get_without_a_body(client: TestClient[Litestar]) -> None:
    answer = client.head("/partner/things/a", headers=_SWIFT)
    assert (answer.status_code, answer.content) == (200, b"")
