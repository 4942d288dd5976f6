"""What the hub itself relies on is read from its files again and again, and what is in use is not forgotten."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from gateway.commands.certificates_report import shown_certificates
from gateway.credentials.expiring import due
from gateway.credentials.relied_on import Reading, ReliedOn, places_of, read_places
from gateway.credentials.shown import rfc3339
from gateway.outbound.target import ServiceTarget
from gateway.settings import Settings
from tests.unit.credentials.stage import DAY_S, NOW_S
from tests.unit.oauth.issued import Issued, issue

ROOT = issue("Clients", authority=True)
SETTINGS = Settings(tls_certificate_file="own.pem", tls_key_file="own.key", client_ca_file="tls/ca.pem")
BANK = ServiceTarget(url="https://bank.example", certificate_file="hub.pem", key_file="hub.key")


def made(name: str, begins_days: int, ends_days: int, issuer: Issued | None = None) -> Issued:
    """A certificate from and until so many days from now."""
    begins = datetime.fromtimestamp(NOW_S + begins_days * DAY_S, UTC)
    return issue(name, issuer, begins=begins, lasts=timedelta(days=ends_days - begins_days))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """own.pem with one between it and a root, an authority, and what the hub shows to a bank."""
    (tmp_path / "tls").mkdir()
    between = issue("Between", ROOT, authority=True)
    made("own", -300, 20, between).files(tmp_path, "own")
    (tmp_path / "tls" / "ca.pem").write_text(made("CA", -300, 5).pem)
    made("hub", -300, 9).files(tmp_path, "hub")
    return tmp_path


def read(folder: Path) -> Reading:
    return read_places(
        places_of(SETTINGS, folder, {"bank": BANK.within(folder), "other": ServiceTarget(url="https://b")})
    )


def told(relied: ReliedOn) -> list[tuple[str, str, int]]:
    """What is to be told now: kind, place and days."""
    return [(each.kind, each.place, days) for each, days in due(relied.held(), NOW_S)]


def test_every_certificate_of_every_file_that_is_named_is_found(folder: Path) -> None:
    found = [(each.place.kind, each.place.setting, each.subject) for each in read(folder).certificates]
    assert found == [
        ("server-certificate", "tls_certificate_file", "CN=own"),
        ("server-certificate", "tls_certificate_file", "CN=Between"),
        ("client-authority", "client_ca_file", "CN=CA"),
        ("service-certificate", "services.bank", "CN=hub"),
    ]
    assert places_of(Settings(), folder, {}) == ()


def test_what_ends_is_told_of_where_nothing_is_in_its_place(folder: Path) -> None:
    relied = ReliedOn(lambda: read(folder))
    assert sorted(told(relied)) == [
        ("client-authority", "client_ca_file: CN=CA", 7),
        ("server-certificate", "tls_certificate_file: CN=own", 30),
        ("service-certificate", "services.bank: CN=hub", 14),
    ]


def test_an_authority_that_has_its_successor_beside_it_is_meant_to_end(folder: Path) -> None:
    with (folder / "tls" / "ca.pem").open("a") as file:
        file.write(made("CA", -1, 400).pem)
    assert "client-authority" not in {kind for kind, _, _ in told(ReliedOn(lambda: read(folder)))}


def test_a_certificate_that_was_replaced_with_its_key_is_let_go_of(folder: Path) -> None:
    relied = ReliedOn(lambda: read(folder))
    relied.held()
    made("own", -60, 10).files(folder, "own")
    made("hub", -60, 100).files(folder, "hub")
    assert sorted(told(relied)) == [
        ("client-authority", "client_ca_file: CN=CA", 7),
        ("server-certificate", "tls_certificate_file: CN=own", 14),
    ]


def test_one_that_came_without_its_key_is_in_nobodys_use(folder: Path) -> None:
    relied = ReliedOn(lambda: read(folder))
    before = relied.held()
    for name in ("own", "hub"):
        (folder / f"{name}.pem").write_text(made(name, -60, 300).pem)
    assert set(relied.held()) == set(before)
    assert [each.setting for each in read(folder).unreadable] == ["tls_certificate_file", "services.bank"]


def test_an_authority_that_was_replaced_does_not_help_before_the_next_start(folder: Path) -> None:
    relied = ReliedOn(lambda: read(folder))
    relied.held()
    (folder / "tls" / "ca.pem").write_text(made("CA", -60, 10).pem)
    assert sorted(each for each in told(relied) if each[0] == "client-authority") == [
        ("client-authority", "client_ca_file at the next start: CN=CA", 14),
        ("client-authority", "client_ca_file: CN=CA", 7),
    ]
    assert [each for each in told(ReliedOn(lambda: read(folder))) if each[0] == "client-authority"] == [
        ("client-authority", "client_ca_file: CN=CA", 14)
    ]


def test_of_what_is_named_no_more_nothing_is_told(folder: Path) -> None:
    readings = [read(folder), Reading((), ())]
    relied = ReliedOn(lambda: readings.pop(0))
    assert relied.held()
    assert relied.held() == ()


def test_a_file_that_cannot_be_read_is_said_once_and_what_is_in_use_goes_on(folder: Path) -> None:
    relied = ReliedOn(lambda: read(folder))
    before = relied.held()
    pem = (folder / "hub.pem").read_text()
    with capture_logs() as lines:
        for text in ("no certificate", "no certificate", pem, ""):
            (folder / "hub.pem").write_text(text)
            assert set(relied.held()) == set(before)
    assert [each["setting"] for each in lines] == ["services.bank", "services.bank"]
    assert str(folder) not in str(lines)


def test_one_certificate_in_two_places_is_one_of_its_kind(folder: Path) -> None:
    twice = {"bank": BANK.within(folder), "bank-2": BANK.within(folder)}
    held = ReliedOn(lambda: read_places(places_of(Settings(), folder, twice))).held()
    assert [(each.client_id, each.partner, each.kind) for each in held] == [("hub", "hub", "service-certificate")]
    assert held == (replace(held[0], place="services.bank: CN=hub"),)


def test_the_command_shows_each_with_its_end_and_says_what_cannot_be_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "tls" / "ca.pem").unlink()
    found = read(folder)
    shown_certificates(found, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["unreadable"] == [{"kind": "client-authority", "setting": "client_ca_file"}]
    assert [each["expires"] for each in said["certificates"]] == [rfc3339(each.ends_s) for each in found.certificates]
    shown_certificates(found, as_json=False)
    text = capsys.readouterr()
    assert all(each.thumbprint in text.out for each in found.certificates)
    assert "client_ca_file: the file cannot be read" in text.err
    shown_certificates(Reading((), ()), as_json=False)
    assert "There is none" in capsys.readouterr().out
