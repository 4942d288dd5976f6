"""What keeps a call out, and what is counted of it: gates before limits, all limits at once, holds freed at the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from contracts.plan import Plan
from gateway.audit.leaf import Exchange
from gateway.limits.charging import Measure
from policies.clause import Anomaly
from policies.gate import Call, Gate, Held
from policies.limit import InFlight, Rate
from policies.reference import ClauseRef
from tests.unit.contracts.sample import compiled
from tests.unit.exchange.stage import MIDSUMMER_2026_US, Stage, said

HOUR_NS = 3_600_000_000_000
Made = Callable[..., Stage]


def ref(number: str, kind: str = "rate_limit") -> ClauseRef:
    return ClauseRef("swift-2026", "1.2.0", number, kind, {"en": "So it is.", "zh": "如此。"})


def rate(limit: int, number: str = "8.1", **more: Any) -> Rate:
    named = {"clause": ref(number), "key": f"swift-2026/{number}", "per": "partner", "on_outage": "refuse"}
    return Rate(**{**named, "limit": limit, "window_ns": HOUR_NS, "burst": limit, **more})


class Closed(Gate, frozen=True, gc=False, kw_only=True):
    """Lets nothing pass but what comes from one address."""

    reasons: ClassVar[tuple[str, ...]] = ("outside-hours",)

    def check(self, call: Call) -> Held | None:
        return None if call.source == "192.0.2.1" else Held("outside-hours", 120)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(**changes: Any) -> Stage:
        def changed(plan: Plan) -> Plan:
            return replace(plan, **changes)

        plans = compiled()[1]
        routes = {route: tuple(map(changed, each)) for route, each in plans.by_route.items()}
        return Stage(tmp_path / "log", replace(plans, by_route=routes))

    return make


def records(stage: Stage) -> list[tuple[int, str, str, str]]:
    found = [entry for entry in stage.entries() if isinstance(entry, Exchange)]
    return [(entry.status, entry.code, entry.clause, entry.observed) for entry in found]


async def test_a_gate_refuses_by_its_clause_and_charges_nothing(made: Made) -> None:
    stage = made(gates=(Closed(clause=ref("5.1", "access_hours")),), limits=(rate(1),))
    for _ in range(3):
        reply = await stage.get("/v1/shipments")
        assert (reply.status, reply.code, reply.headers["retry-after"]) == (403, "outside-hours", "120")
        assert reply.json()["clause"]["id"] == "5.1"
    stage.gateway.serving = replace(stage.gateway.serving, plans=open_(stage))
    assert (await stage.get("/v1/shipments")).status == 200


def open_(stage: Stage) -> Any:
    plans = stage.gateway.serving.plans
    routes = {route: tuple(replace(plan, gates=()) for plan in each) for route, each in plans.by_route.items()}
    return replace(plans, by_route=routes)


async def test_a_gate_that_only_watches_lets_pass_and_is_named_in_the_record(made: Made) -> None:
    stage = made(gates=(Closed(clause=ref("5.1", "access_hours"), enforce="observe"),))
    assert (await stage.get("/v1/shipments")).status == 200
    assert records(stage) == [(200, "", "", "5.1")]


async def test_one_limits_refusal_drains_no_other(made: Made) -> None:
    stage = made(limits=(rate(5, "8.1"), rate(2, "8.2")))
    replies = [await stage.get("/v1/shipments") for _ in range(6)]
    assert [reply.status for reply in replies] == [200, 200, 429, 429, 429, 429]
    assert '"8.1";r=3' in replies[-1].headers["ratelimit"]
    assert replies[-1].json()["clause"]["id"] == "8.2"
    assert f'"8.2";r=0;t={replies[-1].headers["retry-after"]}' in replies[-1].headers["ratelimit"]


async def test_a_limit_that_only_watches_is_listed_for_nobody_and_recorded_when_it_would_have_refused(
    made: Made,
) -> None:
    stage = made(limits=(rate(5, "8.1"), rate(1, "8.2", enforce="observe")))
    replies = [await stage.get("/v1/shipments") for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert all('"8.2"' not in reply.headers["ratelimit"] for reply in replies)
    assert [observed for _, _, _, observed in records(stage)] == ["", "8.2"]


async def test_weights_are_charged(made: Made) -> None:
    stage = made(limits=(rate(5, cost=2),))
    assert [(await stage.get("/v1/shipments")).status for _ in range(3)] == [200, 200, 429]


async def test_what_is_in_flight_is_free_again_however_the_exchange_ends(made: Made) -> None:
    limit = InFlight(clause=ref("8.1"), key="swift-2026/8.1", per="partner", limit=1, on_outage="refuse")
    stage = made(limits=(limit,))
    inside: list[int] = []
    stage.adapter.meanwhile = lambda: inside.append(1)
    for says in (said({"data": []}), said({}, 500), RuntimeError("a defect"), said([1]), said({"data": []})):
        stage.adapter.says = says
        assert (await stage.get("/v1/shipments")).code != "too-many-in-flight"
    assert len(inside) == 5


async def test_a_second_call_at_once_is_one_too_many(made: Made) -> None:
    limit = InFlight(clause=ref("8.1"), key="swift-2026/8.1", per="partner", limit=1, on_outage="refuse")
    stage = made(limits=(limit,))
    answers: list[Any] = []

    class Nested:
        async def answer(self, call: Any, query: Any) -> Any:
            if not answers:
                answers.append(None)
                answers.append(await stage.get("/v1/shipments"))
            return said({"data": []})

        async def close(self) -> None:
            return

    stage.gateway.serving = replace(stage.gateway.serving, adapters={"records": Nested()})
    assert (await stage.get("/v1/shipments")).status == 200
    assert (answers[1].status, answers[1].code, answers[1].headers["retry-after"]) == (429, "too-many-in-flight", "1")


@pytest.mark.parametrize(("action", "answers"), [("suspend", [403, 403]), ("throttle", [200, 429])])
async def test_a_confirmed_measure_binds_under_its_clause_until_it_ends(
    made: Made, action: Any, answers: list[int]
) -> None:
    clause = ref("9.1", "anomaly")
    anomaly = Anomaly(clause, frozenset({"sequential-keys"}), action, calls=1, window_ns=HOUR_NS, lasts_s=60)
    stage = made(anomalies=(anomaly,), limits=())
    assert (await stage.get("/v1/shipments")).status == 200
    stage.settling.charging.adopt([], [Measure("swift-2026", "9.1", "shipments", MIDSUMMER_2026_US + 60_000_000)])
    replies = [await stage.get("/v1/shipments") for _ in range(2)]
    assert [reply.status for reply in replies] == answers
    assert replies[-1].json()["clause"]["id"] == "9.1"
    stage.now_us += 60_000_000
    assert (await stage.get("/v1/shipments")).status == 200


async def test_a_measure_for_another_object_or_under_a_clause_that_is_gone_binds_nobody(made: Made) -> None:
    stage = made(limits=())
    until_us = MIDSUMMER_2026_US + 60_000_000
    measures = [Measure("swift-2026", "9.1", "shipments", until_us), Measure("swift-2026", "9.1", "wares", until_us)]
    stage.settling.charging.adopt([], measures)
    assert (await stage.get("/v1/shipments")).status == 200


class Broken(Gate, frozen=True, gc=False, kw_only=True):
    """A defect of ours."""

    def check(self, call: Call) -> Held | None:
        raise OverflowError("canary")


async def test_a_gate_that_fails_lets_nothing_pass_and_the_log_says_so(made: Made) -> None:
    stage = made(gates=(Broken(clause=ref("5.1", "access_hours")),))
    reply = await stage.get("/v1/shipments")
    assert (reply.status, reply.code) == (500, "internal")
    assert b"canary" not in reply.body
    assert stage.adapter.asked == []
    assert [(entry.status, entry.code) for entry in stage.records()] == [(500, "internal")]
