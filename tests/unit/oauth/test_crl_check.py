"""What check says of the files of client_crl_files."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509

from gateway.oauth.crl_check import crl_findings
from gateway.settings import Settings, read_settings
from tests.unit.oauth.issued import DAY, issue
from tests.unit.oauth.revoking import listed, pem

ROOT = issue("Client CA", authority=True)
NOW = datetime.datetime.now(datetime.UTC)
TEXT = 'client_ca_file = "ca.pem"\n\nclient_crl_files = ["a.crl"]\n'


def found(folder: Path, text: str = TEXT) -> list[tuple[str, str, int, str]]:
    """(severity, code, line, message) of each finding."""
    (folder / "clausegate.toml").write_text(text)
    settings = read_settings(folder)
    assert isinstance(settings, Settings)
    findings = crl_findings(folder, settings, NOW.timestamp())
    assert all(str(folder) not in finding.to_text() for finding in findings)
    return [(each.severity, each.code, each.line, each.message) for each in findings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_text(ROOT.pem)
    (tmp_path / "a.crl").write_bytes(pem(listed(ROOT)))
    return tmp_path


def test_lists_of_today_and_no_lists_at_all_are_in_order(folder: Path) -> None:
    assert found(folder) == []
    assert found(folder, "") == []
    assert found(folder, 'client_ca_file = "gone.pem"') == []


def test_every_file_that_cannot_be_used_is_named_with_what_is_wrong(folder: Path) -> None:
    delta = listed(ROOT, extensions=[(x509.DeltaCRLIndicator(1), True)])
    (folder / "b.crl").write_bytes(pem(delta))
    wrong = found(folder, TEXT.replace('"a.crl"', '"gone.crl", "a.crl", "b.crl"'))
    assert [each[:3] for each in wrong] == [("error", "bad-setting", 3)] * 2
    assert [each[3] for each in wrong] == [
        "gone.crl cannot be read: No such file or directory",
        "b.crl is a delta CRL, which says only what changed: give the complete one",
    ]


def test_lists_without_authorities_are_about_nobody(folder: Path) -> None:
    lists = 'client_crl_files = ["a.crl"]'
    assert found(folder, lists) == [("error", "bad-setting", 1, "there is no client_ca_file that they could be about")]
    (folder / "ca.pem").write_text("canary")
    assert found(folder) == [("error", "bad-setting", 1, "ca.pem holds no certificates (PEM) that can be read")]


def test_a_list_that_ends_soon_is_a_warning_and_one_that_has_ended_an_error(folder: Path) -> None:
    ends = NOW.replace(microsecond=0) + DAY / 6
    (folder / "a.crl").write_bytes(pem(listed(ROOT, begins=ends - DAY)))
    said = f"a.crl ends at {ends:%Y-%m-%dT%H:%M:%SZ}, and less than a quarter of its life is left"
    assert found(folder) == [("warning", "crl-ends", 3, said)]
    (folder / "a.crl").write_bytes(pem(listed(ROOT, begins=ends - DAY * 2)))
    ((severity, code, _, message),) = found(folder)
    assert (severity, code) == ("error", "crl-ends")
    assert message.startswith(f"a.crl ended at {ends - DAY:%Y-%m-%dT%H:%M:%SZ}: ")
