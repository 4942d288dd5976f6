"""Partners report, follow and answer for errors over /partner/corrections, and see nothing that is another's."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from gateway.authority import Administration
from gateway.corrections.guessing import GUESSES_MAX, WITHIN_S
from gateway.corrections.life import Actor, CorrectionLife, NewReport
from gateway.corrections.pages import CorrectionPages, correction_routes
from gateway.corrections.reading import ViewReader
from gateway.corrections.repeating import Repeating
from gateway.front_doors import front_doors
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.verify import MISSING
from gateway.partner.door import PartnerDoor
from gateway.store.corrections import KeptCorrection
from gateway.store.hidden import Hidden
from gateway.store.idempotency import Idempotency
from gateway.workspace import Workspace
from policies.reference import ClauseRef
from tests.unit.corrections.stage import PARTNER, PRODUCT, Clock, Shelf, clause_of, contract_of
from tests.unit.exchange.judging import judged_by

REPORT: Mapping[str, Any] = {
    "product": PRODUCT,
    "key": "s-1",
    "field": "weight_kg",
    "expected": 3.50,
    "severity": "critical",
    "evidence": "https://swift.example/scales/7",
}


def verify(authorization: bytes | None, _now_s: float) -> Grant | Rejected:
    """`Bearer PARTNER SCOPE`."""
    if authorization is None:
        return MISSING
    _, partner, scope = authorization.decode().split(" ")
    return Grant(f"{partner}-app", partner, "", frozenset({scope}), "", "", 0, 1 << 40)


class Calls:
    """A partner's calls, by the routes of a real application."""

    def __init__(self, client: httpx.AsyncClient, scope: str, suspended: list[ClauseRef]) -> None:
        """`suspended` holds the clause under which the agreement is suspended, while it is."""
        self._client, self._scope, self.suspended = client, scope, suspended

    async def ask(
        self, method: str, path: str, body: Any = None, *, partner: str = PARTNER, scope: str = "", key: str = ""
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {partner} {scope or self._scope}"}
        if key:
            headers["idempotency-key"] = key
        return await self._client.request(method, f"/partner/corrections{path}", json=body, headers=headers)

    async def report(self, **more: Any) -> httpx.Response:
        return await self.ask("POST", "", {**REPORT, **more})


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def calls(
    workspace: Workspace,
    administration: Administration,
    life: CorrectionLife,
    clock: Clock,
    shelf: Shelf,
) -> AsyncIterator[Calls]:
    suspended: list[ClauseRef] = []
    idempotency = Idempotency(administration.store, Hidden(b"k" * 32), "one")
    pages = CorrectionPages(
        life,
        ViewReader(lambda: {"records": shelf}),
        lambda: workspace.plans,
        Repeating(idempotency),
        now_us=clock,
        monotonic_s=lambda: clock() / 1_000_000,
        suspended=lambda _: suspended[0] if suspended else None,
    )
    application = front_doors(correction_routes(pages, PartnerDoor(judged_by(verify), now_us=clock)))
    plan = workspace.plans.by_route[PARTNER, PRODUCT, "get"][0]
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]  # Litestar types scopes more narrowly
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.example") as client:
        yield Calls(client, plan.scope, suspended)


