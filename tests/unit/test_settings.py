"""Settings: defaults without a file, every mistake at once, secrets from the environment and never in a message."""

from pathlib import Path

import pytest

from gateway.settings import Settings, parse_settings, read_settings


def test_without_a_file_every_setting_has_its_default(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()


def test_placeholders_are_taken_from_the_environment() -> None:
    settings = parse_settings('store_url = "postgresql://u:${DB_PASSWORD}@db/x"', {"DB_PASSWORD": "s3cret"})
    assert isinstance(settings, Settings)
    assert settings.store_url == "postgresql://u:s3cret@db/x"


def test_every_mistake_is_reported_with_its_line_and_no_value_of_the_environment() -> None:
    text = 'port = "eighty"\n\nprot = 8080\nstore_url = "x://${MISSING}:${THERE}@db"\nwriter = "No Capitals"\n'
    found = parse_settings(text, {"THERE": "canary-secret"})
    assert isinstance(found, list)
    assert sorted((finding.line, finding.path) for finding in found) == [
        (1, "port"),
        (3, "prot"),
        (4, "store_url"),
        (5, "writer"),
    ]
    said = "\n".join(finding.to_text() for finding in found)
    assert "MISSING" in said
    assert "did you mean port" in said
    assert "canary-secret" not in said


@pytest.mark.parametrize("text", ["port = ", "[port", "a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_one_finding(text: str) -> None:
    found = parse_settings(text, {})
    assert isinstance(found, list)
    assert [finding.code for finding in found] == ["bad-setting"]


@pytest.mark.parametrize(
    ("settings", "issuer"),
    [
        (Settings(), "http://127.0.0.1:8080"),
        (Settings(host="::1"), "http://[::1]:8080"),
        (Settings(base_url="https://partners.example/"), "https://partners.example"),
    ],
)
def test_the_issuer_is_the_base_url_or_where_the_gateway_listens(settings: Settings, issuer: str) -> None:
    assert settings.issuer(8080) == issuer
