"""check refuses rules that can never raise an alert; the default ones hold where they can."""

from pathlib import Path

import pytest
from msgspec import structs

from gateway.alerts.check import alert_findings
from gateway.alerts.rules import DEFAULT_ALERTS
from gateway.alerts.watched import rules_for, watched_clauses
from tests.unit.alerts.traffic import all_watched, names, watched
from tests.unit.outbound.stage import usual_plans
from tests.unit.sla.hub import NOON_S, PARTNERS, POLICY, plans_of

PLANS = plans_of()
LENIENT = POLICY.replace('target: "99.95"', 'target: "80"')


def found(folder: Path, text: str, policy: str = POLICY) -> list[tuple[str, str, int, str]]:
    """(severity, code, line, message) of everything that is wrong with a file, in order."""
    (folder / "alerts.toml").write_text(text)
    plans = PLANS if policy is POLICY else plans_of(policy=policy)
    return [(each.severity, each.code, each.line, each.message) for each in alert_findings(folder, plans, NOON_S)]


def test_what_has_a_budget_is_watched_by_every_default_rule(tmp_path: Path) -> None:
    assert {(each.contract.partner, each.clause, each.kind) for each in all_watched()} == {
        (partner, clause, kind)
        for partner in PARTNERS
        for clause, kind in (("5.1", "availability"), ("5.2", "response_time"))
    }
    assert names(rules_for(DEFAULT_ALERTS, watched())) == ["fast", "steady", "slow"]
    assert alert_findings(tmp_path, PLANS, NOON_S) == []


@pytest.mark.parametrize(
    ("rule", "line", "says"),
    [
        ("short = 'PT2H'", 2, "the short window is longer than the long one"),
        ("factor = 20\nkinds = ['response_time']", 2, "20 times the 5 % that may be bad is not less than all calls"),
        ("factor = 2000\nclauses = ['5.1']", 2, "2000 times the 0.05 %"),
        (
            "minimum_events = 42\nbad_events = 0\nagreements = ['swift-logistics-2026']\nclauses = ['5.1']",
            2,
            "expects 41.6667 calls in the long window, of 1,000 a day, fewer than the 42 from which on a rate",
        ),
        (
            "minimum_events = 100\nbad_events = 42\nagreements = ['swift-logistics-2026']\nclauses = ['5.1']",
            3,
            "fewer than the 42 bad events that an alert takes",
        ),
        ("agreements = ['swift-logistic-2026']", 2, "there is no such clause to watch"),
        ("agreements = ['swift-logistics-2026']\nclauses = ['2.1']", 3, "there is no such clause to watch"),
    ],
)
def test_a_rule_that_can_never_raise_anything_is_refused_with_its_line(
    tmp_path: Path, rule: str, line: int, says: str
) -> None:
    findings = found(tmp_path, f"[[rules]]\n{rule}\n")
    assert {(severity, code, at) for severity, code, at, _ in findings} == {("error", "alert-never-fires", line)}
    assert any(says in message for _, _, _, message in findings)


@pytest.mark.parametrize(
    "rule",
    [
        "short = 'PT1H'",
        "factor = 19.99\nkinds = ['response_time']\nagreements = ['swift-logistics-2026']",
        "factor = 1999.9\nclauses = ['5.1']\nagreements = ['swift-logistics-2026']",
        "minimum_events = 41\nbad_events = 0\nagreements = ['swift-logistics-2026']",
        "minimum_events = 100\nbad_events = 41\nagreements = ['swift-logistics-2026']",
        "minimum_events = 1000000\nbad_events = 999999\nagreements = ['delta-repair-2026']",
    ],
)
def test_a_rule_that_can_just_do_so_is_not(tmp_path: Path, rule: str) -> None:
    assert found(tmp_path, f"[[rules]]\n{rule}\n") == []


def test_a_promise_of_all_calls_needs_a_count_of_bad_ones(tmp_path: Path) -> None:
    policy = POLICY.replace('target: "99.95"', 'target: "100"')
    rule = "[[rules]]\nclauses = ['5.1']\nagreements = ['swift-logistics-2026']\n"
    ((severity, code, _, message),) = found(tmp_path, rule + "bad_events = 0\nminimum_events = 0\n", policy)
    assert (severity, code) == ("error", "alert-never-fires")
    assert "no rate can be burnt of no budget" in message
    assert found(tmp_path, rule, policy) == []


def test_default_rules_that_cannot_fire_are_left_out_and_a_promise_without_one_is_warned_of(tmp_path: Path) -> None:
    plans = plans_of(policy=LENIENT)
    (lenient,) = [
        each
        for each in watched_clauses(plans, NOON_S)
        if (each.contract.partner, each.clause) == ("swift-logistics", "5.1")
    ]
    assert names(rules_for(DEFAULT_ALERTS, lenient)) == ["slow"]
    assert alert_findings(tmp_path, plans, NOON_S) == []
    nothing = PARTNERS | {"swift-logistics": PARTNERS["swift-logistics"] | {"volume": "volume: {requests_per_day: 1}"}}
    warned = alert_findings(tmp_path, plans_of(nothing, LENIENT), NOON_S)
    assert [(each.severity, each.code) for each in warned] == [("warning", "promise-unwatched")] * 2
    assert "clause 5.1 of swift-logistics-2026" in warned[0].message


def test_what_has_ended_is_of_no_interest(tmp_path: Path) -> None:
    (tmp_path / "alerts.toml").write_text("[[rules]]\nfactor = 20\n")
    (one, *_) = PLANS.contracts.values()
    assert alert_findings(tmp_path, PLANS, one.effective_until_s - 1) != []
    assert alert_findings(tmp_path, PLANS, one.effective_until_s) == []


def test_what_a_partner_promises_of_its_own_interface_is_watched_where_the_hub_calls_it() -> None:
    policy = POLICY.replace("owed_by: hub", "owed_by: partner", 1)
    plans, (call, *_) = plans_of(policy=policy), next(iter(usual_plans().calls.values()))
    (contract,) = plans.of_partner("harbor-bank")
    watches = {(each.contract.partner, each.clause) for each in watched_clauses(plans, NOON_S)}
    assert ("harbor-bank", "5.1") not in watches
    called = structs.replace(call, contract=contract)
    plans = structs.replace(plans, calls={("harbor-bank", called.operation.name): (called,)})
    (found,) = (each for each in watched_clauses(plans, NOON_S) if each.clause == "5.1")
    assert (found.contract, found.meter.side, found.daily) == (contract, "out", None)
    assert names(rules_for(DEFAULT_ALERTS, found)) == ["fast", "steady", "slow"]


def test_mistakes_of_the_file_are_findings_too(tmp_path: Path) -> None:
    assert [code for _, code, _, _ in found(tmp_path, "x = 1")] == ["bad-alert"]