def code(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


async def test_a_report_starts_the_clock_of_the_clause(calls: Calls, clock: Clock) -> None:
    answer = await calls.report()
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"/partner/corrections/{made['id']}"
    assert (made["state"], made["clause"], made["owed_by"], made["expected"]) == ("reported", "6.1", "hub", 3.5)
    assert made["reported"] == "2027-01-15T16:00:00+08:00"  # a Friday
    assert made["deadlines"] == {"acknowledge": "2027-01-18T11:00:00+08:00", "fix": "2027-01-18T16:00:00+08:00"}
    assert (made["overdue"], made["may"]) == ([], ["withdraw"])
    clock.move(24 * 3)
    assert (await calls.ask("GET", f"/{made['id']}")).json()["overdue"] == ["acknowledge"]


@pytest.mark.parametrize(
    ("more", "status", "problem"),
    [
        ({"key": "s-2"}, 404, "record-not-found"),
        ({"product": "leads"}, 404, "unknown-product"),
        ({"field": "carrier_code"}, 400, "invalid-fields"),
        ({"expected": 2.5}, 422, "invalid-body"),
        ({"expected": "heavy"}, 422, "invalid-body"),
        ({"severity": "huge"}, 422, "invalid-body"),
        ({"clause": "6.2"}, 422, "invalid-body"),
        ({"color": "red"}, 422, "invalid-body"),
        ({"evidence": "x" * 4001}, 422, "invalid-body"),
    ],
)
async def test_what_cannot_be_reported_is_no_report(
    calls: Calls, life: CorrectionLife, more: dict[str, Any], status: int, problem: str
) -> None:
    answer = await calls.report(**more)
    assert (answer.status_code, code(answer)) == (status, problem)
    assert "heavy" not in answer.text
    assert await life.kept.count_open(PARTNER, "hub") == 0


async def test_a_token_that_may_not_read_the_product_may_not_report_about_it(calls: Calls) -> None:
    assert code(await calls.ask("POST", "", REPORT, scope="other")) == "insufficient-scope"


async def test_a_backend_that_cannot_be_asked_is_said_to_be_that(calls: Calls, shelf: Shelf) -> None:
    shelf.broken = True
    assert code(await calls.report()) == "backend-unreachable"


async def test_values_cannot_be_found_out_by_guessing_them(calls: Calls, clock: Clock) -> None:
    """What comes to nothing is no exchange, and under no limit of the agreement."""
    for number in range(GUESSES_MAX):
        guess = await (calls.report(expected=2.5) if number % 2 else calls.report(key=f"s-{number + 100}"))
        assert guess.status_code in (404, 422)
    for more in ({}, {"expected": 2.5}, {"key": "s-9"}):
        refused = await calls.report(**more)
        assert (refused.status_code, code(refused)) == (429, "rate-limited")
    assert int(refused.headers["retry-after"]) == WITHIN_S + 1
    clock.move(1)
    assert (await calls.report()).status_code == 201


async def test_while_the_collaboration_is_suspended_nothing_can_be_looked_at(
    calls: Calls, workspace: Workspace
) -> None:
    calls.suspended.append(contract_of(workspace).effective_clause)
    refused = await calls.report(expected=2.5)
    assert (refused.status_code, code(refused)) == (403, "suspended")
    calls.suspended.clear()
    assert (await calls.report()).status_code == 201


async def test_another_partner_finds_nothing(calls: Calls) -> None:
    made = (await calls.report()).json()["id"]
    for method, path in (("GET", f"/{made}"), ("POST", f"/{made}/withdraw"), ("GET", f"?after={made}")):
        answer = await calls.ask(method, path, {} if method == "POST" else None, partner="rapid")
        assert (answer.status_code, code(answer)) == (404, "correction-not-found")
    assert (await calls.ask("GET", "", partner="rapid")).json() == {"data": [], "next": None}


async def test_a_value_that_is_reported_already_is_not_reported_again(calls: Calls) -> None:
    assert (await calls.report()).status_code == 201
    again = await calls.report(expected=4, severity="minor")
    assert (again.status_code, code(again)) == (409, "correction-state")
    assert again.json()["detail"] == "a report about this value is open already"


async def test_pages_go_from_the_latest_to_the_first_and_can_be_narrowed(
    calls: Calls, clock: Clock, shelf: Shelf
) -> None:
    made = []
    for key in ("s-1", "s-3", "s-4"):
        shelf.put(key)
        made.append((await calls.report(key=key)).json()["id"])
        clock.move(1)
    await calls.ask("POST", f"/{made[1]}/withdraw", {})
    first = (await calls.ask("GET", "?limit=2")).json()
    assert ([each["id"] for each in first["data"]], first["next"]) == ([made[2], made[1]], made[1])
    second = (await calls.ask("GET", f"?limit=2&after={first['next']}")).json()
    assert ([each["id"] for each in second["data"]], second["next"]) == ([made[0]], None)
    shown = (await calls.ask("GET", "?state=open")).json()["data"]
    assert [each["id"] for each in shown] == [made[2], made[0]]
    wrong = {"?limit=0": "invalid-limit", "?limit=101": "invalid-limit", "?state=x": "invalid-parameter"}
    for query, problem in {**wrong, "?x=1": "invalid-parameter"}.items():
        assert code(await calls.ask("GET", query)) == problem


async def test_the_same_report_under_one_key_is_made_once(calls: Calls, life: CorrectionLife) -> None:
    first = await calls.ask("POST", "", REPORT, key="k1")
    again = await calls.ask("POST", "", REPORT, key="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert code(await calls.ask("POST", "", {**REPORT, "expected": 4}, key="k1")) == "idempotency-mismatch"
    assert code(await calls.ask("POST", "", REPORT, key="x" * 256)) == "invalid-idempotency-key"
    assert await life.kept.count_open(PARTNER, "hub") == 1
    refused = {**REPORT, "severity": "huge"}
    for _ in range(2):  # nothing was done: the key is free for another try
        assert code(await calls.ask("POST", "", refused, key="k2")) == "invalid-body"


async def test_what_the_hub_closed_may_be_reopened_for_a_while(
    calls: Calls, life: CorrectionLife, clock: Clock
) -> None:
    made = (await calls.report()).json()["id"]
    assert code(await calls.ask("POST", f"/{made}/reopen", {"reason": "too early"})) == "correction-state"
    kept = await life.kept.find(made)
    assert kept is not None
    hub = Actor("hub", None, "ops")
    clock.move(1)
    await life.take(kept, "reject", hub, words={"reason": "the scales were right"})
    rejected = (await calls.ask("GET", f"/{made}")).json()
    assert (rejected["state"], rejected["may"]) == ("rejected", ["reopen"])
    assert rejected["steps"][1]["reason"] == "the scales were right"
    assert rejected["reopen_until"] == "2027-01-22T17:00:00+08:00"
    clock.move(2)
    reopened = (await calls.ask("POST", f"/{made}/reopen", {"reason": "they were not"})).json()
    assert reopened["state"] == "reopened"
    assert reopened["deadlines"]["fix"] == "2027-01-18T17:00:00+08:00"  # one business hour was not counted
    again = await life.kept.find(made)
    assert again is not None
    await life.take(again, "fix", hub)
    clock.move(8 * 24)
    late = await calls.ask("POST", f"/{made}/reopen", {})
    assert (late.status_code, code(late)) == (409, "correction-state")


async def found_by_the_hub(life: CorrectionLife, workspace: Workspace) -> KeptCorrection:
    words = {"key": "s-1", "expected": "3.5", "evidence": "", "found": "differs"}
    new = NewReport(contract_of(workspace), clause_of(workspace, "6.2"), "minor", PRODUCT, "weight_kg", words)
    made = await life.report(new, Actor("hub", None, "ops"))
    assert isinstance(made, KeptCorrection)
    return made


async def test_a_partner_answers_for_its_own_data_and_a_correction_is_looked_at(
    calls: Calls, life: CorrectionLife, workspace: Workspace, shelf: Shelf
) -> None:
    made = (await found_by_the_hub(life, workspace)).id
    assert (await calls.ask("POST", f"/{made}/acknowledge", {})).json()["may"] == ["fix", "reject"]
    refused = await calls.ask("POST", f"/{made}/fix", {})
    assert (refused.status_code, code(refused)) == (409, "correction-state")
    assert "differs" in refused.json()["detail"]
    shelf.put("s-1", weight_kg=3.5)
    fixed = (await calls.ask("POST", f"/{made}/fix", {})).json()
    assert (fixed["state"], fixed["steps"][-1]["found"], fixed["may"]) == ("fixed", "agrees", [])


async def test_a_correction_that_does_not_show_needs_a_reason(
    calls: Calls, life: CorrectionLife, workspace: Workspace
) -> None:
    made = (await found_by_the_hub(life, workspace)).id
    fixed = (await calls.ask("POST", f"/{made}/fix", {"reason": "replaced by s-7"})).json()
    last = fixed["steps"][-1]
    assert (fixed["state"], last["found"], last["reason"]) == ("fixed", "differs", "replaced by s-7")


async def test_who_rejects_says_why(calls: Calls, life: CorrectionLife, workspace: Workspace) -> None:
    made = (await found_by_the_hub(life, workspace)).id
    for body in ({}, {"reason": ""}):
        assert code(await calls.ask("POST", f"/{made}/reject", body)) == "invalid-body"
    assert (await calls.ask("POST", f"/{made}/reject", {"reason": "weighed"})).json()["state"] == "rejected"
    assert code(await calls.ask("POST", f"/{made}/explode", {})) == "not-found"


async def test_without_the_log_nothing_is_taken(calls: Calls, administration: Administration) -> None:
    administration.writer.close()
    answer = await calls.report()
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "log-unavailable", "5")
