"""Tokens are read one way only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import DictKey, ECKey, Key, OKPKey, RSAKey, import_key
from joserfc.util import urlsafe_b64encode

from gateway.oauth.jose import algorithm_of, contents_of, is_signed_by, strict_json
from tests.unit.oauth.stage import client_key, signed

# RFC 7515, appendix A.3: an ES256 signature and the key that made it.
RFC_7515_A3 = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
RFC_7515_A3_KEY: DictKey = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
# RFC 8037, appendix A.4: an Ed25519 signature over text that is no JSON.
RFC_8037_A4 = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
RFC_8037_A4_KEY: DictKey = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def test_the_example_of_rfc_7515_a3_is_read_and_verified() -> None:
    contents = contents_of(RFC_7515_A3)
    assert contents is not None
    assert contents.header == {"alg": "ES256"}
    assert contents.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    assert is_signed_by(RFC_7515_A3, ECKey.import_key(RFC_7515_A3_KEY), "ES256")


def test_a_signature_with_one_bit_changed_is_not_verified() -> None:
    assert not is_signed_by(RFC_7515_A3.replace(".Dt", ".Et"), ECKey.import_key(RFC_7515_A3_KEY), "ES256")


def test_the_example_of_rfc_8037_a4_is_verified() -> None:
    assert is_signed_by(RFC_8037_A4, OKPKey.import_key(RFC_8037_A4_KEY), "EdDSA")


def test_the_header_does_not_choose_the_algorithm() -> None:
    rsa = client_key("PS256")
    by_rs256 = signed({"alg": "RS256"}, b"{}", rsa)
    assert not is_signed_by(by_rs256, rsa, "PS256")
    assert is_signed_by(signed({"alg": "PS256"}, b"{}", rsa), rsa, "PS256")
    assert isinstance(rsa, RSAKey)
    public = rsa.as_bytes(private=False)
    assert not is_signed_by(signed({"alg": "HS256"}, b"{}", public), rsa, "PS256")
    assert not is_signed_by(signed({"alg": "none"}, b"{}", None), rsa, "PS256")


def test_a_long_header_is_read_up_to_the_cap_of_the_token() -> None:
    key = client_key("ES256")
    token = signed({"alg": "ES256", "x5c": ["A" * 1500]}, b"{}", key)
    assert contents_of(token) is not None
    assert is_signed_by(token, key, "ES256")
    assert contents_of(signed({"alg": "ES256", "x5c": ["A" * 4000]}, b"{}", key)) is None


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'[{"a":1,"a":1}]',
        b"NaN",
        b"-Infinity",
        b"\xff",
        b"",
        b"{" * 9,
        b"1 2",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        strict_json(text)


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="nested"):
        strict_json(b"[" * 100_000)


@pytest.mark.parametrize("segment", ["e30=", "e30 ", "e3+/", "e31", "e"])
def test_base64_has_one_spelling(segment: str) -> None:
    assert contents_of(f"eyJhbGciOiJFUzI1NiJ9.{segment}.AA") is None


@given(
    st.text(max_size=60)
    | st.lists(st.binary(max_size=30), min_size=1, max_size=4).map(
        lambda parts: b".".join(urlsafe_b64encode(part) for part in parts).decode()
    )
)
def test_rubbish_is_an_answer_and_never_an_exception(token: str) -> None:
    contents = contents_of(token)
    assert contents is None or isinstance(contents.claims, dict)
    assert not is_signed_by(token, client_key("ES256"), "ES256")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-256"), "ES256"),
        (ECKey.generate_key("P-384"), None),
        (OKPKey.generate_key("Ed25519"), "EdDSA"),
        (OKPKey.generate_key("X25519"), None),
    ],
    ids=["P-256", "P-384", "Ed25519", "X25519"],
)
def test_what_a_key_is_decides_its_algorithm(key: Key, algorithm: str | None) -> None:
    assert algorithm_of(key) == algorithm


def test_a_shared_secret_and_a_short_rsa_key_are_good_for_nothing() -> None:
    assert algorithm_of(import_key({"kty": "oct", "k": "AAAA" * 11})) is None
    short: DictKey = {"kty": "RSA", "e": "AQAB", "n": urlsafe_b64encode(b"\xc1" + b"\x01" * 127).decode()}
    assert algorithm_of(import_key(short)) is None


@pytest.mark.parametrize(
    ("bits", "exponent", "algorithm"),
    [
        (2048, 65537, "PS256"),
        (4096, 3, "PS256"),
        (4096, (1 << 32) - 1, "PS256"),
        (2047, 65537, None),
        (4097, 3, None),
        (2048, (1 << 32) + 1, None),
        (2048, (1 << 2040) + 1, None),
    ],
)
def test_an_rsa_key_that_is_too_weak_or_too_dear_to_verify_by_is_good_for_nothing(
    bits: int, exponent: int, algorithm: str | None
) -> None:
    modulus = ((1 << bits) - 1).to_bytes((bits + 7) // 8, "big")
    numbers = {"n": modulus, "e": exponent.to_bytes((exponent.bit_length() + 7) // 8, "big")}
    public: DictKey = {name: urlsafe_b64encode(value).decode() for name, value in numbers.items()}
    assert algorithm_of(import_key({"kty": "RSA", **public})) == algorithm
