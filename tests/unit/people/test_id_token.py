"""An ID token is believed if a key of the provider signed it by its own algorithm, for us, now, and in this login."""

import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import Key, OctKey

from gateway.people.id_token import Expected, Person, TokenFault, keys_for, unverified_header, verified_person
from tests.flows.identity_provider import new_key, signed

NOW_S = 1_800_000_000.0
EXPECTED = Expected("https://login.hengtai.example", "clausegate", "n-1")
CLAIMS: dict[str, Any] = {
    "iss": EXPECTED.issuer,
    "sub": "a3f1",
    "aud": "clausegate",
    "exp": NOW_S + 300,
    "iat": NOW_S,
    "nonce": "n-1",
}
ES256 = new_key("ES256")


def read(token: str, *keys: Key, now_s: float = NOW_S) -> Person | TokenFault:
    header = unverified_header(token)
    if header is None:
        return TokenFault("unreadable")
    fitting = keys_for(header, [key.as_dict(private=False) for key in keys])
    return verified_person(token, fitting, EXPECTED, now_s) if fitting else TokenFault("key")


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_token_by_each_algorithm_of_providers_is_believed(algorithm: str) -> None:
    key = new_key(algorithm)
    assert read(signed(CLAIMS, key, algorithm), key, ES256) == Person("a3f1", CLAIMS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iss": "https://login.hengtai.example/"}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": ["another", "clausegate"]}, "audience"),
        ({"aud": ["another", "clausegate"], "azp": "another"}, "audience"),
        ({"azp": "another"}, "audience"),
        ({"exp": NOW_S - 61}, "expired"),
        ({"iat": NOW_S - 601}, "expired"),
        ({"iat": NOW_S + 61}, "early"),
        ({"nonce": "n-2"}, "nonce"),
        ({"nonce": None}, "claims"),
        ({"sub": ""}, "claims"),
        ({"sub": "x" * 256}, "claims"),
        ({"sub": "李娜"}, "claims"),
        ({"sub": 7}, "claims"),
        ({"exp": "tomorrow"}, "claims"),
    ],
)
def test_a_token_of_something_else_is_refused_with_a_word(change: dict[str, Any], reason: str) -> None:
    assert read(signed(CLAIMS | change, ES256, "ES256"), ES256) == TokenFault(reason)


@pytest.mark.parametrize("change", [{"aud": ["another", "clausegate"], "azp": "clausegate"}, {"aud": ["clausegate"]}])
def test_a_token_for_several_names_us_as_who_asked(change: dict[str, Any]) -> None:
    assert isinstance(read(signed(CLAIMS | change, ES256, "ES256"), ES256), Person)


@pytest.mark.parametrize("missing", list(CLAIMS))
def test_nothing_that_a_token_must_say_may_be_missing(missing: str) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != missing}
    assert read(signed(claims, ES256, "ES256"), ES256) == TokenFault("claims")


def test_another_key_of_the_same_name_did_not_sign_it() -> None:
    assert read(signed(CLAIMS, new_key("ES256"), "ES256"), ES256) == TokenFault("signature")


def test_no_algorithm_and_a_shared_secret_are_no_signatures_of_a_provider() -> None:
    secret = OctKey.import_key(json.dumps(ES256.as_dict(private=False)))
    confused = jws.serialize_compact({"alg": "HS256", "kid": "k1"}, json.dumps(CLAIMS), secret)
    assert read(confused, ES256) == TokenFault("key")
    unsigned = signed(CLAIMS, ES256, "ES256").split(".")
    for algorithm in ("none", "ES384", "", None, 7, ["ES256"]):
        header = jws.serialize_compact({"alg": "HS256"}, json.dumps({"alg": algorithm}), secret).split(".")[1]
        assert read(f"{header}.{unsigned[1]}.{unsigned[2]}", ES256) == TokenFault("key"), algorithm


def test_a_key_that_a_token_brings_along_is_not_looked_at() -> None:
    own = new_key("ES256")
    token = signed(CLAIMS, own, "ES256", jwk=own.as_dict(private=False), jku="https://evil.example/keys")
    assert read(token, ES256) == TokenFault("signature")


@pytest.mark.parametrize("header", [{"typ": "at+jwt"}, {"typ": "logout+jwt"}, {"crit": ["b64"]}])
def test_another_kind_of_token_of_the_same_provider_is_no_login(header: dict[str, Any]) -> None:
    unsigned = signed(CLAIMS, ES256, "ES256").split(".")
    spelt = jws.serialize_compact({"alg": "HS256"}, json.dumps({"alg": "ES256", "kid": "k1"} | header),
                                  OctKey.import_key("x" * 32)).split(".")[1]  # fmt: skip
    assert read(f"{spelt}.{unsigned[1]}.{unsigned[2]}", ES256) == TokenFault("unreadable")


def test_without_a_key_id_there_has_to_be_one_key() -> None:
    token = signed(CLAIMS, ES256, "ES256", kid=None)
    assert isinstance(read(token, ES256), Person)
    assert read(token, ES256, new_key("ES256", "k2")) == TokenFault("key")


@pytest.mark.parametrize("text", ["", "a.b", "..", "a.b.c.d", "\ud800.a.b", "e30.e30.e30x" * 2_000, "W10.e30.e30"])
def test_what_is_no_token_is_unreadable(text: str) -> None:
    assert read(text, ES256) in (TokenFault("unreadable"), TokenFault("key"))
