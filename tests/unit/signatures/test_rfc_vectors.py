"""RFC 9421 appendix B.2 and RFC 9530 appendix B: our signature bases, verifications and digests are those printed."""

import base64
import hashlib
import hmac

import pytest

from gateway.signatures.algorithms import is_signed_by
from gateway.signatures.base import Asked, field_value, signature_base
from gateway.signatures.digest import content_digest, fits
from gateway.signatures.fields import Described, described
from tests.unit.signatures.vectors import ANSWER, ANSWER_BODY, ANSWER_DIGEST, BODY, DIGEST, KEYS, REQUEST

RSA, EC, ED = KEYS


def member(field: str) -> Described:
    found = described(field.encode())
    assert found is not None
    (one,) = found.values()
    return one


def base_of(field: str, asked: Asked = REQUEST) -> bytes:
    """The signature base of a request, of what a Signature-Input says."""
    one = member(field)
    values = [(component, asked.value(component.name)) for component in one.components]
    return signature_base([(component, value) for component, value in values if value is not None], one.text)


B21 = 'sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"'
B21_SIGNATURE = (
    "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG"
    "52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVro"
    "gUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ"
    "98Xw9Q=="
)
B22 = (
    'sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss"'
    ';tag="header-example"'
)
B22_BASE = (
    '"@authority": example.com\n'
    f'"content-digest": {DIGEST.decode()}\n'
    '"@query-param";name="Pet": dog\n'
    '"@signature-params": ("@authority" "content-digest" "@query-param";name="Pet");created=1618884473'
    ';keyid="test-key-rsa-pss";tag="header-example"'
)
B22_SIGNATURE = (
    "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT"
    "8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBS"
    "pqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTu"
    "gEjHSw=="
)
B23 = (
    'sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length")'
    ';created=1618884473;keyid="test-key-rsa-pss"'
)
B23_SIGNATURE = (
    "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fU"
    "xN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA"
    "1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKE"
    "gM4cUA=="
)
B24 = (
    'sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"'
)
B24_SIGNATURE = "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=="
B25 = 'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
B25_KEY = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
B25_SIGNATURE = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
B26 = (
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473'
    ';keyid="test-key-ed25519"'
)
B26_SIGNATURE = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="


def test_b_2_1_covers_nothing_and_verifies() -> None:
    assert base_of(B21) == f'"@signature-params": {B21.partition("=")[2]}'.encode()
    assert is_signed_by(RSA, base64.b64decode(B21_SIGNATURE), base_of(B21))


def test_b_2_2_verifies_and_its_query_parameter_is_not_taken_as_a_component() -> None:
    """One parameter of a query is not the query: what is beside it could be added by anybody."""
    assert is_signed_by(RSA, base64.b64decode(B22_SIGNATURE), B22_BASE.encode())
    assert described(B22.encode()) is None


def test_b_2_3_covers_all_and_verifies() -> None:
    assert base_of(B23).decode().splitlines() == [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@method": POST',
        '"@path": /foo',
        '"@query": ?param=Value&Pet=dog',
        '"@authority": example.com',
        '"content-type": application/json',
        f'"content-digest": {DIGEST.decode()}',
        '"content-length": 18',
        f'"@signature-params": {B23.partition("=")[2]}',
    ]
    assert is_signed_by(RSA, base64.b64decode(B23_SIGNATURE), base_of(B23))


def test_b_2_4_is_a_signed_answer() -> None:
    one = member(B24)
    values = [
        (each, "200" if each.name == "@status" else str(field_value(ANSWER, each.name))) for each in one.components
    ]
    assert is_signed_by(EC, base64.b64decode(B24_SIGNATURE), signature_base(values, one.text))
    assert fits(ANSWER_DIGEST, ANSWER_BODY)


def test_b_2_5_has_our_base_and_a_secret_that_we_do_not_share() -> None:
    made = hmac.digest(base64.b64decode(B25_KEY), base_of(B25), hashlib.sha256)
    assert base64.b64encode(made).decode() == B25_SIGNATURE
    assert not any(is_signed_by(key, made, base_of(B25)) for key in KEYS)


