"""docs/alerts.md: its tables are what the code says, its file is one that is read, its figures are computed again."""

import re
from fractions import Fraction

import pytest
from msgspec import Struct, inspect

from gateway.alerts.rules import DEFAULT_RULES, Alerts, AlertsFile, Rule, parse_alerts
from tests.conftest import ROOT
from tests.unit.alerts.traffic import names

PAGE = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
ROWS = {row[0]: row for row in (re.findall(r"(?<=\| )(.+?)(?= \|)", line) for line in PAGE.splitlines()) if row}


def described(kind: type[Struct]) -> dict[str, str]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    found = {}
    for field in info.fields:
        assert isinstance(field.type, inspect.Metadata), field.name
        found[field.name] = (field.type.extra_json_schema or {})["description"]
    return found


@pytest.mark.parametrize("kind", [AlertsFile, Rule])
def test_every_field_has_its_row_with_its_line_of_documentation(kind: type[Struct]) -> None:
    for name, description in described(kind).items():
        assert ROWS[f"`{name}`"][2] == description


def test_the_rules_of_the_table_are_the_default_ones() -> None:
    shown = [(row[0].strip("`"), row[3], row[4]) for row in ROWS.values() if len(row) == 5]
    assert shown[1:] == [(rule.name, rule.factor, rule.severity) for rule in DEFAULT_RULES]


def test_the_file_is_one_that_is_read() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    alerts = parse_alerts(text)
    assert isinstance(alerts, Alerts), alerts
    assert names(alerts.rules) == ["fast", "bank-by-night"]
    assert alerts.rules[0] == DEFAULT_RULES[0]


def test_the_figures_are_true() -> None:
    hours = 30 * 24
    assert [rule.burning * rule.long_us / 3_600_000_000 / hours for rule in DEFAULT_RULES] == [
        Fraction(2, 100),
        Fraction(5, 100),
        Fraction(10, 100),
    ]
    assert Fraction("14.4") * 10 == 144
    assert 1 - Fraction(1, 1000) == Fraction("99.9") / 100
