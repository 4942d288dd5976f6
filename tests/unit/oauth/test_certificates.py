"""Whose certificate it is, whoever let it through the handshake; and who may say that a request came with one."""

import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier
from msgspec.structs import replace

from gateway.oauth.certificates import Authorities, certificate_of, client_fault, subject_fault
from gateway.store.clients import Client, SubjectKind
from tests.unit.oauth.issued import DAY, FOR_CLIENTS, FOR_SERVERS, Issued, issue, named

NOW_S = time.time()
YEAR_S = 365 * 24 * 3600
ROOT = issue("Client CA", authority=True)
BETWEEN = issue("Client CA 1", ROOT, authority=True)
AUTHORITIES = Authorities([ROOT.certificate])
BANK = named((NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Harbor Bank"), (NameOID.COMMON_NAME, "bank"))
BANK_DN = "CN=bank,O=Harbor Bank,C=DE"


def client(kind: SubjectKind = "dn", subject: str = BANK_DN) -> Client:
    """One that authenticates by tls_client_auth."""
    return Client("bank", "harbor-bank", "tls_client_auth", 0, False, 0, tls_subject_kind=kind, tls_subject=subject)


def own(*registered: Issued) -> Client:
    """One that registered certificates of its own."""
    certificates = tuple(each.registered for each in registered)
    return Client("bank", "harbor-bank", "self_signed_tls_client_auth", 0, False, 0, certificates=certificates)


def admits(shown: Issued | None, whom: Client, now_s: float = NOW_S, authorities: Authorities = AUTHORITIES) -> bool:
    return client_fault(shown.shown if shown else None, whom, authorities, now_s) is None


@pytest.mark.parametrize("issuer", [ROOT, BETWEEN], ids=["the root", "an authority below it"])
def test_a_certificate_of_the_authority_with_the_clients_name_is_the_client(issuer: Issued) -> None:
    assert admits(issue(BANK, issuer), client())
    assert admits(issue(BANK, issuer, extensions=[FOR_CLIENTS]), client())


def test_an_authority_that_is_no_root_vouches_all_the_same_and_the_root_above_it_is_not_asked() -> None:
    authorities = Authorities([BETWEEN.certificate])
    assert admits(issue(BANK, BETWEEN), client(), authorities=authorities)
    assert not admits(issue(BANK, ROOT), client(), authorities=authorities)


def test_a_certificate_of_a_partner_cannot_issue_one_that_passes_as_another() -> None:
    mine = issue("another partner", authority=True)  # self-signed, registered, and so an anchor of the handshake
    forged = issue(BANK, mine)
    forged.chain = (mine,)
    assert admits(mine, own(mine))
    assert not admits(forged, client())
    assert not admits(forged, own(mine))
    below = issue("a client", ROOT)  # issued by the authority, but not as an authority
    forged_below = issue(BANK, below)
    forged_below.chain = (below,)
    assert not admits(forged_below, client())


@pytest.mark.parametrize(
    "shown",
    [
        issue(BANK),
        issue(BANK, issue("Client CA", authority=True)),
        issue(BANK, ROOT, extensions=[FOR_SERVERS]),
        issue(BANK, ROOT, authority=True),
        issue(BANK, ROOT, extensions=[x509.KeyUsage(False, False, True, False, False, False, False, False, False)]),
        issue(named((NameOID.COMMON_NAME, "bank")), ROOT),
        None,
    ],
    ids=["self-signed", "another CA of that name", "for servers", "a CA", "not for signing", "another name", "none"],
)
def test_any_other_certificate_is_not(shown: Issued | None) -> None:
    assert not admits(shown, client())


def test_an_authority_below_the_root_has_to_come_along() -> None:
    shown = issue(BANK, BETWEEN)
    shown.chain = ()
    assert not admits(shown, client())


def test_outside_its_validity_a_certificate_is_nobodys() -> None:
    shown, mine = issue(BANK, ROOT), issue(BANK)
    for whom, which in ((client(), shown), (own(mine), mine)):
        assert admits(which, whom)
        assert not admits(which, whom, NOW_S + 3 * DAY.total_seconds())
        assert not admits(which, whom, NOW_S - 3 * DAY.total_seconds())


def test_without_authorities_nobody_vouches() -> None:
    assert not admits(issue(BANK, ROOT), client(), authorities=Authorities())
    assert not admits(issue(BANK, ROOT), client(), authorities=Authorities.read(""))


def test_authorities_are_read_from_a_file(tmp_path: Path) -> None:
    file, _ = ROOT.files(tmp_path, "ca")
    assert admits(issue(BANK, BETWEEN), client(), authorities=Authorities.read(file))
    (tmp_path / "ca.pem").write_text("canary")
    with pytest.raises(ValueError, match="PEM"):
        Authorities.read(file)


def test_the_method_decides_which_certificates_count() -> None:
    issued, mine = issue(BANK, ROOT), issue(BANK)
    assert not admits(issued, own(mine))
    assert not admits(mine, client())
    assert admits(mine, own(issue(BANK), mine))
    for method in ("private_key_jwt", "client_secret_basic"):
        assert not admits(issued, replace(client(), auth_method=method))
        assert not admits(mine, replace(own(mine), auth_method=method))


def test_a_registered_certificate_is_compared_byte_for_byte() -> None:
    mine, other = issue(BANK), issue(BANK)
    swapped = replace(other.registered, thumbprint=mine.registered.thumbprint)
    assert not admits(mine, replace(own(mine), certificates=(swapped,)))
    assert not admits(other, own(mine))


NAMES = [
    x509.DNSName("Bank.example"),
    x509.UniformResourceIdentifier("spiffe://bank/app"),
    x509.RFC822Name("app@bank.example"),
    x509.IPAddress(ip_address("2001:db8::1")),
]
SUBJECTS: list[tuple[SubjectKind, str]] = [
    ("san_dns", "bank.EXAMPLE"),
    ("san_uri", "spiffe://bank/app"),
    ("san_email", "app@bank.example"),
    ("san_ip", "2001:DB8:0::1"),
    ("dn", "cn=bank , o = Harbor Bank,C=DE"),
]


@pytest.mark.parametrize(("kind", "subject"), SUBJECTS)
def test_each_kind_of_name_names_the_client(kind: SubjectKind, subject: str) -> None:
    assert subject_fault(kind, subject) is None
    assert admits(issue(BANK, ROOT, names=NAMES), client(kind, subject))
    assert not admits(issue("bank", ROOT), client(kind, subject))
    others = [kind for kind, _ in SUBJECTS if kind not in {"dn", "san_ip"}]
    assert not any(admits(issue("x", ROOT, names=NAMES), client(other, subject)) for other in others if other != kind)


def test_a_certificate_with_two_names_of_a_kind_says_not_which_it_is() -> None:
    two = issue(BANK, ROOT, names=[x509.DNSName("bank.example"), x509.DNSName("other.example")])
    assert not admits(two, client("san_dns", "bank.example"))
    assert not admits(two, client("san_dns", "other.example"))


@pytest.mark.parametrize("subject", ["C=DE,O=Harbor Bank,CN=bank", "CN=bank", "CN=Bank,O=Harbor Bank,C=DE", ""])
def test_another_order_or_part_of_a_name_is_another_name(subject: str) -> None:
    assert not admits(issue(BANK, ROOT), client("dn", subject))


def test_an_identifier_of_a_payment_institution_is_read_by_name_and_by_number() -> None:
    whose = named((NameOID.COMMON_NAME, "bank"), (ObjectIdentifier("2.5.4.97"), "PSDDE-BAFIN-1"))
    for subject in ("organizationIdentifier=PSDDE-BAFIN-1,CN=bank", "2.5.4.97=PSDDE-BAFIN-1,CN=bank"):
        assert admits(issue(whose, ROOT), client("dn", subject))


@pytest.mark.parametrize(
    ("kind", "subject"), [("", "x"), ("dn", ""), ("dn", "bank"), ("san_ip", "bank"), ("san_dns", ""), ("san_uri", "é")]
)
def test_what_names_nobody_cannot_be_registered_and_matches_nothing(kind: SubjectKind, subject: str) -> None:
    assert subject_fault(kind, subject) is not None
    assert not admits(issue(BANK, ROOT), client(kind, subject))


def scope(peer: str, forwarded: list[bytes] | None = None, chain: list[str] | None = None) -> dict[str, Any]:
    headers = [(b"x-forwarded-client-cert", value) for value in forwarded or []]
    made: dict[str, Any] = {"client": (peer, 1), "headers": headers}
    return made if chain is None else made | {"extensions": {"tls": {"client_cert_chain": chain}}}


def header(shown: Issued) -> bytes:
    return b'Cert="' + shown.pem.replace("\n", "%0A").encode() + b'"'


def test_a_header_is_believed_of_the_configured_proxy_alone() -> None:
    shown, direct = issue("a"), issue("b")
    of = certificate_of(["10.1.0.0/16", "fd00::/8"])
    for peer in ("10.1.2.3", "fd00::1", "::ffff:10.1.2.3"):
        assert of(scope(peer, [header(shown)])) == shown.shown
    for peer in ("10.2.0.1", "2001:db8::1", "", "unix"):
        assert of(scope(peer, [header(shown)])) is None
        assert of(scope(peer, [header(shown)], [direct.pem])) == direct.shown
    assert certificate_of([])(scope("10.1.2.3", [header(shown)])) is None


def test_a_proxys_own_certificate_is_not_the_callers() -> None:
    shown, of = issue("a"), certificate_of(["10.1.2.3/32"])
    assert of(scope("10.1.2.3", [], [shown.pem])) is None
    assert of(scope("10.1.2.3", [header(shown)] * 2)) is None


def test_the_connections_certificate_comes_with_its_chain() -> None:
    shown = issue(BANK, BETWEEN)
    found = certificate_of([])(scope("10.1.2.3", chain=[shown.pem, BETWEEN.pem]))
    assert found == shown.shown
    assert client_fault(found, client(), AUTHORITIES, NOW_S) is None
    for nothing in ([], ["canary"], [shown.pem + shown.pem], [shown.pem, "canary"], [shown.pem] + [BETWEEN.pem] * 9):
        assert certificate_of([])(scope("10.1.2.3", chain=nothing)) is None


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="canary"):
        certificate_of(["canary"])
