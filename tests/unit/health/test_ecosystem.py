"""One row per partner, from the same counts, whoever asks."""

import io
import json
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from rich.console import Console

from contracts.plan import Plans
from gateway.health.ecosystem import PartnerHealth, ecosystem
from gateway.health.report import as_json, health_rows, status_rows
from gateway.health.tables import health_table, status_table
from gateway.sla.tally import Tally
from tests.unit.sla.hub import NOON_S, PARTNERS, contract_of, exchange, plan_of, plans_of

DAY_S = 86_400


@pytest.fixture(scope="module")
def plans() -> Plans:
    return plans_of()


@pytest.fixture
def tally(plans: Plans) -> Tally:
    """Two days of Swift Logistics: 600 good calls, 6 failed, 12 refused; one call of the bank; none else."""
    tally, plan = Tally(plans), plan_of(plans)
    for index in range(600):
        tally.add(exchange(plan, NOON_S - 2 * DAY_S + index * 280))
    for index in range(6):
        tally.add(exchange(plan, NOON_S - 3_600 + index, status=502))
    for index in range(12):
        tally.add(exchange(plan, NOON_S - 1_800 + index, status=429, clause="4.1"))
    tally.add(exchange(plan_of(plans, "harbor-bank"), NOON_S - 60))
    return tally


def row(tally: Tally, plans: Plans, partner: str, now_s: int = NOON_S) -> PartnerHealth:
    return next(found for found in ecosystem(tally, plans, now_s) if found.partner == partner)


def test_every_partner_has_a_row_and_one_that_never_called_is_unknown(tally: Tally, plans: Plans) -> None:
    rows = ecosystem(tally, plans, NOON_S)
    assert [found.partner for found in rows] == ["delta-repair", "harbor-bank", "swift-logistics"]
    assert rows[0].health.score is None
    assert rows[0].good_share is None


def test_activity_is_held_against_the_volume_declared_for_the_time_observed(tally: Tally, plans: Plans) -> None:
    swift = row(tally, plans, "swift-logistics")
    assert swift.observed_s == 2 * DAY_S
    assert swift.declared == 2_000
    assert swift.counts.good == 600
    assert swift.good_share == Fraction(600, 606)


def test_what_is_older_than_seven_local_days_is_not_looked_at(tally: Tally, plans: Plans) -> None:
    tally.add(exchange(plan_of(plans), NOON_S - timedelta(days=7).total_seconds()))
    tally.add(exchange(plan_of(plans), NOON_S - timedelta(days=6).total_seconds()))
    swift = row(tally, plans, "swift-logistics")
    assert swift.counts.good == 601
    assert swift.observed_s == 6 * DAY_S + DAY_S // 2, "six days and this half of today"


def test_a_partner_that_stopped_calling_loses_its_activity(tally: Tally, plans: Plans) -> None:
    swift = row(tally, plans, "swift-logistics", NOON_S + 30 * DAY_S)
    (activity,) = (part for part in swift.health.judgements if part.name == "activity")
    assert activity.lost == activity.points
    assert swift.health.score == 0


def test_an_agreement_that_ended_is_shown_and_said_to_have_ended(tally: Tally, plans: Plans) -> None:
    after_s = contract_of(plans).effective_until_s + DAY_S
    swift = row(tally, plans, "swift-logistics", after_s)
    assert [agreement.term for agreement in swift.agreements] == ["ended"]


def test_the_report_says_what_the_functions_say(tally: Tally, plans: Plans) -> None:
    document = json.loads(as_json(health_rows(tally, plans, NOON_S), NOON_S), parse_float=Decimal)
    for found, partner in zip(document["rows"], ecosystem(tally, plans, NOON_S), strict=True):
        assert found["partner"] == partner.partner
        assert found["score"] == partner.health.score
        assert (found["good"], found["judged"]) == (partner.counts.good, partner.counts.judged)
        assert (found["clauses_met"], found["clauses"]) == partner.clauses_met
        assert found["refusals"] == partner.counts.refusals
    assert document["rows"][2]["good_percent"] == "99.00"
    assert document["rows"][0]["score"] is None


def test_points_lost_in_the_report_add_up_with_the_score(tally: Tally, plans: Plans) -> None:
    swift = health_rows(tally, plans, NOON_S)[2]
    assert swift.score is not None
    assert swift.score + sum(loss.points for loss in swift.lost) == 100
    assert any(loss.because["en"] == "6 of 606 answers were 5xx" for loss in swift.lost)


def test_status_counts_each_agreement_from_its_first_day(tally: Tally, plans: Plans) -> None:
    rows = {found.agreement: found for found in status_rows(tally, plans, NOON_S)}
    swift = rows["swift-logistics-2026"]
    assert (swift.requests, dict(swift.statuses)) == (618, {"2xx": 600, "4xx": 12, "5xx": 6})
    assert swift.refusals == {"4.1": 12}
    assert swift.latest == "2026-11-23T11:30:11+08:00"
    assert [(clause.id, clause.verdict) for clause in swift.clauses] == [("5.1", "met"), ("5.2", "met")]
    assert [clause.verdict for clause in rows["delta-repair-2026"].clauses] == ["unknown", "unknown"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_tables_name_every_partner_in_the_readers_language(tally: Tally, plans: Plans, language: str) -> None:
    said = io.StringIO()
    terminal = Console(file=said, width=220)
    terminal.print(health_table(health_rows(tally, plans, NOON_S), language))  # type: ignore[arg-type]
    terminal.print(status_table(status_rows(tally, plans, NOON_S), language))  # type: ignore[arg-type]
    for values in PARTNERS.values():
        assert values[language] in said.getvalue()


def test_a_name_with_markup_is_printed_as_it_is() -> None:
    partners = {"swift-logistics": PARTNERS["swift-logistics"] | {"en": "[red]Swift[/red] [Logistics]"}}
    plans = plans_of(partners)
    said = io.StringIO()
    Console(file=said, width=200).print(health_table(health_rows(Tally(plans), plans, NOON_S), "en"))
    assert "[red]Swift[/red] [Logistics]" in said.getvalue()
