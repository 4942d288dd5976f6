"""`status` and `health` say how long good answers took, by class of operation, today and this month."""

import io

import pytest
from rich.console import Console

from gateway.health.latency import LatencyRow
from gateway.health.report import as_json, health_rows, status_rows
from gateway.health.tables import health_table, status_table
from gateway.sla.tally import Tally
from tests.unit.sla.hub import NOON_S, exchange, plan_of, plans_of

DAY_S = 86_400
PLANS = plans_of()


@pytest.fixture
def tally() -> Tally:
    """Ninety-nine quick calls and one slow one yesterday, one today, and a refusal that took no time."""
    tally, plan = Tally(PLANS), plan_of(PLANS)
    for number in range(100):
        tally.add(exchange(plan, NOON_S - DAY_S, latency_us=2_000_000 if number == 7 else 10_000))
    tally.add(exchange(plan, NOON_S - 60, latency_us=50_000))
    tally.add(exchange(plan, NOON_S - 60, latency_us=1, status=429, clause="4.1"))
    return tally


def shown(row: LatencyRow) -> tuple[str, str, int, list[int]]:
    return row.operations, row.span, row.answers, [round(float(each)) for each in (row.p50_ms, row.p95_ms, row.p99_ms)]


def test_each_span_has_its_own_percentiles_of_good_answers(tally: Tally) -> None:
    rows = {row.agreement: row for row in status_rows(tally, PLANS, NOON_S)}
    (today, month) = rows["swift-logistics-2026"].latency
    assert shown(today) == ("read", "today", 1, [50, 50, 50])
    assert shown(month) == ("read", "month", 101, [10, 10, 50])
    assert rows["delta-repair-2026"].latency == ()


def test_a_partner_has_those_of_its_agreements(tally: Tally) -> None:
    rows = {row.partner: row for row in health_rows(tally, PLANS, NOON_S)}
    assert [row.answers for row in rows["swift-logistics"].latency] == [1, 101]
    assert b'"p99_ms":"' in as_json(rows.values(), NOON_S)


@pytest.mark.parametrize(("language", "head"), [("zh", "成功应答耗时"), ("en", "Latency of good answers")])
def test_the_tables_show_them_with_their_error(tally: Tally, language: str, head: str) -> None:
    for table in (
        health_table(health_rows(tally, PLANS, NOON_S), language),  # type: ignore[arg-type]
        status_table(status_rows(tally, PLANS, NOON_S), language),  # type: ignore[arg-type]
    ):
        said = io.StringIO()
        Console(file=said, width=220).print(table)
        assert head in said.getvalue()
        assert "2.1%" in said.getvalue()
