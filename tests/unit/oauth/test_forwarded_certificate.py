"""X-Forwarded-Client-Cert says something when it is one whole element of a proxy's own making, and else nothing."""

import hashlib
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.oauth.forwarded_certificate import forwarded_certificate
from tests.unit.oauth.issued import issue

ROOT = issue("CA", authority=True)
BETWEEN = issue("CA 1", ROOT, authority=True)
SHOWN = issue("bank", BETWEEN)
CERT = f'Cert="{quote(SHOWN.pem, safe="")}"'
CHAIN = f'Chain="{quote(SHOWN.pem + SHOWN.chain_pem, safe="")}"'
HASH = f"Hash={hashlib.sha256(SHOWN.shown.der).hexdigest()}"
SUBJECT = r'Subject="CN=bank,O=\"Harbor; Bank\""'


@pytest.mark.parametrize(
    "header",
    [
        CERT,
        CERT.replace("Cert", "cert"),
        f"Cert={quote(SHOWN.pem, safe='')}",
        f"By=spiffe://gateway;{HASH};{CERT};{SUBJECT};URI=spiffe://a;URI=spiffe://b;DNS=a.example;DNS=b.example",
        f'{HASH.replace("Hash", "HASH")};{CERT};Subject=""',
    ],
)
def test_the_certificate_of_one_element_is_read(header: str) -> None:
    assert forwarded_certificate(header.encode()) == issue_without_chain()


def issue_without_chain() -> object:
    whole = SHOWN.shown
    return type(whole)(whole.thumbprint, whole.der)


def test_the_chain_comes_along() -> None:
    assert forwarded_certificate(f"{HASH};{CERT};{CHAIN}".encode()) == SHOWN.shown


@pytest.mark.parametrize(
    "header",
    [
        "",
        HASH,
        f"{CERT},{CERT}",
        f"{HASH};{CERT},By=x",
        f"{CERT};{CERT}",
        f"{CERT};cert=x",
        f"{CERT};{SUBJECT};{SUBJECT}",
        f"{CERT};",
        f";{CERT}",
        f"{CERT};;{HASH}",
        f"{CERT} ",
        f"{CERT};Subject",
        f'{CERT};Subject="open',
        f'{CERT};Subject="a"b',
        f"Subject=a=b;{CERT}",
        f"Hash={'0' * 64};{CERT}",
        "Cert=canary",
        'Cert="%ZZ"',
        f'Cert="{quote(SHOWN.pem + BETWEEN.pem, safe="")}"',
        f"{CERT};Chain=canary",
        CERT[:-40] + '"',
    ],
    ids=lambda _: "header",  # the certificate is another in each process that collects
)
def test_anything_else_says_nothing(header: str) -> None:
    assert forwarded_certificate(header.encode()) is None


def test_a_name_in_quotes_cannot_add_a_certificate() -> None:
    other = issue("other")
    evil = f'Subject="CN=a\\";Cert=\\"{quote(other.pem, safe="")}\\"";{CERT}'
    assert forwarded_certificate(evil.encode()) == issue_without_chain()


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(CERT)))
def test_whatever_is_sent_it_is_that_certificate_or_none(noise: bytes, at: int) -> None:
    header = CERT[:at].encode() + noise + CERT[at:].encode()
    found = forwarded_certificate(header)
    assert found is None or found.der == SHOWN.shown.der
