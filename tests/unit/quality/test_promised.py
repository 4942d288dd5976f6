"""What a clause promises of the data's age is measured on samples, by its own rules of what a sample can tell."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from contracts.plan import Plan
from gateway.quality.measure import Seen
from gateway.quality.promised import measure_promised
from policies.kinds.freshness import Freshness
from tests.unit.sla.measured import measured_plans, the_plan

NOW = datetime(2026, 4, 8, 12, tzinfo=UTC)
PLANS = measured_plans()


def plan_with(operation: str = "list", **terms: Any) -> Plan:
    plan = the_plan(PLANS, operation)
    promises = tuple(
        msgspec.structs.replace(one, clause=msgspec.structs.replace(one.clause, **terms))
        if isinstance(one.clause, Freshness)
        else one
        for one in plan.contract.promises
    )
    return msgspec.structs.replace(plan, contract=msgspec.structs.replace(plan.contract, promises=promises))


def seen(*ages_s: float | None, whole: bool = False, listed: bool = True, written: bool = False) -> Seen:
    records = [{} if age is None else {"updated_at": (NOW - timedelta(seconds=age)).isoformat()} for age in ages_s]
    return Seen(records, whole, listed, int(NOW.timestamp()) * 1_000_000, written)


def measured(plan: Plan, sample: Seen) -> tuple[int, int, int, int] | None:
    return measure_promised(plan, sample).get("clause 5.4")


@pytest.mark.parametrize(
    ("sample", "found"),
    [
        (seen(900, 5000), (2, 1, 1, 0)),
        (seen(901, 5000, whole=True), (2, 2, 1, 1)),
        (seen(901, 5000), (2, 2, 0, 0)),
        (seen(None), None),
        (seen(1, listed=False), None),
        (seen(1, written=True), None),
    ],
)
def test_the_newest_is_looked_for_in_lists(sample: Seen, found: tuple[int, ...] | None) -> None:
    assert measured(plan_with(), sample) == found


@pytest.mark.parametrize(
    ("sample", "found"),
    [(seen(900, 1), (2, 0, 1, 0)), (seen(901, 1), (2, 1, 1, 1)), (seen(901, listed=False), (1, 1, 1, 1))],
)
def test_the_oldest_is_looked_for_in_every_body(sample: Seen, found: tuple[int, ...]) -> None:
    assert measured(plan_with(of="oldest"), sample) == found


def test_what_the_partner_promises_is_about_what_it_writes() -> None:
    plan = plan_with("create", owed_by="partner")
    assert measured(plan, seen(1000, listed=False, written=True)) == (1, 1, 1, 1)
    assert measured(plan, seen(1000, whole=True)) is None


def test_another_product_is_not_its_affair() -> None:
    assert measured(plan_with(product="parts"), seen(1, whole=True)) is None
