"""One-time passwords: RFC 6238's own, one step to either side, and nothing else."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.people.totp import STEP_S, enrolment_uri, new_totp_secret, step_of
from gateway.store.hidden import Hidden

SECRET = Hidden(base64.b32encode(b"12345678901234567890").decode())
# RFC 6238 Appendix B, mode SHA1; of its eight digits the last six, which is what a code of six is (RFC 4226, 5.3).
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize(("time_s", "code"), VECTORS)
def test_the_codes_are_those_of_rfc_6238(time_s: int, code: str) -> None:
    assert step_of(SECRET, code[2:], time_s) == time_s // STEP_S
    assert step_of(SECRET, code, time_s) is None


@pytest.mark.parametrize(("off_s", "fits"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_a_clock_may_be_one_step_off_in_either_direction(off_s: int, fits: bool) -> None:
    step = 1234567890 // STEP_S
    assert step_of(SECRET, "005924", 1234567890 + off_s) == (step if fits else None)


@pytest.mark.parametrize("code", ["", "005925", "5924", "00 5924x", "００５９２４", "\ud800", "005924005924", "-05924"])
def test_anything_else_is_no_code(code: str) -> None:
    assert step_of(SECRET, code, 1234567890) is None


def test_spaces_in_a_code_are_those_of_the_authenticator() -> None:
    assert step_of(SECRET, " 005 924 ", 1234567890) == 1234567890 // STEP_S


def test_a_secret_has_160_bits_and_no_two_are_the_same() -> None:
    one, other = new_totp_secret(), new_totp_secret()
    assert len(base64.b32decode(one.reveal())) == 20
    assert one.reveal() != other.reveal()


def test_an_authenticator_reads_the_secret_and_whose_it_is_from_the_uri() -> None:
    parts = urlsplit(enrolment_uri(SECRET, "li.na").reveal())
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Clausegate:li.na")
    assert parse_qs(parts.query) == {"secret": [SECRET.reveal()], "issuer": ["Clausegate"]}
