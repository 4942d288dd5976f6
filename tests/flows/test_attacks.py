"""What a hostile partner sends over a real connection to a gateway that takes changes."""

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.exchange.change import BODY_BYTES_MAX
from tests.flows.desk import Serving, desk


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    made = desk(tmp_path_factory.mktemp("desk"))
    made.fill([(1, "SWIFT", "Wuhan", 1, None, None), (2, "RAIL", "Wuhan", 1, None, None)])
    with made.serving() as serving:
        yield serving


def spoken(serving: Serving, *requests: bytes) -> bytes:
    """All that comes back on one connection until it is closed; the last request asks for that."""
    url = urlsplit(serving.url)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=30) as connection:
        connection.sendall(b"".join(requests))
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def request(serving: Serving, line: bytes, *more: bytes, body: bytes = b"") -> bytes:
    name, value = serving.bearer
    fields = (b"Host: gateway", f"{name}: {value}".encode(), *more)
    return b"\r\n".join([line + b" HTTP/1.1", *fields, b"", body])


def statuses(said: bytes) -> list[int]:
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


def test_who_sends_too_much_gets_to_know_it(serving: Serving) -> None:
    json = {"content-type": "application/json"}
    answer = serving.partner().post("/v1/leads", content=b" " * (4 * BODY_BYTES_MAX), headers=json)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert serving.desk.exchange(answer).code == "body-too-large"


@pytest.mark.parametrize("line", [b"DELETE /v1/leads/99", b"GET /v1/leads/1", b"POST /v1/nothing", b"PUT /v1/leads/1"])
def test_a_body_that_nobody_wants_is_never_the_next_request(serving: Serving, line: bytes) -> None:
    hidden = request(serving, b"DELETE /v1/leads/1")
    length = b"Content-Length: %d" % len(hidden)
    after = request(serving, b"GET /v1/leads/1", b"Connection: close")
    said = spoken(serving, request(serving, line, length, body=hidden), after)
    assert len(statuses(said)) == 2
    assert statuses(said)[1] == 200


def test_a_header_makes_no_other_method_of_a_request(serving: Serving) -> None:
    said = spoken(
        serving, request(serving, b"POST /v1/leads/1", b"X-HTTP-Method-Override: DELETE", b"Connection: close")
    )
    assert statuses(said) == [405]
    assert serving.partner().get("/v1/leads/1").status_code == 200


def told(answer: httpx.Response) -> dict[str, Any]:
    """A problem without what names the one request."""
    document = answer.json() if answer.content else {}
    return {name: value for name, value in document.items() if name not in ("request_id", "receipt")}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("field", ["if-match", "if-none-match", "accept"])
def test_no_condition_tells_a_foreign_record_from_none(serving: Serving, method: str, field: str) -> None:
    body = {"city": "Wuxi"} if method == "PATCH" else None
    foreign, none = (
        serving.partner().request(
            method, f"/v1/leads/{key}", json=body, headers={field: "*" if "if" in field else "*/*"}
        )
        for key in (2, 99)
    )
    assert foreign.status_code == none.status_code
    assert foreign.headers.keys() == none.headers.keys()
    assert told(foreign) == told(none)
    assert serving.desk.rows("SELECT city FROM lead WHERE lead_id = 2") == [("Wuhan",)]
