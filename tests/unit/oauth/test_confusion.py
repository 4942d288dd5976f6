"""One kind of signed token is never taken for another, whoever's key it is: the worst case, in which all kinds share
one key and one set of claims that is right for each, and the header's `typ` alone tells them apart."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode
from msgspec.json import encode

from gateway.oauth.assertion import UsedOnce, verified_assertion
from gateway.oauth.authority import Authority
from gateway.oauth.dpop import Proofs, Proved
from gateway.oauth.grant import Grant
from gateway.oauth.introspection import Reader
from gateway.oauth.keys import KeyRing, Signer
from gateway.oauth.nonces import Nonces
from gateway.oauth.replay import LocalReplayCache
from gateway.oauth.verify import TokenVerifier
from gateway.people.id_token import Expected, Person, keys_for, unverified_header, verified_person
from gateway.signatures.algorithms import is_signed_by, sign_p256
from gateway.store.clients import Client, ClientKey
from gateway.store.hidden import Hidden
from tests.unit.console.house import at_once
from tests.unit.oauth.possession import ath
from tests.unit.oauth.stage import NOW_S, signed

KEY = ECKey.generate_key("P-256", {"kid": "k1"})
PUBLIC = KEY.as_dict(private=False)
REGISTERED = ClientKey("k1", "ES256", json.dumps(PUBLIC))
ONE = "one.example"
"""Issuer, client, audience and subject of everything: no claim tells one kind from another."""
BASE_URL, PATH = "https://one.example", b"/v1/shipments"
NONCES = Nonces(Hidden(b"n" * 32))
VERIFIER = TokenVerifier(
    issuer=ONE, audience=ONE, authority=Authority(KeyRing(Signer("k1", KEY), {"k1": KEY}, b""), {})
)
CLAIMS: dict[str, Any] = {
    "iss": ONE,
    "sub": ONE,
    "aud": ONE,
    "client_id": ONE,
    "partner": "one",
    "scope": "partner",
    "iat": int(NOW_S),
    "exp": int(NOW_S) + 60,
    "jti": "j-1",
    "nonce": NONCES.issue(NOW_S),
    "htm": "GET",
    "htu": BASE_URL + PATH.decode(),
    "ath": ath(b"token"),
}


def as_token(text: str) -> bool:
    return isinstance(VERIFIER.verify(f"Bearer {text}".encode(), NOW_S), Grant)


def as_bound_token(text: str) -> bool:
    return isinstance(VERIFIER.verify(f"DPoP {text}".encode(), NOW_S), Grant)


def as_introspected(text: str) -> bool:
    client = Client(ONE, "one", "private_key_jwt", 0, False, 0)
    return Reader(ONE, ONE, {"k1": KEY}).own(text, client, NOW_S) is not None


def as_assertion(text: str) -> bool:
    return isinstance(verified_assertion(text, ONE, [REGISTERED], ONE, NOW_S), UsedOnce)


def as_proof(text: str) -> bool:
    proofs = Proofs(base_url=BASE_URL, nonces=NONCES, replay=LocalReplayCache())
    return isinstance(at_once(proofs.check(text.encode(), "GET", PATH, NOW_S, b"token")), Proved)


def as_id_token(text: str, issuer: str = ONE, audience: str = ONE) -> bool:
    header = unverified_header(text)
    fitting = keys_for(header, [PUBLIC]) if header is not None else []
    expected = Expected(issuer, audience, CLAIMS["nonce"])
    return bool(fitting) and isinstance(verified_person(text, fitting, expected, NOW_S), Person)


DOORS: Mapping[str, Callable[[str], bool]] = {
    "token": as_token,
    "bound token": as_bound_token,
    "introspected token": as_introspected,
    "assertion": as_assertion,
    "proof": as_proof,
    "ID token": as_id_token,
}
TAKEN = {
    "at+jwt": {"token", "bound token", "introspected token"},
    "client-authentication+jwt": {"assertion"},
    "dpop+jwt": {"proof"},
    "jwt": {"assertion", "ID token"},  # RFC 7523 and OpenID Connect leave it open: these differ by their issuers, below
    "": {"assertion", "ID token"},
}
STRANGE = ("jws", "logout+jwt", "token-introspection+jwt", "secevent+jwt", "vc+sd-jwt", "jwk-set+json", "at", "at+jwt ")


def made(typ: object, claims: Mapping[str, Any] = CLAIMS) -> str:
    """Signed by the one key, with all that any header needs."""
    header = {"alg": "ES256", "kid": "k1", "jwk": PUBLIC}
    return signed(header if typ is None else header | {"typ": typ}, encode(claims), KEY)


def taken(text: str) -> set[str]:
    return {door for door, is_taken in DOORS.items() if is_taken(text)}


@pytest.mark.parametrize("typ", TAKEN)
def test_each_kind_is_taken_at_its_own_doors_and_at_no_other(typ: str) -> None:
    assert taken(made(typ or None)) == TAKEN[typ]
    assert taken(made(f"application/{typ.upper()}" if typ else None)) == TAKEN[typ]


@pytest.mark.parametrize("typ", [*STRANGE, 7, ["at+jwt"], {"at+jwt": 1}, None])
def test_what_is_of_another_kind_is_taken_nowhere(typ: object) -> None:
    assert taken(made(typ)) == (TAKEN[""] if typ is None else set())


@settings(max_examples=50)
@given(some.text(max_size=12) | some.sampled_from([*TAKEN, *STRANGE]).flatmap(lambda typ: some.permutations(list(typ))))
def test_no_spelling_of_a_kind_is_taken_for_two(typ: str | list[str]) -> None:
    spelt = "".join(typ)
    assert taken(made(spelt)) <= TAKEN.get(spelt.lower().removeprefix("application/"), set())


def test_what_the_provider_signs_for_a_person_authenticates_no_client_and_the_other_way_round() -> None:
    """Under one key of both: the issuer of one is the client itself, that of the other is the provider."""
    of_person = CLAIMS | {"iss": "https://login.example", "aud": "clausegate"}
    text = made("JWT", of_person)
    assert as_id_token(text, "https://login.example", "clausegate")
    assert taken(text) == set()
    assert not as_id_token(text, "https://another.example", "clausegate"), "one provider speaks for no other"
    of_client = made("JWT", CLAIMS | {"iss": "bank-app", "sub": "bank-app", "aud": ONE})
    assert isinstance(verified_assertion(of_client, "bank-app", [REGISTERED], ONE, NOW_S), UsedOnce)
    assert not as_id_token(of_client, "https://login.example", "clausegate")
    for changed in ({"sub": ONE, "iss": "https://login.example"}, {"aud": "clausegate"}, {"aud": [ONE, "clausegate"]}):
        assert not as_assertion(made("JWT", CLAIMS | changed))


def test_a_signature_of_a_message_makes_no_token_and_one_of_a_token_signs_no_message() -> None:
    """The gateway's key signs answers as well, a client's key requests (RFC 9421): their texts are no JWS."""
    good = made("at+jwt")
    assert as_token(good)
    signing_input, _, signature = good.rpartition(".")
    for beside in ('"', " ", "\n", ":", "\t", "=", "==", "\r\n", '"@method": GET\n'):
        base = signing_input.replace(".", f"{beside}.").encode()
        forged = f"{base.decode()}.{urlsafe_b64encode(sign_p256(KEY, base)).decode()}"
        assert taken(forged) == set(), repr(beside)
    base = b'"@method": GET\n"@signature-params": ("@method");created=1'
    assert is_signed_by(REGISTERED, sign_p256(KEY, base), base)
    assert not is_signed_by(REGISTERED, urlsafe_b64decode(signature.encode()), base)
    assert is_signed_by(REGISTERED, urlsafe_b64decode(signature.encode()), signing_input.encode()), "of a JWS alone"


def test_a_key_of_our_own_is_nobodys_client_key_and_a_clients_key_signs_no_token() -> None:
    own, theirs = ECKey.generate_key("P-256", {"kid": "k1"}), ECKey.generate_key("P-256", {"kid": "k1"})
    claims = encode(CLAIMS)
    by_us = signed({"alg": "ES256", "kid": "k1", "typ": "client-authentication+jwt"}, claims, own)
    key = ClientKey("k1", "ES256", json.dumps(theirs.as_dict(private=False)))
    assert not isinstance(verified_assertion(by_us, ONE, [key], ONE, NOW_S), UsedOnce)
    by_them = signed({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}, claims, theirs)
    assert not as_token(by_them)
