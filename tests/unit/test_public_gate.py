"""What anybody may read is read by everybody: whoever asks too often is told to wait, and how long."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar, Response, get
from litestar.testing import TestClient

from gateway.problem_pages import problem_routes
from gateway.public_gate import public_gate


class Door:
    """Lets `allowed` requests of each source pass."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self.seen: list[str] = []

    async def admit(self, source: str) -> int | None:
        self.seen.append(source)
        return None if self.seen.count(source) <= self._allowed else 17


@pytest.fixture
def door() -> Door:
    return Door(2)


@pytest.fixture
def client(door: Door) -> Iterator[TestClient[Litestar]]:
    def who(scope: Any) -> str:
        return str(dict(scope["headers"]).get(b"x-test-source", b""), "ascii")

    gate = public_gate(door.admit, who)

    @get("/file", before_request=gate)
    async def file() -> Response[bytes]:
        return Response(b"a file")

    with TestClient(Litestar([file, *problem_routes(gate)], openapi_config=None)) as made:
        yield made


def test_a_source_that_asks_too_often_is_told_to_wait_and_others_are_not(client: TestClient[Litestar]) -> None:
    here, there = {"x-test-source": "192.0.2.1"}, {"x-test-source": "192.0.2.2"}
    assert [client.get("/file", headers=here).status_code for _ in range(4)] == [200, 200, 429, 429]
    answer = client.get("/file", headers=there)
    assert (answer.status_code, answer.content) == (200, b"a file")


@pytest.mark.parametrize(("language", "title"), [("en", "Too many requests"), ("zh", "请求过多")])
def test_the_refusal_is_a_problem_document_in_the_callers_language(
    client: TestClient[Litestar], language: str, title: str
) -> None:
    for _ in range(3):
        answer = client.get("/file", headers={"accept-language": language})
    assert answer.status_code == 429
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.headers["retry-after"] == "17"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-language"] == language
    said = answer.json()
    assert (said["status"], said["type"]) == (429, "/problems/too-many-requests")
    assert title in said["title"]


def test_problem_pages_stand_behind_the_gate_too(client: TestClient[Litestar]) -> None:
    assert [client.get(path).status_code for path in ("/problems", "/problems/not-found", "/problems")] == [
        200,
        200,
        429,
    ]
