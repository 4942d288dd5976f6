"""The demo's dealer registers a lead: once, also over a restart, and an engineer of the company has a visit to make."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.demo import Partner, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Dealer:
    """Summit's program: the demo's own credentials, and a client library that is not ours."""

    def __init__(self, url: str, folder: Path) -> None:
        listed = json.loads((folder / "credentials.json").read_bytes())
        (credential,) = (each for each in listed if each["partner"] == "summit-dealer")
        partner = Partner(url, credential)
        self._http = httpx.Client(base_url=url, headers={"authorization": f"Bearer {partner.token}"}, timeout=30)
        partner.close()
        self.get, self.close = self._http.get, self._http.close

    def post(self, body: dict[str, Any], key: str) -> httpx.Response:
        return self._http.post("/v1/leads", json=body, headers={"idempotency-key": f'"{key}"'})

    def patch(self, place: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._http.patch(place, json=body, headers=named)


def rows_of(database: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query, values).fetchall()


@contextmanager
def demo(folder: Path, said: Path) -> Iterator[Dealer]:
    """The demo, up until the block ends."""
    with running(said, "demo", "--dir", folder, "--port", 0) as process:
        process.says("Ctrl-C ends the demo")
        dealer = Dealer(process.url, folder)
        yield dealer
        dealer.close()


def seen(answer: httpx.Response) -> tuple[Any, ...]:
    """What a caller gets of an answer, but for what is each call's own."""
    names = ("content-type", "etag", "location")
    return answer.status_code, answer.content, *(answer.headers.get(name) for name in names)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


WANTED = {
    "company": "长沙湘江机械租赁",
    "contact": {"name": "周明", "phone": "13812345678"},
    "machine_model": "HT75C",
    "quantity": 2,
    "visit_on": "2027-01-12",
}


def test_the_dealer_adds_a_lead_once_and_an_engineer_visits_it(tmp_path: Path) -> None:
    folder, database = tmp_path / "d", tmp_path / "d" / "data" / "hub.db"
    with demo(folder, tmp_path / "first") as dealer:
        made = dealer.post(WANTED, "lead-1")
        assert made.status_code == 201
        lead, place = made.json()["lead_id"], made.headers["location"]
        assert made.json() | {"dealer_code": "SUMMIT", "status": "new", "source": "dealer"} | WANTED == made.json()
        assert place == f"/v1/leads/{lead}"
        assert dealer.get(place).headers["etag"] == made.headers["etag"]
        assert seen(dealer.post(WANTED, "lead-1")) == seen(made)
        assert problem(dealer.post(WANTED | {"quantity": 3}, "lead-1")) == (422, "idempotency-mismatch")
    with demo(folder, tmp_path / "second") as dealer:
        assert seen(dealer.post(WANTED, "lead-1")) == seen(made)
        visits = "SELECT visit_on, machine_model FROM service_schedule WHERE lead_id = ?"
        assert rows_of(database, "SELECT lead_id FROM leads WHERE company = ?", WANTED["company"]) == [(lead,)]
        assert rows_of(database, visits, lead) == [("2027-01-12", "HT75C")]
        moved = dealer.patch(place, {"visit_on": "2027-02-01"}, if_match=made.headers["etag"])
        assert (moved.status_code, moved.json()["visit_on"]) == (200, "2027-02-01")
        stale = dealer.patch(place, {"visit_on": None}, if_match=made.headers["etag"])
        assert problem(stale) == (412, "precondition-failed")
        assert rows_of(database, visits, lead) == [("2027-02-01", "HT75C")]
        others = rows_of(database, "SELECT lead_id, status FROM leads WHERE dealer_code != 'SUMMIT' LIMIT 1")
        for key in (others[0][0], 10**9):
            assert problem(dealer.patch(f"/v1/leads/{key}", {"status": "won"})) == (404, "record-not-found")
        assert rows_of(database, "SELECT lead_id, status FROM leads WHERE lead_id = ?", others[0][0]) == others
