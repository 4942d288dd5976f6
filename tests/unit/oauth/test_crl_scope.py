"""Lists that say where they are and whom they are about count for those certificates alone, as with OpenSSL."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.oauth.crl_judging import judged
from gateway.oauth.crl_scope import CrlScope
from tests.unit.oauth.issued import DAY, Issued, issue
from tests.unit.oauth.revoking import NUMBER, listed, openssl, part, read

NOW = datetime.datetime.now(datetime.UTC)
NOW_S = NOW.timestamp()
SOME = frozenset({x509.ReasonFlags.key_compromise})


def at(*places: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(f"http://ca.example/{place}.crl") for place in places]


def point(
    *places: str, reasons: frozenset[x509.ReasonFlags] | None = None, by: x509.Name | None = None
) -> x509.DistributionPoint:
    """Where a certificate says that a list is."""
    return x509.DistributionPoint(at(*places) or None, None, reasons, [x509.DirectoryName(by)] if by else None)


def points(*found: x509.DistributionPoint) -> list[x509.ExtensionType]:
    return [x509.CRLDistributionPoints(found)]


# Of the root OpenSSL wants to know too whether it was revoked: it says where its own list is.
ROOT = issue("Client CA", authority=True, extensions=points(point("root")))
BETWEEN = issue("Client CA 1", ROOT, authority=True, extensions=points(point("root")))
BANK = issue("bank", BETWEEN, extensions=points(point("1", "1-again"), point("2")))
SILENT = issue("silent", BETWEEN)
OTHERS = issue("others", BETWEEN, extensions=points(point("1", by=ROOT.certificate.subject)))
PARTLY = issue("partly", BETWEEN, extensions=points(point("1", reasons=SOME)))


def of(
    authority: Issued, *revoked: Issued, begins: datetime.datetime | None = None, **scope: Any
) -> x509.CertificateRevocationList:
    """A list of this scope, as authorities mark it."""
    return listed(authority, *revoked, begins=begins, extensions=[(NUMBER, False), (part(**scope), True)])


def whole(*revoked: Issued) -> x509.CertificateRevocationList:
    return of(ROOT, *revoked, full_name=at("root"))


MATRIX: dict[str, tuple[Issued, Sequence[x509.CertificateRevocationList], str | None]] = {
    "the list is where the certificate says": (BANK, [whole(), of(BETWEEN, full_name=at("1"))], None),
    "one of several names is the same": (BANK, [whole(), of(BETWEEN, full_name=at("x", "1-again"))], None),
    "it is the second place": (BANK, [whole(), of(BETWEEN, full_name=at("2"))], None),
    "the list is elsewhere": (BANK, [whole(), of(BETWEEN, full_name=at("3"))], "crl-missing"),
    "the root's list is elsewhere": (BANK, [of(ROOT, full_name=at("3")), listed(BETWEEN)], "crl-missing"),
    "it is revoked there": (BANK, [whole(), of(BETWEEN, BANK, full_name=at("1"))], "certificate-revoked"),
    "the authority is revoked": (BANK, [whole(BETWEEN), of(BETWEEN, full_name=at("1"))], "certificate-revoked"),
    "it is revoked elsewhere alone": (
        BANK,
        [whole(), of(BETWEEN, BANK, full_name=at("3")), of(BETWEEN, full_name=at("1"))],
        None,
    ),
    "it is revoked elsewhere, and nobody speaks of it": (
        BANK,
        [whole(), of(BETWEEN, BANK, full_name=at("3"))],
        "crl-missing",
    ),
    "the list there has ended, another has not": (
        BANK,
        [whole(), of(BETWEEN, full_name=at("1"), begins=NOW - DAY * 3), of(BETWEEN, full_name=at("3"))],
        "crl-stale",
    ),
    "the certificate says nothing, the list does": (
        SILENT,
        [whole(), of(BETWEEN, full_name=at("1"))],
        "crl-missing",
    ),
    "neither says anything": (SILENT, [whole(), listed(BETWEEN)], None),
    "the certificate says it, the list does not": (BANK, [whole(), listed(BETWEEN)], None),
    "another publishes it there": (OTHERS, [whole(), of(BETWEEN, full_name=at("1"))], "crl-missing"),
    "some reasons are listed there": (PARTLY, [whole(), of(BETWEEN, full_name=at("1"))], "crl-missing"),
    "the lists are of users and of authorities": (
        BANK,
        [of(ROOT, only_contains_ca_certs=True), of(BETWEEN, only_contains_user_certs=True)],
        None,
    ),
    "the list is of authorities alone": (BANK, [whole(), of(BETWEEN, only_contains_ca_certs=True)], "crl-missing"),
    "the root's list is of users alone": (
        BANK,
        [of(ROOT, only_contains_user_certs=True), listed(BETWEEN)],
        "crl-missing",
    ),
    "it is revoked in the list of users": (
        BANK,
        [whole(), of(BETWEEN, BANK, only_contains_user_certs=True)],
        "certificate-revoked",
    ),
    "it is of users, and elsewhere": (
        BANK,
        [whole(), of(BETWEEN, only_contains_user_certs=True, full_name=at("3"))],
        "crl-missing",
    ),
}


@pytest.mark.parametrize("case", MATRIX)
def test_a_list_speaks_of_the_certificates_that_say_that_it_is_there(case: str, tmp_path: Path) -> None:
    shown, lists, expected = MATRIX[case]
    chain = [shown.certificate, BETWEEN.certificate, ROOT.certificate]
    for given_lists in (lists, list(reversed(lists))):
        assert judged(chain, read(*given_lists), NOW_S).fault == expected
    said = openssl(tmp_path, chain, lists)
    assert (said == "") is (expected is None), said
    assert expected is None or ("revoked" in said) is (expected == "certificate-revoked")


def test_of_several_lists_of_one_place_the_newest_says_it_and_a_complete_one_is_of_every_place() -> None:
    chain = [BANK.certificate, BETWEEN.certificate, ROOT.certificate]
    earlier = NOW - DAY / 12
    for older in (of(BETWEEN, BANK, full_name=at("1"), begins=earlier), listed(BETWEEN, BANK, begins=earlier)):
        assert judged(chain, read(whole(), older), NOW_S).fault == "certificate-revoked"
        assert judged(chain, read(whole(), older, of(BETWEEN, full_name=at("2"))), NOW_S).fault is None
        assert judged(chain, read(whole(), older, of(BETWEEN, full_name=at("3"))), NOW_S).fault == "certificate-revoked"


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ({}, {}, True),
        ({}, {"full_name": at("1")}, True),
        ({"full_name": at("1", "2")}, {"full_name": at("2", "3")}, True),
        ({"full_name": at("1")}, {"full_name": at("2")}, False),
        ({"full_name": at("1")}, {"only_contains_ca_certs": True}, True),
        ({"only_contains_user_certs": True}, {"only_contains_user_certs": True}, True),
        ({"only_contains_user_certs": True}, {"only_contains_ca_certs": True}, False),
        ({"only_contains_user_certs": True}, {}, True),
    ],
)
def test_two_lists_overlap_where_one_certificate_may_be_in_both(
    one: dict[str, Any], other: dict[str, Any], overlap: bool
) -> None:
    first, second = (scope_of(**each) for each in (one, other))
    assert first.overlaps(second) is second.overlaps(first) is overlap


def scope_of(**scope: Any) -> CrlScope:
    return read(of(ROOT, **scope))[0].scope if scope else CrlScope()


PLACES = st.sets(st.sampled_from("abcd"), max_size=3)
ISSUED = {
    places: issue("client", ROOT, extensions=points(point(*sorted(places))) if places else ())
    for places in map(frozenset, ["", "a", "b", "c", "ab", "bc", "cd", "abc"])
}


@settings(max_examples=25, deadline=None)
@given(
    shown=st.sampled_from(sorted(ISSUED, key=sorted)),
    lists=st.lists(st.tuples(PLACES, st.booleans()), max_size=3),
)
def test_of_any_places_the_newest_list_of_one_that_is_shared_says_it(
    shown: frozenset[str], lists: list[tuple[set[str], bool]]
) -> None:
    """The plain model: lists from the oldest to the newest, those that say no place being about all."""
    expected: str | None = "crl-missing"
    for places, revoked in lists:
        if not places or places & shown:
            expected = "certificate-revoked" if revoked else None
    made = []
    for number, (places, revoked) in enumerate(lists):
        begins, named = NOW - DAY / 2 + DAY / 24 * number, [ISSUED[shown]] if revoked else []
        scope = {"full_name": at(*sorted(places))} if places else {}
        made.append(of(ROOT, *named, begins=begins, **scope) if scope else listed(ROOT, *named, begins=begins))
    chain = [ISSUED[shown].certificate, ROOT.certificate]
    assert judged(chain, read(*made) if made else (), NOW_S).fault == expected
