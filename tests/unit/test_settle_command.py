"""clausegate settle: a lawyer's calculator of one clause, and what it says of files that are wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from gateway.commands import settle
from tests.conftest import ROOT

CLAUSE = """\
id: "5.1"
kind: availability
owed_by: hub
window: month
slice: PT5M
empty_slice: good
good: status < 500
exclude: [announced_maintenance, partner_fault, force_majeure]
credit:
  of: monthly_fee
  bands: [{below: "99.95", percent: 10}, {below: "99.0", percent: 25}, {below: "95.0", percent: 100}]
  minimum_exclusive: "1.00"
  cap_percent: 100
  claim_within: P2M
text: {zh: ..., en: ...}
"""
FACTS: dict[str, Any] = {
    "from": "2026-01-01",
    "to": "2026-01-31",
    "fee": 2000,
    "currency": "CNY",
    "prior": [{"month": "2025-12", "fee": 2000, "credit": 0}],
    "slices": [
        {"start": f"2026-01-01T01:{5 * number:02}:00Z", "total": 10, "good": 5, "excluded": 0} for number in range(12)
    ],
}

app = typer.Typer()
app.command()(settle.run)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Settles a clause (text) with facts."""

    def invoke(clause: str = CLAUSE, facts: Any = FACTS, *options: str) -> Result:
        (tmp_path / "clause.yaml").write_text(clause, encoding="utf-8")
        data = facts if isinstance(facts, str) else json.dumps(facts)
        (tmp_path / "facts.json").write_text(data, encoding="utf-8")
        arguments = [str(tmp_path / "clause.yaml"), str(tmp_path / "facts.json"), *options]
        return CliRunner().invoke(app, arguments, catch_exceptions=False)

    return invoke


def test_the_clause_of_the_design_comes_to_its_credit(run: Any) -> None:
    result = run(CLAUSE, FACTS, "--format", "json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert set(found) >= {"measured", "verdict", "percent", "credit", "capped_by", "explanation"}
    assert (found["measured"], found["verdict"], found["percent"]) == ("99.930555", "missed", "10")
    assert (found["credit"], found["capped_by"], found["claim_by"]) == ("200.00", None, "2026-03-30")
    assert set(found["explanation"]) == {"zh", "en"}
    assert "10% of the fee of 2000 CNY is 200 CNY." in found["explanation"]["en"]
    assert "费用 2000 CNY 的 10% 为 200 CNY。" in found["explanation"]["zh"]


@pytest.mark.parametrize(("language", "words"), [("en", "credit: 200.00 CNY"), ("zh", "抵扣金额: 200.00 CNY")])
def test_people_read_it_in_their_language(run: Any, language: str, words: str) -> None:
    result = run(CLAUSE, FACTS, "--lang", language)
    assert words in result.stdout.splitlines()


@pytest.mark.parametrize(
    "clause",
    [
        CLAUSE.replace('id: "5.1"\n', ""),
        CLAUSE.replace('id: "5.1"', "id: 5.1"),
        CLAUSE.replace("text: {zh: ..., en: ...}\n", ""),
        CLAUSE.replace("text: {zh: ..., en: ...}", "text: nothing"),
        "- " + CLAUSE.replace("\n", "\n  ").rstrip() + "\n",
        "\ufeff" + CLAUSE,
    ],
)
def test_a_clause_is_taken_as_it_stands(run: Any, clause: str) -> None:
    result = run(clause, FACTS, "--format", "json")
    assert json.loads(result.stdout)["credit"] == "200.00"


def test_a_clause_of_a_policy_is_chosen_by_its_number() -> None:
    policy = str(ROOT / "policies" / "documents" / "logistics-standard.yaml")
    facts = str(ROOT / "tests" / "cases" / "sla-facts.json")
    chosen = CliRunner().invoke(app, [policy, facts, "--clause", "5.1", "--format", "json"])
    assert json.loads(chosen.stdout)["verdict"] == "missed"
    several = CliRunner().invoke(app, [policy, facts])
    assert (several.exit_code, "--clause" in several.stderr, "5.1" in several.stderr) == (2, True, True)
    assert CliRunner().invoke(app, [policy, facts, "--clause", "77"]).exit_code == 2
    limit = CliRunner().invoke(app, [policy, facts, "--clause", "4.1"])
    assert (limit.exit_code, "rate_limit is no promise" in limit.stderr) == (1, True)


@pytest.mark.parametrize(
    ("clause", "word"),
    [
        (CLAUSE.replace("slice:", "slise:"), "slise"),
        (CLAUSE.replace("PT5M", "PT7M"), "slice"),
        (CLAUSE.replace("cap_percent", "cap_prozent"), "cap_prozent"),
        (CLAUSE.replace("kind: availability", "kind: avail"), "avail"),
        (CLAUSE.replace("empty_slice: good\n", ""), "empty_slice"),
        (CLAUSE.replace('"99.0"', '"99.99"'), "credit.bands"),
        (CLAUSE.replace('"99.0"', "99.0"), "credit.bands[1].below"),
        ("- 5\n", "mapping"),
        ("{", "yaml"),
    ],
)
def test_what_is_wrong_with_a_clause_is_said_with_its_name(run: Any, clause: str, word: str) -> None:
    result = run(clause)
    assert (result.exit_code, word in result.stderr, result.stdout) == (1, True, "")


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ("{", "JSON"),
        (FACTS | {"fee": None}, "fee:"),
        (FACTS | {"slices": [FACTS["slices"][0] | {"good": 11}]}, "slices[0].good:"),
        (FACTS | {"slices": [FACTS["slices"][0]] * 2}, "slices[1].start:"),
        (FACTS | {"colour": "[red]"}, "colour:"),
    ],
)
def test_what_is_wrong_with_a_fact_is_said_with_its_path(run: Any, facts: Any, word: str) -> None:
    result = run(CLAUSE, facts)
    assert (result.exit_code, word in result.stderr, result.stdout) == (1, True, "")
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_file_that_is_not_there_is_an_error_of_use(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(tmp_path / "none.yaml"), str(tmp_path / "none.json")])
    assert (result.exit_code, "none.yaml" in result.stderr) == (2, True)


def test_a_currency_cannot_paint_the_terminal(run: Any) -> None:
    result = run(CLAUSE, FACTS | {"currency": "\x1b[31m[red]"})
    assert "\x1b" not in result.stdout
    assert "[red]" in result.stdout
