"""What can be registered as a key or a certificate, and the words for what cannot; nothing given is repeated."""

from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import settings as looking
from hypothesis import strategies as some

from gateway.credentials.reading import FAULTS, Fault, read_certificate, read_key
from gateway.oauth.certificate import certificate_from_pem
from gateway.store.clients import ClientKey, RegisteredCertificate
from tests.unit.credentials.stage import DAY_S, NOW_S, certificate, jwk

_PRIVATE = (
    ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)


def test_every_fault_has_words_in_both_languages() -> None:
    assert set(FAULTS) == set(get_args(Fault))
    assert all(set(words) == {"en", "zh"} and all(words.values()) for words in FAULTS.values())


def test_a_certificate_is_kept_with_its_thumbprint_and_its_end() -> None:
    pem = certificate("a")
    read = read_certificate("a comment\n" + pem, NOW_S)
    assert isinstance(read, RegisteredCertificate)
    other = certificate_from_pem(pem.encode())
    assert other is not None
    assert (read.thumbprint, read.pem, read.not_after_s) == (other.thumbprint, pem, NOW_S + 365 * DAY_S)


@pytest.mark.parametrize(
    ("pem", "fault"),
    [
        ("", "not-a-certificate"),
        ("canary", "not-a-certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not-a-certificate"),
        (certificate("a") * 40, "not-a-certificate"),
        (certificate("a") + "é", "not-a-certificate"),
        (certificate("a") + certificate("b"), "several-certificates"),
        (_PRIVATE, "certificate-with-private-key"),
        (certificate("a") + _PRIVATE, "certificate-with-private-key"),
        (certificate("ended", NOW_S - 2 * DAY_S, NOW_S), "certificate-ended"),
        (certificate("early", NOW_S + 1, NOW_S + DAY_S), "certificate-not-yet-valid"),
        (certificate("weak", curve="secp224r1"), "weak-certificate-key"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "pem",
)
def test_what_cannot_be_a_clients_certificate_says_why(pem: str, fault: str) -> None:
    assert read_certificate(pem, NOW_S) == fault


@looking(max_examples=40)
@given(some.text(max_size=200) | some.binary(max_size=200).map(lambda each: each.decode("latin-1")))
def test_no_text_makes_reading_a_certificate_fail(text: str) -> None:
    body = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
    assert isinstance(read_certificate(text, NOW_S), str)
    assert isinstance(read_certificate(body, NOW_S), str)


_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=20),
    lambda each: some.lists(each, max_size=3) | some.dictionaries(some.text(max_size=4), each, max_size=3),
    max_leaves=5,
)


@looking(max_examples=50)
@given(some.sampled_from(["kty", "crv", "x", "y", "alg", "use", "kid", "key_ops", "exp"]), _JSON)
def test_no_member_makes_reading_a_key_fail(name: str, value: Any) -> None:
    read = read_key(jwk("k1") | {name: value}, NOW_S)
    assert isinstance(read, ClientKey) or read in FAULTS


@pytest.mark.parametrize("kid", ["", "k" * 129, "a\nb", "a\x1b[31m"])
def test_a_kid_that_could_not_stand_in_a_record_is_refused(kid: Any) -> None:
    assert read_key(jwk("k1") | {"kid": kid}, NOW_S) == "odd-kid"


@pytest.mark.parametrize(("said", "ends_s"), [(None, None), (NOW_S + 1, NOW_S + 1), (NOW_S + 1.9, NOW_S + 1)])
def test_a_key_ends_when_it_says(said: float | None, ends_s: int | None) -> None:
    read = read_key(jwk("k1") | {"exp": said}, NOW_S)
    assert isinstance(read, ClientKey)
    assert read.expires_s == ends_s


@pytest.mark.parametrize(
    ("said", "fault"),
    [(NOW_S, "key-ended"), (0, "key-ended"), ("2099-01-01", "odd-key-end"), (True, "odd-key-end"), (-1, "odd-key-end")],
)
def test_a_key_that_has_ended_or_says_so_in_a_way_nobody_can_read_is_refused(said: object, fault: str) -> None:
    assert read_key(jwk("k1") | {"exp": said}, NOW_S) == fault
