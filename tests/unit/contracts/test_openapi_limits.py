"""What a document says about limits: every kind with its own numbers, and what only watches as such."""

from typing import Any

import openapi_spec_validator
import pytest
from msgspec.structs import replace

from contracts.openapi import openapi_for
from contracts.openapi_problems import codes_of
from contracts.openapi_terms import clauses_said, terms
from contracts.plan import Plan
from policies.clause import Anomaly, Binding, Bulk, Clause
from policies.gate import Gate
from policies.limit import Limit
from policies.reference import ClauseRef
from tests.unit.contracts.sample import compiled
from tests.unit.policies.clauses import ANOMALY, BULK, CONCURRENCY, HOURS, NETWORKS, QUOTA, RATE, clause

LIMITS = (RATE, QUOTA, CONCURRENCY, HOURS, NETWORKS, BULK, ANOMALY)
PAGE_CLAUSE = ClauseRef("swift-2026", "1.2.0", "4.6", "page_size", {"zh": "页", "en": "page"})


def limited(plan: Plan, *clauses: Clause) -> Plan:
    """The plan with these clauses besides its own; without any, with one of each kind that limits."""
    contract, effects = plan.contract, []
    for each in clauses or tuple(clause(values) for values in LIMITS):
        kind = str(each.__struct_config__.tag)
        ref = ClauseRef(
            contract.agreement, contract.version, f"x{each.id}", kind, {"zh": f"{kind}。", "en": f"{kind}."}
        )
        where = Binding(ref, contract.partner, plan.resource, plan.operation, plan.purposes, contract.time_zone)
        effects.append(each.effect(where))
    return replace(
        plan,
        gates=plan.gates + tuple(effect for effect in effects if isinstance(effect, Gate)),
        limits=plan.limits + tuple(effect for effect in effects if isinstance(effect, Limit)),
        bulks=plan.bulks + tuple(effect for effect in effects if isinstance(effect, Bulk)),
        anomalies=plan.anomalies + tuple(effect for effect in effects if isinstance(effect, Anomaly)),
    )


def listing() -> Plan:
    (plan,) = (plan for plan in compiled()[1].all_plans() if plan.operation == "list")
    return plan


def said(name: str, *clauses: Clause) -> list[dict[str, Any]]:
    """What a member says of these clauses, without naming them."""
    found = terms([limited(listing(), *clauses)])[name]
    return [{key: value for key, value in each.items() if key != "clause"} for each in found]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (
            clause(RATE, weights={"list": 5}),
            {"policy": "x4.1", "quota": 600, "window_s": 60, "burst": 60, "per": "partner", "weight": 5},
        ),
        (
            clause(RATE, weights={"get": 5}),
            {"policy": "x4.1", "quota": 600, "window_s": 60, "burst": 60, "per": "partner"},
        ),
        (
            clause(QUOTA, enforce="observe"),
            {
                "policy": "x4.2",
                "quota": 50_000,
                "unit": "records",
                "period": "day",
                "time_zone": "Asia/Shanghai",
                "per": "partner",
                "enforce": "observe",
            },
        ),
        (clause(CONCURRENCY), {"policy": "x4.3", "quota": 8, "unit": "concurrent-requests", "per": "client"}),
    ],
    ids=["weighted rate", "rate", "quota that watches", "concurrency"],
)
def test_a_counted_limit_is_said_with_its_numbers(limit: Clause, expected: dict[str, Any]) -> None:
    assert said("x-rate-limits", limit)[1:] == [expected]


def test_hours_and_networks_are_said_as_the_document_writes_them() -> None:
    hours = clause(HOURS, to="24:00", holidays=["2026-10-02", "2026-10-01"], enforce="observe")
    assert said("x-access-hours", hours) == [
        {
            "days": ["mon", "tue", "wed", "thu", "fri"],
            "from": "08:30",
            "to": "24:00",
            "time_zone": "Asia/Shanghai",
            "holidays": ["2026-10-01", "2026-10-02"],
            "enforce": "observe",
        }
    ]
    assert said("x-source-networks", clause(NETWORKS)) == [{"allowed": ["192.0.2.0/24", "2001:db8::/32"]}]


def test_bulk_reads_and_measures_are_said_with_their_bounds() -> None:
    assert said("x-bulk-sync", clause(BULK)) == [
        {"days": ["sat", "sun"], "from": "22:00", "to": "04:00", "time_zone": "Asia/Shanghai", "records": 200_000}
    ]
    measure = {"findings": ["off-hours", "sequential-keys"], "lasts_s": 86_400}
    assert said("x-anomaly", clause(ANOMALY)) == [measure | {"action": "throttle", "calls": 60, "window_s": 60}]
    suspend = clause(ANOMALY, action="suspend", calls=None, window=None)
    assert said("x-anomaly", suspend) == [measure | {"action": "suspend"}]


def test_the_page_is_said_for_lists_with_the_clause_where_one_says_so() -> None:
    plan = listing()
    assert terms([plan])["x-page-size"] == [{"default": 50, "maximum": 200}]
    (bound,) = terms([replace(plan, page_limit=(100, 500), page_clause=PAGE_CLAUSE)])["x-page-size"]
    assert (bound["default"], bound["maximum"], bound["clause"]["id"]) == (100, 500, "4.6")
    assert "x-page-size" not in terms([replace(plan, operation="get")])


def test_every_clause_that_limits_is_said_in_words_with_the_operation() -> None:
    plan = replace(limited(listing()), page_clause=PAGE_CLAUSE)
    text = clauses_said([plan])
    for values in LIMITS:
        assert f"x{values['id']}: {values['kind']}。 / {values['kind']}." in text
    assert "4.6: 页 / page" in text
    changing = clauses_said([replace(plan, operation="update")])
    assert "bulk_sync" not in changing
    assert "page" not in changing
    assert "quota" in changing


def test_what_only_watches_refuses_nothing_and_so_has_no_problem() -> None:
    bare = replace(listing(), limits=(), gates=())
    reasons = {"rate-limited", "quota-exceeded", "too-many-in-flight", "outside-hours", "source-not-admitted"}
    kinds = (RATE, QUOTA, CONCURRENCY, HOURS, NETWORKS)
    binding = limited(bare, *(clause(values) for values in kinds))
    watching = limited(bare, *(clause(values, enforce="observe") for values in kinds))
    assert reasons | {"limiter-unavailable"} <= set(codes_of([binding]))
    assert not (reasons | {"limiter-unavailable"}) & set(codes_of([watching]))


def test_calls_are_refused_in_an_outage_only_where_a_clause_says_so() -> None:
    bare = replace(listing(), limits=(), gates=())
    for on_outage in ("allow", "local"):
        assert "limiter-unavailable" not in codes_of([limited(bare, clause(QUOTA, on_outage=on_outage))])
    both = limited(bare, clause(QUOTA, on_outage="local"), clause(RATE, on_outage="refuse"))
    examples = openapi_for((both,), "swift", "http://127.0.0.1")["components"]["examples"]
    assert examples["limiter-unavailable"]["value"]["clause"]["id"] == "x4.1"


def test_a_document_with_every_limit_is_valid() -> None:
    plans = tuple(limited(plan) for plan in compiled()[1].all_plans())
    openapi_spec_validator.validate(openapi_for(plans, "swift", "http://127.0.0.1"))
