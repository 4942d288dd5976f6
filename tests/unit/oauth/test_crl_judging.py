"""What lists say of a chain, beside what OpenSSL makes of the same files."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.oauth.crl_judging import judged
from tests.unit.oauth.issued import DAY, Issued, issue, named
from tests.unit.oauth.revoking import listed, openssl, read

Lists = Sequence[x509.CertificateRevocationList]
ROOT = issue("Client CA", authority=True)
OTHER = issue("Client CA", authority=True)  # of the same name
BETWEEN = issue("Client CA 1", ROOT, authority=True)
BANK = issue("bank", BETWEEN)
NEIGHBOUR = issue("neighbour", BETWEEN)
CHAIN = [BANK.certificate, BETWEEN.certificate, ROOT.certificate]
NOW = datetime.datetime.now(datetime.UTC)
NOW_S = NOW.timestamp()
LONG_AGO = NOW - DAY * 3
HOUR = DAY / 24


def fault(lists: Lists, now_s: float = NOW_S) -> str | None:
    return judged(CHAIN, read(*lists) if lists else (), now_s).fault


def of_root(*revoked: Issued) -> x509.CertificateRevocationList:
    return listed(ROOT, *revoked)


def of_between(*revoked: Issued) -> x509.CertificateRevocationList:
    return listed(BETWEEN, *revoked)


MATRIX: dict[str, tuple[Lists, str | None]] = {
    "nothing is revoked": ([of_root(), of_between()], None),
    "a neighbour is revoked": ([of_root(NEIGHBOUR), of_between(NEIGHBOUR)], None),
    "its serial number is revoked by the root, which did not issue it": ([of_root(BANK), of_between()], None),
    "the client's is revoked": ([of_root(), of_between(BANK)], "certificate-revoked"),
    "the client's is revoked among others": ([of_root(), of_between(NEIGHBOUR, BANK)], "certificate-revoked"),
    "the authority between is revoked": ([of_root(BETWEEN), of_between()], "certificate-revoked"),
    "both are revoked": ([of_root(BETWEEN), of_between(BANK)], "certificate-revoked"),
    "the root's list is missing": ([of_between()], "crl-missing"),
    "the list of the authority between is missing": ([of_root()], "crl-missing"),
    "a list is by another of that name": ([listed(OTHER), of_between()], "crl-missing"),
    "a list is in another's name": (
        [of_root(), listed(ROOT, name=BETWEEN.certificate.subject)],
        "crl-missing",
    ),
    "the root's list has ended": ([listed(ROOT, begins=LONG_AGO), of_between()], "crl-stale"),
    "the other list has ended": ([of_root(), listed(BETWEEN, begins=LONG_AGO)], "crl-stale"),
    "a list is of tomorrow": ([of_root(), listed(BETWEEN, begins=NOW + DAY / 2)], "crl-stale"),
    "a list that has ended was renewed": ([listed(ROOT, begins=LONG_AGO), of_root(), of_between()], None),
}


@pytest.mark.parametrize("case", MATRIX)
def test_each_certificate_below_the_anchor_has_to_be_spoken_of_by_its_issuer_today(case: str) -> None:
    lists, expected = MATRIX[case]
    assert fault(lists) == expected
    assert fault(list(reversed(lists))) == expected


@pytest.mark.parametrize("case", MATRIX)
def test_openssl_lets_the_same_chains_through(case: str, tmp_path: Path) -> None:
    lists, expected = MATRIX[case]
    said = openssl(tmp_path, CHAIN, lists)
    assert (said == "") is (expected is None), said
    words = {"certificate-revoked": "revoked", "crl-stale": "CRL", "crl-missing": "CRL"}
    assert expected is None or words[expected] in said


def test_of_several_lists_of_an_authority_the_newest_says_it() -> None:
    """A certificate that was suspended and taken back (certificateHold) is in the older alone."""
    older = listed(BETWEEN, BANK, begins=NOW - HOUR * 2)
    assert fault([of_root(), older]) == "certificate-revoked"
    assert fault([of_root(), older, of_between()]) is None
    assert fault([of_root(), listed(BETWEEN, begins=NOW - HOUR * 2), of_between(BANK)]) == "certificate-revoked"
    begins = NOW - HOUR
    first, second = (
        listed(BETWEEN, *revoked, begins=begins, extensions=[(x509.CRLNumber(number), False)])
        for number, revoked in ((1, []), (2, [BANK]))
    )
    assert fault([of_root(), second, first]) == "certificate-revoked"


def test_a_list_that_has_ended_still_revokes_and_vouches_for_nobody() -> None:
    ended = listed(BETWEEN, BANK, begins=LONG_AGO)
    assert fault([of_root(), ended]) == "certificate-revoked"


def test_what_was_found_says_until_when_it_holds() -> None:
    begins = NOW.replace(microsecond=0) - HOUR
    root, between = (listed(each, begins=begins, lasts=HOUR * hours) for each, hours in ((ROOT, 3), (BETWEEN, 2)))
    found = judged(CHAIN, read(root, between), NOW_S)
    assert (found.fault, found.begins_s, found.ends_s) == (None, begins.timestamp(), (begins + HOUR * 2).timestamp())
    assert fault([root, between], found.ends_s) == "crl-stale"
    assert fault([root, between], found.ends_s - 0.001) is None
    assert fault([root, between], found.begins_s) is None
    assert fault([root, between], found.begins_s - 0.001) == "crl-stale"
    to_come = listed(BETWEEN, BANK, begins=begins + HOUR * 1.5)
    sooner = judged(CHAIN, read(root, between, to_come), NOW_S)
    assert (sooner.fault, sooner.ends_s) == (None, (begins + HOUR * 1.5).timestamp())
    assert fault([root, between, to_come], sooner.ends_s) == "certificate-revoked"


def test_a_certificate_that_is_an_anchor_itself_is_nobodys_to_revoke() -> None:
    assert judged(CHAIN[:2], read(of_between()), NOW_S).fault is None
    assert judged(CHAIN[2:], (), NOW_S).fault is None


def test_the_name_of_an_authority_is_compared_part_by_part() -> None:
    part = named((NameOID.ORGANIZATION_NAME, "Client CA"), (NameOID.COMMON_NAME, "Client CA"))
    assert fault([listed(ROOT, name=part), of_between()]) == "crl-missing"


SERIALS = st.sets(st.integers(1, 12), max_size=8)
ISSUED = {serial: issue(f"client {serial}", ROOT, serial=serial) for serial in range(1, 13)}


@settings(max_examples=20, deadline=None)
@given(revoked=SERIALS, others=SERIALS, shown=st.integers(1, 12))
def test_of_any_certificates_those_are_revoked_that_the_newest_list_names(
    revoked: set[int], others: set[int], shown: int
) -> None:
    lists = read(listed(ROOT, *revoked), listed(OTHER, *others), listed(ROOT, *others, begins=NOW - HOUR * 2))
    chain = [ISSUED[shown].certificate, ROOT.certificate]
    expected = "certificate-revoked" if shown in revoked else None
    assert judged(chain, lists, NOW_S).fault == expected
