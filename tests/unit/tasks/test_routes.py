"""/partner/tasks: a partner sees and does what is its own; what is another's does not exist; two at once do not
overwrite each other."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.plan import Plans
from gateway.front_doors import front_doors
from gateway.partner.door import PartnerDoor
from gateway.tasks.authority import Acting
from gateway.tasks.routes import task_routes
from tests.unit.exchange.judging import judged_by
from tests.unit.tasks.stage import DAY_US, Hub, hub_in
from tests.unit.webhooks.receiver import grants, in_process

PAGE = 4
WANTED = {"title": {"zh": "核对", "en": "Check"}, "team": "legal", "due": "P3D"}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub_in(tmp_path) as made:
        yield made


@pytest.fixture
async def call(hub: Hub) -> AsyncIterator[httpx.AsyncClient]:
    door = PartnerDoor(judged_by(grants), now_us=lambda: hub.now_us)
    routes = task_routes(door, hub.store, hub.authority, lambda: Plans({}, {}), page_max=PAGE)
    async with in_process(front_doors(routes), "swift") as client:
        yield client


def as_partner(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


async def ids(call: httpx.AsyncClient, query: str = "", who: str = "swift") -> list[str]:
    answer = await call.get(f"/partner/tasks{query}", headers=as_partner(who))
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["tasks"]]


async def test_a_partner_sees_what_it_has_to_do_and_what_it_asked_for_and_nothing_else(
    hub: Hub, call: httpx.AsyncClient
) -> None:
    assigned, asked = await hub.create(), await hub.create("team", "legal", "swift")
    others = [await hub.create("partner", "bank"), await hub.create("team", "legal")]
    assert sorted(await ids(call)) == sorted([assigned.id, asked.id])
    assert await ids(call, who="bank") == [others[0].id]
    for other in others:
        for method, path in (("GET", ""), ("POST", "/accept"), ("POST", "/complete"), ("POST", "/cancel")):
            answer = await call.request(method, f"/partner/tasks/{other.id}{path}")
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/task-not-found")
    assert await hub.tasks.find(others[0].id) == others[0]


async def test_a_task_is_shown_with_what_may_be_done_and_without_the_hubs_account(
    hub: Hub, call: httpx.AsyncClient
) -> None:
    task = await hub.create()
    shown = (await call.get(f"/partner/tasks/{task.id}")).json()
    assert shown["actions"] == ["accept"]
    assert shown["due"] == "2027-01-16T16:00:00+08:00"
    assert shown["title"] == {"zh": "核对运单", "en": "Check the waybills"}
    assert (shown["created_by"], shown["assignee"]) == ("hub", {"kind": "partner", "name": "swift"})
    assert "somebody" not in str(shown)


async def test_a_task_is_accepted_and_completed_with_a_note(hub: Hub, call: httpx.AsyncClient) -> None:
    task = await hub.create()
    accepted = await call.post(f"/partner/tasks/{task.id}/accept")
    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
    completed = await call.post(f"/partner/tasks/{task.id}/complete", json={"note": "all 12"})
    assert (completed.json()["state"], completed.json()["note"]) == ("completed", "all 12")
    again = await call.post(f"/partner/tasks/{task.id}/complete")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/task-state")
    chinese = await call.post(f"/partner/tasks/{task.id}/complete", headers={"Accept-Language": "zh"})
    assert (again.json()["detail"], chinese.json()["detail"]) == ("the task is completed", "任务的状态为 completed")
    assert hub.events() == ["task-created", "task-accepted", "task-completed"]


async def test_who_read_an_earlier_version_does_not_overwrite(hub: Hub, call: httpx.AsyncClient) -> None:
    task = await hub.create("team", "legal", "swift")
    etag = (await call.get(f"/partner/tasks/{task.id}")).headers["etag"]
    await hub.authority.act(task, "accept", Acting("", "ops"))
    stale = await call.post(f"/partner/tasks/{task.id}/cancel", headers={"if-match": etag})
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/precondition-failed")
    fresh = await call.post(f"/partner/tasks/{task.id}/cancel", headers={"if-match": stale.headers["etag"]})
    assert fresh.json()["state"] == "cancelled"


async def test_a_partner_gives_a_team_of_the_hub_a_task(hub: Hub, call: httpx.AsyncClient) -> None:
    made = await call.post("/partner/tasks", json=WANTED | {"details": "line\nline", "correction": "c-1"})
    assert made.status_code == 201, made.text
    task = await hub.tasks.find(made.json()["id"])
    assert task is not None
    assert (task.partner, task.created_by, task.creator) == ("swift", "swift", "swift-app")
    assert (task.assignee_kind, task.assignee, task.due_us) == ("team", "legal", hub.now_us + 3 * DAY_US)
    assert made.json()["actions"] == ["cancel"]
    once = await call.post("/partner/tasks", json=WANTED | {"title": "once"})
    assert once.json()["title"] == {"zh": "once", "en": "once"}


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"title": {}}, "/title"),
        ({"title": "two\nlines"}, "/title"),
        ({"title": ""}, "/title"),
        ({"team": "Legal Team"}, "/team"),
        ({"due": "yesterday"}, "/due"),
        ({"due": "2020-01-01"}, "/due"),
        ({"agreement": "of-another"}, "/agreement"),
        ({"product": "a b"}, "/product"),
        ({"details": "a\x00"}, "/details"),
        ({"assignee": "bank"}, None),
    ],
)
async def test_a_task_with_a_mistake_is_none(
    hub: Hub, call: httpx.AsyncClient, changed: dict[str, Any], pointer: str | None
) -> None:
    answer = await call.post("/partner/tasks", json=WANTED | changed)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-body")
    if pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert hub.events() == []


async def test_tasks_are_filtered_by_state_and_what_is_overdue(hub: Hub, call: httpx.AsyncClient) -> None:
    late, accepted = await hub.create(), await hub.create()
    await call.post(f"/partner/tasks/{accepted.id}/accept")
    hub.now_us += DAY_US
    later = await hub.create()
    assert await ids(call, "?state=accepted") == [accepted.id]
    assert sorted(await ids(call, "?state=open")) == sorted([late.id, later.id])
    assert sorted(await ids(call, "?state=overdue")) == sorted([late.id, accepted.id])
    for query in ("?state=late", "?mine=1", "?state=open&state=open"):
        assert (await call.get(f"/partner/tasks{query}")).status_code == 400


async def test_pages_lead_through_all_of_them_once(hub: Hub, call: httpx.AsyncClient) -> None:
    made = set()
    for number in range(PAGE + 3):
        hub.now_us += number % 2
        made.add((await hub.create()).id)
    first = (await call.get("/partner/tasks")).json()
    second = (await call.get(f"/partner/tasks?after={first['next']}")).json()
    found = [each["id"] for page in (first, second) for each in page["tasks"]]
    assert (len(found), set(found)) == (PAGE + 3, made)
    assert second["next"] is None
    assert (await call.get("/partner/tasks?after=x.y")).json()["type"] == "/problems/invalid-cursor"


async def test_without_the_log_or_the_store_the_answer_is_503(hub: Hub, call: httpx.AsyncClient) -> None:
    task = await hub.create()
    hub.writer.close()
    answer = await call.post(f"/partner/tasks/{task.id}/accept")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/log-unavailable")
    (hub.folder / "state.db").write_bytes(b"no database" * 1000)
    (hub.folder / "state.db-wal").unlink(missing_ok=True)
    await hub.store.close()
    answer = await call.get("/partner/tasks")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/state-unavailable")


async def test_who_has_no_token_gets_nothing(call: httpx.AsyncClient) -> None:
    assert (await call.get("/partner/tasks", headers=as_partner(""))).status_code == 401
