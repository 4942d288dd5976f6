"""Refusals are noted at no cost, each partner's within its own bounds, and told to nobody but it."""

from typing import Any

import pytest
from msgspec.structs import replace

from gateway.credentials.noted import RefusedCall
from gateway.credentials.refusal_routes import shown_refusal
from gateway.credentials.refusals import WAITING_MAX, WAITING_OF_EACH_MAX
from gateway.store.refusals import KeptRefusals
from gateway.workspace import Workspace
from tests.flows.limited import AGREEMENT, PARTNER, limited_workspace
from tests.unit.credentials.stage import NOW_S, Stage

REFUSED = RefusedCall("r-1", "swift", "key-app", NOW_S * 1_000_000, "token", 401, "invalid_client", "assertion-expired")


def refused(number: int, **changed: Any) -> RefusedCall:
    return replace(REFUSED, request_id=f"r-{number}", time_us=REFUSED.time_us + number, **changed)


async def test_a_partner_asks_why_and_hears_what_the_caller_was_not_told(stage: Stage) -> None:
    stage.refusals.note(REFUSED)
    answer = await stage.call().get("/partner/refusals/r-1", headers={"accept-language": "zh"})
    assert answer.json() == {
        "request_id": "r-1",
        "time": "2027-01-15T08:00:00.000000Z",
        "door": "token",
        "client_id": "key-app",
        "status": 401,
        "code": "invalid_client",
        "title": "无法验证客户端身份。",
        "advice": None,
        "reason": "assertion-expired",
        "detail": "断言已过期：请校准时钟。",
        "clause": None,
    }


async def test_another_partner_and_nobody_in_particular_hear_nothing(stage: Stage) -> None:
    stage.refusals.note(REFUSED)
    stage.refusals.note(refused(2, partner="", client_id="nobody"))
    for token, request_id in (("bank/bank-app/dpop/partner", "r-1"), ("swift/key-app/dpop/partner", "r-2")):
        answer = await stage.call(token).get(f"/partner/refusals/{request_id}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/refusal-not-found")
    assert (await stage.call("bank/bank-app/dpop/partner").get("/partner/refusals")).json() == {"refusals": []}


async def test_the_latest_are_listed_first_so_many_as_were_asked_for(stage: Stage) -> None:
    for number in range(5):
        stage.refusals.note(refused(number))
    found = (await stage.call().get("/partner/refusals?limit=2")).json()["refusals"]
    assert [each["request_id"] for each in found] == ["r-4", "r-3"]
    for query in ("limit=0", "limit=101", "limit=x", "limit=1&limit=2", "page=1"):
        assert (await stage.call().get(f"/partner/refusals?{query}")).status_code == 400


async def test_a_flood_of_one_partner_leaves_room_for_the_others(stage: Stage) -> None:
    for number in range(10_000):
        stage.refusals.note(refused(number, partner="flood"))
    stage.refusals.note(REFUSED)
    assert stage.refusals.let_go == 10_000 - WAITING_OF_EACH_MAX
    await stage.refusals.flush()
    kept = KeptRefusals(stage.store)
    assert len(await kept.latest(10_000, partner="flood")) == WAITING_OF_EACH_MAX
    assert await kept.find("r-1") is not None
    stage.refusals.note(refused(20_000, partner="flood"))
    await stage.refusals.flush()
    assert await kept.find("r-20000") is not None


async def test_no_more_than_so_many_wait_at_all(stage: Stage) -> None:
    for number in range(WAITING_MAX + 7):
        stage.refusals.note(refused(number, partner=f"p-{number % 50}"))
    assert stage.refusals.let_go == 7


async def test_what_is_longer_than_a_column_is_cut_and_loses_no_other(stage: Stage) -> None:
    long = "x" * 1_000
    stage.refusals.note(replace(REFUSED, request_id="r-2", client_id=long, code=long, reason=long, clause=long))
    stage.refusals.note(REFUSED)
    await stage.refusals.flush()
    found = await KeptRefusals(stage.store).find("r-2")
    assert found is not None
    assert (len(found.client_id), len(found.code), len(found.clause)) == (64, 64, 32)


async def test_what_is_old_is_swept(stage: Stage) -> None:
    stage.refusals.note(REFUSED)
    await stage.refusals.flush()
    stage.now_s += 7 * 86_400
    await stage.refusals.sweep()
    assert await KeptRefusals(stage.store).find("r-1") is None


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return limited_workspace(tmp_path_factory.mktemp("refusals") / "workspace")


def test_the_clause_is_said_as_it_reads_and_only_in_the_version_that_it_was_of(workspace: Workspace) -> None:
    (contract,) = [each for each in workspace.plans.of_partner(PARTNER) if each.agreement == AGREEMENT]
    clause = contract.clauses[0]
    about = {"agreement": AGREEMENT, "version": contract.version, "clause": clause.id}
    of = replace(REFUSED, partner=PARTNER, code="insufficient-scope", **about)
    shown = shown_refusal(of, "zh", workspace.plans)
    assert shown["clause"]["text"] == clause.text["zh"]
    assert shown["advice"]
    earlier = shown_refusal(replace(of, version="0.0.1"), "zh", workspace.plans)
    assert (earlier["clause"]["id"], earlier["clause"]["text"]) == (clause.id, None)