def test_b_2_6_is_signed_by_ed25519() -> None:
    assert is_signed_by(ED, base64.b64decode(B26_SIGNATURE), base_of(B26))


@pytest.mark.parametrize(
    ("key", "field", "signature"), [(RSA, B21, B21_SIGNATURE), (RSA, B23, B23_SIGNATURE), (ED, B26, B26_SIGNATURE)]
)
def test_a_bit_more_or_less_and_none_of_them_verifies(key: object, field: str, signature: str) -> None:
    sound, base = base64.b64decode(signature), base_of(field)
    for other in KEYS:
        assert is_signed_by(other, sound, base) == (other is key)
        assert not is_signed_by(other, sound[:-1], base)
        assert not is_signed_by(other, bytes([sound[0] ^ 1]) + sound[1:], base)
        assert not is_signed_by(other, sound, base + b" ")
        assert not is_signed_by(other, b"", base)


# RFC 9530 appendix B: each body with its Content-Digest or Repr-Digest. B.4 is of the bytes as erratum 8890 has them.
DIGESTS = (
    ("B.1", b'{"hello": "world"}\n', "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"),
    ("B.2", b"", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
    ("B.3", b'"world"}\n', "sha-256=:jjcgBDWNAtbYUXI37CVG3gRuGOAjaaDRGpIUFsdyepQ=:"),
    (
        "B.4",
        bytes.fromhex("0b09807b2268656c6c6f223a2022776f726c64227d0a03"),
        "sha-256=:d435Qo+nKZ+gLcUHn7GQtQ72hiBVAgqoLsZnZPiTGPk=:",
    ),
    ("B.7", b'{"title": "New Title"}\n', "sha-256=:mEkdbO7Srd9LIOegftO0aBX+VPTVz7/CSHes2Z27gc4=:"),
)


@pytest.mark.parametrize(("section", "body", "field"), DIGESTS)
def test_our_digests_are_those_of_rfc_9530(section: str, body: bytes, field: str) -> None:
    assert content_digest(body).decode() == field, section
    assert fits(field.encode(), body)
    assert not fits(field.encode(), body + b" ")


B6 = (
    b"sha-256=:d435Qo+nKZ+gLcUHn7GQtQ72hiBVAgqoLsZnZPiTGPk=:, "
    b"sha-512=:db7fdBbgZMgX1Wb2MjA8zZj+rSNgfmDCEEXM8qLWfpfoNY0sCpHAzZbj09X1/7HAb7Od5Qfto4QpuBsFbUO3dQ==:"
)


def test_of_two_digests_both_have_to_fit() -> None:
    body = DIGESTS[3][1]
    assert fits(B6, body)
    assert not fits(B6.replace(b"=:db7", b"=:db8"), body)
    assert not fits(B6.replace(b"=:d435", b"=:d436"), body)


def test_the_digests_of_rfc_9421_fit_its_messages() -> None:
    assert fits(DIGEST, BODY)
    assert not fits(DIGEST, BODY + b"\n")


@pytest.mark.parametrize(
    "field",
    [
        b"",
        b"sha-256",
        b"sha-256=1",
        b"sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:;x=1",
        b"sha-256=47DEQpj8HBSa",
        b"md5=:1B2M2Y8AsgTpgAmY7PhCfg==:",
        content_digest(b"") + b", " + content_digest(b""),
        b"SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        b"sha-256=:4_DEQpj8HBSa:",
        b"\xff",
    ],
)
def test_a_digest_that_is_not_written_rightly_or_is_of_no_good_hash_fits_nothing(field: bytes) -> None:
    assert not fits(field, b"")


def test_a_digest_of_a_hash_that_is_not_known_is_passed_over_beside_one_that_is() -> None:
    known = content_digest(b"x")
    assert fits(b"md5=:AAAA:, " + known, b"x")
