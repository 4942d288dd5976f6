"""alerts.toml: defaults for everything, every mistake with its line, exact factors."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.alerts.latest import LatestAlerts
from gateway.alerts.rules import DEFAULT_ALERTS, Alerts, AlertsFile, Rule, parse_alerts, read_alerts
from tests.house.checks import settings
from tests.unit.alerts.traffic import names


def found(text: str) -> list[tuple[int, str, str]]:
    """(line, path, message) of every mistake."""
    alerts = parse_alerts(text)
    assert isinstance(alerts, list), alerts
    assert {finding.code for finding in alerts} == {"bad-alert"}
    return [(finding.line, finding.path, finding.message) for finding in alerts]


def test_without_a_file_the_rules_of_the_workbook_hold(tmp_path: Path) -> None:
    assert read_alerts(tmp_path) == DEFAULT_ALERTS
    table = [(rule.name, rule.long, rule.short, rule.burning) for rule in DEFAULT_ALERTS.rules]
    assert table == [
        ("fast", timedelta(hours=1), timedelta(minutes=5), Fraction(144, 10)),
        ("steady", timedelta(hours=6), timedelta(minutes=30), 6),
        ("slow", timedelta(days=3), timedelta(hours=6), 1),
    ]
    assert [rule.faults() for rule in DEFAULT_ALERTS.rules] == [[], [], []]


def test_an_empty_file_is_one_with_every_default() -> None:
    alerts = parse_alerts("")
    assert isinstance(alerts, Alerts)
    assert (alerts.file, alerts.rules, alerts.written) == (AlertsFile(), DEFAULT_ALERTS.rules, False)


def test_every_field_has_a_default_and_a_line_of_documentation() -> None:
    assert settings.undocumented(AlertsFile) == []
    assert settings.undocumented(Rule) == []


def test_a_file_says_whom_to_tell_and_what_to_watch() -> None:
    alerts = parse_alerts(
        """
        email = ["ops@hub.example"]
        quiet = "PT30M"

        [[rules]]
        factor = 14.4

        [[rules]]
        name = "bank"
        long = "PT2H"
        factor = 6
        agreements = ["harbor-bank-2026"]
        clauses = ["5.1"]
        kinds = ["availability"]
        """
    )
    assert isinstance(alerts, Alerts)
    assert names(alerts.rules) == ["rule-1", "bank"]
    assert [rule.burning for rule in alerts.rules] == [Fraction(72, 5), 6]
    bank = alerts.rules[1]
    assert bank.is_about("harbor-bank-2026", "5.1", "availability")
    assert not bank.is_about("harbor-bank-2026", "5.2", "availability")
    assert not bank.is_about("harbor-bank-2026", "5.1", "error_rate")
    assert not bank.is_about("another", "5.1", "availability")


@pytest.mark.parametrize(
    ("text", "line", "path", "says"),
    [
        ("webhook = true", 1, "webhook", "did you mean webhooks?"),
        ("\nemail = 'ops@hub.example'", 2, "email", "expected"),
        ("email = ['ops@hub.example\\r\\nBcc: a@b.example']".replace("'", '"'), 1, "email[0]", "expected"),
        ("[[rules]]\nlong = 'PT90S'", 2, "rules[0].long", "whole minutes"),
        ("[[rules]]\nlong = 'P29D'", 2, "rules[0].long", "P28D"),
        ("[[rules]]\nshort = 'PT0S'", 2, "rules[0].short", "whole minutes"),
        ("[[rules]]\nfactor = 0", 2, "rules[0].factor", "0.0001"),
        ("[[rules]]\nfactor = -1.5", 2, "rules[0].factor", "expected"),
        ("[[rules]]\nfactor = inf", 2, "rules[0].factor", "expected"),
        ("[[rules]]\n\nbad_events = 100", 3, "rules[0].bad_events", "never decide"),
        ("[[rules]]\n[[rules]]\nname = 'rule-1'", 3, "rules[1].name", "two rules are called rule-1"),
        ("[[rules]]\nname = 'A b'", 2, "rules[0].name", "expected"),
        ("[[rules]]\n[[rules]]\nkinds = ['quota']", 3, "rules[1].kinds[0]", "expected"),
        ("quiet = '-PT1H'", 1, "quiet", "a span of time"),
        ("a = 1\nb = = 2", 2, "", "at line 2"),
    ],
)
def test_a_mistake_is_found_with_its_line(text: str, line: int, path: str, says: str) -> None:
    ((at, where, message),) = found(text)
    assert (at, where) == (line, path)
    assert says in message


def test_all_mistakes_are_found_at_once() -> None:
    assert [line for line, _, _ in found("x = 1\n[[rules]]\nlong = 'PT90S'\ny = 2")] == [1, 4]
    assert [line for line, _, _ in found("[[rules]]\nlong = 'PT90S'\nshort = 'PT1S'")] == [2, 3]


def test_a_file_that_is_no_text_or_too_large_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "alerts.toml").write_bytes(b"\xff")
    (no_text,) = read_alerts(tmp_path)  # type: ignore[misc]
    assert (no_text.code, no_text.message) == ("bad-alert", "cannot be read: UnicodeDecodeError")
    (tmp_path / "alerts.toml").write_bytes(b"#" * 300_000)
    (too_large,) = read_alerts(tmp_path)  # type: ignore[misc]
    assert "larger than" in too_large.message


def test_an_edit_holds_at_once_and_a_mistake_changes_nothing_and_is_said_once(tmp_path: Path) -> None:
    latest = LatestAlerts(tmp_path)
    assert latest() == DEFAULT_ALERTS
    file = tmp_path / "alerts.toml"
    file.write_text("[[rules]]\nname = 'one'\n")
    assert names(latest().rules) == ["one"]
    file.write_text("[[rules]]\nname = 'ONE'\n# longer")
    with capture_logs() as said:
        assert names(latest().rules) == ["one"]
        assert names(latest().rules) == ["one"]
    assert [(each["log_level"], len(each["mistakes"])) for each in said] == [("error", 1)]
    file.unlink()
    assert latest() == DEFAULT_ALERTS
