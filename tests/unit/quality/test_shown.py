"""The figures of samples where people read them: `status`, the console's agreement screen, the page about them."""

import json
import re
from functools import cache
from typing import Any

import pytest
from litestar.testing import TestClient
from rich.console import Console as Terminal

from contracts.plan import Plans
from gateway.audit.leaf import Exchange, Intent, Measured, Observation
from gateway.health.report import as_json, status_rows
from gateway.health.tables import status_table
from gateway.sla.tally import Tally
from policies.reference import Language
from tests.house.project import page
from tests.unit.console.house import enter, house
from tests.unit.quality.goods import goods_plans, plan_of
from tests.unit.sla.hub import NOON_S, exchange

AGREEMENT = "/console/agreements/swift-logistics-2026"


@cache
def compiled_once() -> Plans:
    return goods_plans()


def seen(back_s: int = 0) -> Observation:
    contract = plan_of(compiled_once()).contract
    return Observation(
        time_us=(NOON_S - back_s) * 1_000_000,
        partner=contract.partner,
        agreement=contract.agreement,
        version=contract.version,
        contract=contract.hash,
        product="goods",
        direction="out",
        samples=1,
        records=2,
        measured=(Measured("kind invalidValues", 2, 1, 1, 1),),
        drift=(("weight", 1),),
        undeclared=(("", 1),),
    )


def called() -> Exchange:
    return exchange(plan_of(compiled_once()), NOON_S)


def intent() -> Intent:
    plan = plan_of(compiled_once())
    contract = plan.contract
    return Intent(
        time_us=NOON_S * 1_000_000,
        request_id="request-1",
        partner=contract.partner,
        client="swift-app",
        agreement=contract.agreement,
        version=contract.version,
        contract=contract.hash,
        plan=plan.id,
        product=plan.resource,
        operation="update",
        route=plan.route,
        method="PATCH",
    )


def status() -> list[Any]:
    tally = Tally(compiled_once()).replay([called(), seen(), seen(back_s=8 * 86_400), intent()])
    rows = status_rows(tally, compiled_once(), NOON_S)
    found: list[Any] = json.loads(as_json(rows, NOON_S))["rows"]
    return found


def test_status_shows_the_last_seven_days_as_the_page_says() -> None:
    (row,) = (row for row in status() if row["partner"] == "swift-logistics")
    (data,) = row["data"]
    assert row["unfinished"] == 1
    example = re.search(r"```json\n(.*?)```", page("docs/quality.md"), re.DOTALL)
    assert example is not None
    documented = json.loads(example[1])
    rules = [rule for rule in data["rules"] if rule["checked"]]
    assert data | {"rules": rules} == documented
    assert {rule["verdict"] for rule in data["rules"] if not rule["checked"]} == {"unknown"}


def test_a_partner_of_whom_nothing_was_seen_has_its_rules_all_the_same() -> None:
    (row,) = (row for row in status() if row["partner"] == "delta-repair")
    assert [(data["samples"], data["drift"], data["undeclared"]) for data in row["data"]] == [(0, {}, {})]
    assert row["unfinished"] == 0


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            ["kind invalidValues", "mustBe 0", "1 / 2", "missed", "withheld from 1", "(the record)", "1 changes begun"],
        ),
        ("zh", ["kind invalidValues", "mustBe 0", "1 / 2", "未达标", "1 次应答", "（记录本身）", "1 项变更只有意向"]),
    ],
)
def test_the_tables_of_status_say_it_in_the_readers_language(language: Language, words: list[str]) -> None:
    tally = Tally(compiled_once()).replay([called(), seen(), intent()])
    terminal = Terminal(width=80, record=True)
    terminal.print(status_table(status_rows(tally, compiled_once(), NOON_S), language))
    said = terminal.export_text()
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ("ops", ["1 of 2", "missed", "values withheld from 1 answers", "the record itself", "mustBeLessThan 30%"]),
        ("li", ["1 / 2", "未达标", "1 次应答中的值被扣留", "记录本身", "mustBeLessThan 30%"]),
    ],
)
def test_the_agreement_screen_shows_the_same(person: str, words: list[str]) -> None:
    built = house(compiled_once())
    built.tally.add(called())
    built.tally.observe(seen())
    with TestClient(built.app) as client:
        enter(client, person)
        said = client.get(AGREEMENT).text
    assert [word for word in words if word not in said] == []
    assert said.count("data-rule=") == len(plan_of(compiled_once()).quality.rules)
