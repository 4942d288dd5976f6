"""The demo's HTTP backend: whole records by key and by page, over a real socket too."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.backend import Backend, Collection, hub_backend
from gateway.demo.data import DemoData


@pytest.fixture
def small(tmp_path: Path) -> Backend:
    file = tmp_path / "records.jsonl"
    records = [{"id": f"R{number}", "owner": "AB"[number % 2], "n": number} for number in range(1, 8)]
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return Backend({"things": Collection(file, "id", "owner")})


def page(backend: Backend, query: str) -> dict[str, Any]:
    status, body = backend.reply("GET", b"/things", query.encode())
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def keys(found: dict[str, Any]) -> list[str]:
    return [record["id"] for record in found["data"]]


def test_pages_follow_one_another_until_next_is_null(small: Backend) -> None:
    first = page(small, "limit=3")
    assert (keys(first), first["next"]) == (["R1", "R2", "R3"], "R3")
    second = page(small, "limit=4&after=R3")
    assert (keys(second), second["next"]) == (["R4", "R5", "R6", "R7"], None)


def test_a_filter_leaves_only_records_with_that_value(small: Backend) -> None:
    assert keys(page(small, "owner=A")) == ["R2", "R4", "R6"]
    assert keys(page(small, "owner=A&after=R3&limit=1")) == ["R4"]
    assert page(small, "owner=nobody") == {"data": [], "next": None}


def test_a_page_may_start_after_a_key_that_is_not_there(small: Backend) -> None:
    assert keys(page(small, "after=R45&limit=1")) == ["R5"]


@pytest.mark.parametrize("query", [b"limit=0", b"limit=1001", b"limit=x", b"limit=-1", b"colour=red"])
def test_a_query_it_does_not_know_is_refused(small: Backend, query: bytes) -> None:
    assert small.reply("GET", b"/things", query)[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", b"/things/R2", 200),
        ("GET", b"/things/%522", 200),
        ("GET", b"/things/R99", 404),
        ("GET", b"/things/R1/more", 404),
        ("GET", b"/nothing", 404),
        ("GET", b"/", 404),
        ("GET", b"/healthz", 200),
        ("POST", b"/things", 405),
        ("DELETE", b"/things/R2", 405),
        ("PATCH", b"/things", 405),
        ("PATCH", b"/things/R99", 404),
        ("PATCH", b"/things/R2", 400),
    ],
)
def test_each_path_has_its_answer(small: Backend, method: str, path: bytes, status: int) -> None:
    assert small.reply(method, path, b"")[0] == status


def test_a_record_that_was_changed_is_shown_so_by_itself_and_in_its_page(small: Backend) -> None:
    status, body = small.reply("PATCH", b"/things/R2", b"", b'{"n":2.50}')
    assert (status, body) == (200, b'{"id":"R2","owner":"A","n":2.50}')
    assert small.reply("GET", b"/things/R2", b"") == (200, body)
    assert page(small, "owner=A&limit=1")["data"] == [{"id": "R2", "owner": "A", "n": 2.5}]


@pytest.mark.parametrize("patch", [b"", b"[]", b"{", b'"n"', b"\xff"])
def test_a_change_that_is_no_object_changes_nothing(small: Backend, patch: bytes) -> None:
    before = small.reply("GET", b"/things/R2", b"")
    assert small.reply("PATCH", b"/things/R2", b"", patch)[0] == 400
    assert small.reply("GET", b"/things/R2", b"") == before


def test_records_come_byte_for_byte_as_they_were_generated(demo_data: DemoData) -> None:
    lines = demo_data.repayments.read_bytes().splitlines()
    backend = hub_backend(demo_data.repayments.parent)
    assert backend.reply("GET", b"/repayments/FO-000002", b"") == (200, lines[1])
    assert backend.reply("GET", b"/repayments", b"limit=2")[1] == (
        b'{"data":[' + lines[0] + b"," + lines[1] + b'],"next":"FO-000002"}'
    )


def test_as_a_process_it_says_where_it_listens_and_answers_there(demo_data: DemoData) -> None:
    command = [sys.executable, "-m", "gateway.demo.backend", "--data", str(demo_data.shipments.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            word, url = process.stdout.readline().split()
            assert word == "backend"
            assert url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(f"{url}/shipments?limit=10&carrier_code=SWIFT", timeout=10) as answer:  # noqa: S310
                assert answer.headers["content-type"] == "application/json"
                records = json.load(answer)["data"]
        finally:
            process.terminate()
    assert [record["carrier_code"] for record in records] == ["SWIFT"] * 10
