"""Changes on the wire: made once whatever is repeated or dies, only what may be written, and announced on the log."""

import json
import resource
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.audit.leaf import Entry, Exchange, Intent
from tests.flows.demo import clausegate
from tests.flows.desk import RAIL, SWIFT, Desk, Serving, desk
from tests.flows.service import Service, service

LEADS, CALLS = "/v1/leads", "/v1/calls"
MINE, OTHERS = 10, 11
ROWS = [(MINE, "SWIFT", "Wuhan", 10.5, "2026-03-01", "13800001111"), (OTHERS, "RAIL", "Xi'an", 1, None, None)]
PHONE, CITY = "13998765432", "private-city-of-the-body"
LEAD = {"city": CITY, "phone": PHONE, "budget": 12.5}
IN_FLIGHT_S = 300


@pytest.fixture(scope="module")
def running_service() -> Iterator[Service]:
    with service() as running:
        yield running


@pytest.fixture
def calls(running_service: Service) -> Iterator[Service]:
    """The service with one record of each partner, and no change made yet."""
    running_service.records.clear()
    running_service.changes.clear()
    running_service.changed.clear()
    running_service.hold(MINE, "SWIFT")
    running_service.hold(OTHERS, "RAIL")
    yield running_service
    running_service.silent = False


@pytest.fixture(scope="module")
def up(running_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with desk(tmp_path_factory.mktemp("writing"), running_service.url).serving() as serving:
        yield serving


@pytest.fixture
def serving(up: Serving, calls: Service) -> Serving:
    """The gateway over the table as it is written above, and the service."""
    assert not calls.changes
    up.desk.fill(ROWS)
    return up


@pytest.fixture
def swift(serving: Serving) -> httpx.Client:
    return serving.partner()


def keyed(key: str, **more: str) -> dict[str, str]:
    """Headers with an idempotency key."""
    return {"idempotency-key": f'"{key}"'} | {name.replace("_", "-"): value for name, value in more.items()}


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code; nothing of what was sent is repeated."""
    assert PHONE not in answer.text
    assert CITY not in answer.text
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def told(entries: list[Entry]) -> list[tuple[str, str, int]]:
    """What the log says of changes, in order: the kind of entry, its operation, and the status of an exchange."""
    return [
        (type(entry).__name__, entry.operation, entry.status if isinstance(entry, Exchange) else 0)
        for entry in entries
        if isinstance(entry, Exchange | Intent)
    ]


def same_answer(first: httpx.Response, again: httpx.Response) -> None:
    """The same status, record, tag and place."""
    assert again.status_code == first.status_code
    assert again.content == first.content
    for name in ("etag", "location", "content-type"):
        assert again.headers.get(name) == first.headers.get(name)


# --- what may be written


def test_every_mistake_of_a_body_is_told_at_once_in_the_callers_language(serving: Serving, swift: httpx.Client) -> None:
    wrong = {"phone": PHONE[:5], "budget": -1, "visit": "2026-02-30", "dealer": "RAIL", "margin": CITY, "lead_id": 7}
    told_in = {}
    for language in ("en", "zh-CN"):
        answer = swift.post(LEADS, json=wrong, headers={"accept-language": language})
        assert problem(answer) == (422, "invalid-body")
        errors = answer.json()["errors"]
        assert {(error["pointer"], error["code"]) for error in errors} == {
            ("/city", "required"),
            ("/phone", "pattern"),
            ("/budget", "minimum"),
            ("/visit", "format"),
            ("/dealer", "additional"),
            ("/margin", "additional"),
            ("/lead_id", "additional"),
        }
        told_in[language] = {error["pointer"]: error["detail"] for error in errors}
        assert told(serving.desk.entries(answer.headers["x-request-id"])) == [("Exchange", "create", 422)]
    assert told_in["en"]["/budget"] == "this must be 0 or more"
    assert all(any("一" <= letter <= "鿿" for letter in words) for words in told_in["zh-CN"].values())
    assert len(serving.desk.rows()) == len(ROWS)


@pytest.mark.parametrize(
    "body", [{"dealer": "RAIL"}, {"phone": PHONE}, {"margin": "1"}, {"lead_id": 99}, {}, {"city": None}]
)
@pytest.mark.parametrize("product", [LEADS, CALLS], ids=["sql", "http"])
def test_what_is_not_to_be_written_is_not_written(
    serving: Serving, swift: httpx.Client, calls: Service, product: str, body: dict[str, Any]
) -> None:
    before = serving.desk.rows(), json.dumps(calls.records)
    assert problem(swift.patch(f"{product}/{MINE}", json=body)) == (422, "invalid-body")
    assert (serving.desk.rows(), json.dumps(calls.records), calls.changes) == (*before, [])


@pytest.mark.parametrize("product", [LEADS, CALLS], ids=["sql", "http"])
def test_a_new_record_is_the_partners_own(serving: Serving, swift: httpx.Client, calls: Service, product: str) -> None:
    made = swift.post(product, json=LEAD)
    assert made.status_code == 201
    key = made.json()["lead_id"]
    assert made.headers["location"] == f"{product}/{key}"
    assert made.json() == LEAD | {"lead_id": key, "dealer": "SWIFT", "visit": None, "phone": "*******5432"}
    assert swift.get(made.headers["location"]).json() == made.json()
    assert serving.partner(RAIL).get(made.headers["location"]).status_code == 404
    if product == CALLS:
        assert calls.records[key]["phone"] == PHONE


def test_without_the_scope_for_it_nothing_is_written(serving: Serving) -> None:
    reader = serving.partner(SWIFT, "leads:read")
    assert reader.get(f"{LEADS}/{MINE}").status_code == 200
    for method, path in (("POST", LEADS), ("PATCH", f"{LEADS}/{MINE}"), ("DELETE", f"{LEADS}/{MINE}")):
        refused = reader.request(method, path, json=LEAD)
        assert problem(refused) == (403, "insufficient-scope")
        assert [kind for kind, *_ in told(serving.desk.entries(refused.headers["x-request-id"]))] == ["Exchange"]
    assert serving.desk.rows()[0][:3] == ROWS[0][:3]


@pytest.mark.parametrize("product", [LEADS, CALLS], ids=["sql", "http"])
def test_a_record_is_changed_only_as_the_caller_knows_it(
    serving: Serving, swift: httpx.Client, calls: Service, product: str
) -> None:
    place = f"{product}/{MINE}"
    known = swift.get(place).headers["etag"]
    for stale in ('"x"', f"W/{known}", f'"x{known[1:]}'):
        for method, body in (("PATCH", {"city": "Xiangtan"}), ("DELETE", None)):
            refused = swift.request(method, place, json=body, headers={"if-match": stale})
            assert problem(refused) == (412, "precondition-failed")
    assert not calls.changes
    assert swift.get(place).headers["etag"] == known
    changed = swift.patch(place, json={"city": "Xiangtan"}, headers={"if-match": f'"x", {known}'})
    assert (changed.status_code, changed.json()["city"]) == (200, "Xiangtan")
    assert swift.get(place).headers["etag"] == changed.headers["etag"] != known
    assert problem(swift.delete(place, headers={"if-match": known})) == (412, "precondition-failed")
    assert swift.delete(place, headers={"if-match": changed.headers["etag"]}).status_code == 204
    assert problem(swift.get(place)) == (404, "record-not-found")
    assert serving.partner(RAIL).get(f"{product}/{OTHERS}").status_code == 200


# --- once


def test_of_many_tries_at_once_one_makes_the_change(serving: Serving) -> None:
    swift = serving.partner()
    with ThreadPoolExecutor(8) as threads:
        tries = [threads.submit(swift.post, LEADS, json=LEAD, headers=keyed("at-once")) for _ in range(24)]
        answers = [attempt.result() for attempt in tries]
    made = [answer for answer in answers if answer.status_code == 201]
    others = [answer for answer in answers if answer.status_code != 201]
    assert made
    assert len({answer.content for answer in made}) == 1
    assert {problem(answer) for answer in others} <= {(409, "idempotency-in-flight")}
    assert len(serving.desk.rows()) == len(ROWS) + 1
    same_answer(made[0], swift.post(LEADS, json=LEAD, headers=keyed("at-once")))


def test_a_repeated_change_is_not_announced_and_not_made_again(
    serving: Serving, swift: httpx.Client, calls: Service
) -> None:
    place = f"{CALLS}/{MINE}"
    first = swift.patch(place, json={"city": "Xiangtan"}, headers=keyed("change-1"))
    calls.records[MINE]["city"] = "Zhuzhou"
    again = swift.patch(place, json={"city": "Xiangtan"}, headers=keyed("change-1"))
    same_answer(first, again)
    assert calls.changes == [("PATCH", MINE)]
    of_each = [told(serving.desk.entries(answer.headers["x-request-id"])) for answer in (first, again)]
    assert of_each == [[("Intent", "update", 0), ("Exchange", "update", 200)], [("Exchange", "update", 200)]]
    gone = [swift.delete(place, headers=keyed("change-2")) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in gone] == [(204, b"")] * 2
    for differing in (
        swift.delete(place, headers=keyed("change-1")),
        swift.patch(f"{CALLS}/{OTHERS}", json={"city": "Xiangtan"}, headers=keyed("change-1")),
        swift.patch(place, json={"city": "Xiangtan"}, headers=keyed("change-1", if_match='"x"')),
        swift.patch(place, json={"city": "Xiangtan "}, headers=keyed("change-1")),
    ):
        assert problem(differing) == (422, "idempotency-mismatch")
    assert len(calls.changes) == 2


def test_two_partners_may_use_one_key(serving: Serving, swift: httpx.Client) -> None:
    ours = swift.post(LEADS, json=LEAD, headers=keyed("mine-too"))
    theirs = serving.partner(RAIL).post(LEADS, json=LEAD, headers=keyed("mine-too"))
    assert (ours.status_code, theirs.status_code) == (201, 201)
    assert (ours.json()["dealer"], theirs.json()["dealer"]) == ("SWIFT", "RAIL")


def test_a_change_that_was_refused_leaves_its_key_free(serving: Serving, swift: httpx.Client) -> None:
    assert problem(swift.post(LEADS, json={"city": "x"}, headers=keyed("refused"))) == (422, "invalid-body")
    missing = swift.patch(f"{LEADS}/{OTHERS}", json={"city": "Yiyang"}, headers=keyed("refused"))
    assert problem(missing) == (404, "record-not-found")
    assert swift.post(LEADS, json=LEAD, headers=keyed("refused")).status_code == 201


# --- when something fails


def test_a_service_that_keeps_silent_leaves_a_change_that_nobody_knows_of(
    serving: Serving, swift: httpx.Client, calls: Service
) -> None:
    calls.silent = True
    lost = swift.post(CALLS, json=LEAD, headers=keyed("silent"))
    assert problem(lost) == (504, "backend-timeout")
    calls.silent = False
    made = list(calls.changes)
    assert len(made) == 1
    assert problem(swift.post(CALLS, json=LEAD, headers=keyed("silent"))) == (409, "idempotency-unknown")
    other = swift.post(CALLS, json=LEAD | {"budget": 1}, headers=keyed("silent"))
    assert problem(other) == (422, "idempotency-mismatch")
    assert calls.changes == made
    of_first = told(serving.desk.entries(lost.headers["x-request-id"]))
    assert of_first == [("Intent", "create", 0), ("Exchange", "create", 504)]


def test_a_change_that_the_service_never_got_may_be_asked_for_again(tmp_path: Path) -> None:
    with desk(tmp_path).serving() as serving:  # nobody listens there
        swift = serving.partner()
        for _ in range(2):
            refused = swift.post(CALLS, json=LEAD, headers=keyed("nobody-there"))
            assert problem(refused) == (502, "backend-unreachable")


def test_a_table_that_is_locked_is_not_changed_later_and_the_key_stays_free(
    serving: Serving, swift: httpx.Client
) -> None:
    with closing(sqlite3.connect(serving.desk.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = swift.post(LEADS, json=LEAD, headers=keyed("locked"))
        assert problem(refused) == (502, "backend-unreachable")
        other.execute("ROLLBACK")
    assert len(serving.desk.rows()) == len(ROWS)
    assert swift.post(LEADS, json=LEAD, headers=keyed("locked")).status_code == 201
    assert len(serving.desk.rows()) == len(ROWS) + 1


def test_while_the_log_takes_nothing_the_service_is_not_asked(
    serving: Serving, swift: httpx.Client, calls: Service
) -> None:
    pid = serving.process.process.pid
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    (segment,) = serving.desk.log.rglob("*.seg")
    wanted: list[Callable[[], httpx.Response]] = [
        lambda: swift.post(CALLS, json=LEAD),
        lambda: swift.patch(f"{CALLS}/{MINE}", json={"city": "Xiangtan"}, headers=keyed("log-full")),
        lambda: swift.delete(f"{CALLS}/{MINE}"),
        lambda: swift.patch(f"{LEADS}/{MINE}", json={"city": "Xiangtan"}),
    ]
    before = serving.desk.rows(), json.dumps(calls.records)
    # A limit on the size of files is a full disk for one process; the state's files are far smaller than the limit.
    swift.get(f"{LEADS}/{MINE}")
    fill(swift, segment)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (segment.stat().st_size, hard))
    try:
        for ask in wanted:
            refused = ask()
            assert problem(refused) == (503, "log-unavailable")
            assert "clausegate-receipt" not in refused.headers
            assert int(refused.headers["retry-after"]) > 0
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    assert (serving.desk.rows(), json.dumps(calls.records), calls.changes) == (*before, [])
    assert [ask().status_code for ask in wanted] == [201, 200, 204, 200]


def fill(swift: httpx.Client, segment: Path) -> None:
    """Make the log larger than any file of the state store."""
    state = segment.parents[2] / "state"
    while segment.stat().st_size <= max(file.stat().st_size for file in state.rglob("*") if file.is_file()):
        swift.get(f"{LEADS}/{MINE}")


def test_a_gateway_that_is_killed_in_the_middle_changes_nothing_twice(tmp_path: Path, calls: Service) -> None:
    made = desk(tmp_path, calls.url)
    calls.silent = True
    with made.serving() as first, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(first.partner().post, CALLS, json=LEAD, headers=keyed("killed"))
        assert calls.changed.wait(30)
        first.process.process.kill()
        with pytest.raises(httpx.TransportError):
            waiting.result()
        assert first.process.process.wait(30) == -9
    calls.silent = False
    assert told(made.entries()) == [("Intent", "create", 0)]
    with made.serving() as second:
        swift = second.partner()
        again = swift.post(CALLS, json=LEAD, headers=keyed("killed"))
        assert problem(again) == (409, "idempotency-in-flight")  # whoever began it may still be at work
        age_keys(made)
        again = swift.post(CALLS, json=LEAD, headers=keyed("killed"))
        assert problem(again) == (409, "idempotency-unknown")
        assert [method for method, _ in calls.changes] == ["POST"]
        assert swift.post(CALLS, json=LEAD, headers=keyed("anew")).status_code == 201
    assert len(calls.changes) == 2
    assert clausegate("verify", made.folder).returncode == 0


def age_keys(made: Desk) -> None:
    """Make every key as old as a change can be that nobody is at work on any more."""
    (state,) = (made.folder / "state").rglob("*.db")
    with closing(sqlite3.connect(state, timeout=30)) as connection, connection:
        connection.execute("UPDATE idempotency_keys SET created_s = created_s - ?", (IN_FLIGHT_S,))


def test_nothing_of_a_body_and_no_key_is_kept_by_the_gateway(serving: Serving, swift: httpx.Client) -> None:
    key = "key-that-only-its-owner-knows"
    for product in (LEADS, CALLS):
        for _ in range(2):
            assert swift.post(product, json=LEAD, headers=keyed(f"{key}{product[4:]}")).status_code == 201
        problem(swift.post(product, json={"city": CITY, "phone": f"{PHONE}0"}, headers=keyed(f"{key}-2")))
        problem(swift.patch(f"{product}/{MINE}", json={"city": CITY * 3}))
        problem(swift.post(product, content=f'{{"city": "{CITY}", "phone": {PHONE}'.encode()))
    kept = dict(serving.desk.kept())
    assert any(name.endswith(".seg") for name in kept)
    assert any(".db" in name for name in kept)
    assert any(name.endswith("stderr") for name in kept)
    for name, data in kept.items():
        for private in (PHONE, CITY, key, "13800001111", "canary"):
            assert private.encode() not in data, name
