"""An assertion is good for its client, here, now and once. Each fault has its word, and costs what success costs."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode

from gateway.oauth.assertion import (
    ASSERTION_REASONS,
    AssertionFault,
    AssertionReason,
    UsedOnce,
    burn,
    verified_assertion,
)
from gateway.oauth.jose import contents_of
from gateway.store.clients import ClientKey
from tests.unit.oauth.stage import signed

NOW_S = 1_800_000_000
ISSUER = "https://gateway.example"
MINE: dict[str, Key] = {
    "ES256": ECKey.generate_key("P-256"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
    "PS256": RSAKey.generate_key(2048),
}
STRANGER = ECKey.generate_key("P-256")


def registered(kid: str, alg: str, key: Key | None = None) -> ClientKey:
    return ClientKey(kid, alg, json.dumps((key or MINE[alg]).as_dict(private=False)))


KEYS = tuple(registered(f"{alg}-1", alg) for alg in MINE)


def made(
    alg: str = "ES256",
    header: Mapping[str, Any] | None = None,
    claims: Mapping[str, Any] | None = None,
    key: Key | None = None,
    without: Sequence[str] = (),
) -> str:
    """An assertion that is right but for what is given."""
    head = {"alg": alg, "kid": f"{alg}-1", "typ": "JWT", **(header or {})}
    body = {"iss": "bank", "sub": "bank", "aud": ISSUER, "iat": NOW_S, "exp": NOW_S + 60, "jti": "j", **(claims or {})}
    for name in without:
        head.pop(name, None)
        body.pop(name, None)
    signing_input = b".".join(urlsafe_b64encode(json.dumps(part).encode()) for part in (head, body))
    signature = JWSRegistry.algorithms[alg].sign(signing_input, key or MINE[alg])
    return (signing_input + b"." + urlsafe_b64encode(signature)).decode()


def verified(text: str, keys: Sequence[ClientKey] = KEYS, now_s: float = NOW_S) -> UsedOnce | AssertionFault:
    return verified_assertion(text, "bank", keys, ISSUER, now_s)


@pytest.mark.parametrize("alg", MINE)
def test_an_assertion_of_each_algorithm_is_good_and_names_the_key(alg: str) -> None:
    assert verified(made(alg)) == UsedOnce("bank", "j", NOW_S + 70.0, f"{alg}-1")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+JWT"])
def test_each_name_of_its_kind_is_good(typ: str) -> None:
    assert isinstance(verified(made(header={"typ": typ})), UsedOnce)
    assert isinstance(verified(made(without=["typ"])), UsedOnce)


def test_without_a_key_id_the_only_key_of_the_algorithm_is_meant() -> None:
    assert verified(made(without=["kid"])) == UsedOnce("bank", "j", NOW_S + 70.0, "ES256-1")
    two = (*KEYS, registered("ES256-2", "ES256", STRANGER))
    assert verified(made(without=["kid"]), two) == AssertionFault("assertion-key-ambiguous")
    assert verified(made("EdDSA", without=["kid"]), two) == UsedOnce("bank", "j", NOW_S + 70.0, "EdDSA-1")


FAULTS: list[tuple[str, str, AssertionReason]] = [
    ("not three parts", "canary", "assertion-malformed"),
    ("not ASCII", made() + "é", "assertion-malformed"),
    ("over 4 KiB", made(claims={"x": "x" * 4096}), "assertion-malformed"),
    ("critical", made(header={"crit": ["x"]}), "assertion-malformed"),
    ("an access token", made(header={"typ": "at+jwt"}), "assertion-type"),
    ("a proof", made(header={"typ": "dpop+jwt"}), "assertion-type"),
    ("a type that is no text", made(header={"typ": 1}), "assertion-type"),
    ("alg none", made(header={"alg": "none"}), "assertion-algorithm"),
    ("RS256", made("PS256", header={"alg": "RS256"}), "assertion-algorithm"),
    ("no alg", made(key=STRANGER, header={"alg": ["ES256"]}), "assertion-algorithm"),
    ("another kid", made(header={"kid": "canary"}), "assertion-key-unknown"),
    ("a kid that is no text", made(header={"kid": ["ES256-1"]}), "assertion-key-unknown"),
    ("no kid to speak of", made(header={"kid": None}), "assertion-key-unknown"),
    ("alg of another key", made(header={"kid": "PS256-1"}), "assertion-key-algorithm"),
    ("another's key", made(key=STRANGER), "assertion-signature"),
    ("a key in the header", made(key=STRANGER, header={"jwk": STRANGER.as_dict()}), "assertion-signature"),
    ("a URL in the header", made(key=STRANGER, header={"jku": "https://x.example"}), "assertion-signature"),
    ("no iss", made(without=["iss"]), "assertion-claims"),
    ("no sub", made(without=["sub"]), "assertion-claims"),
    ("no aud", made(without=["aud"]), "assertion-claims"),
    ("no exp", made(without=["exp"]), "assertion-claims"),
    ("no iat", made(without=["iat"]), "assertion-claims"),
    ("no jti", made(without=["jti"]), "assertion-claims"),
    ("exp as text", made(claims={"exp": str(NOW_S + 60)}), "assertion-claims"),
    ("exp true", made(claims={"exp": True}), "assertion-claims"),
    ("an endless exp", made(claims={"exp": 10**400}), "assertion-claims"),
    ("a negative iat", made(claims={"iat": -1}), "assertion-claims"),
    ("jti of numbers", made(claims={"jti": 7}), "assertion-claims"),
    ("another iss", made(claims={"iss": "other"}), "assertion-issuer"),
    ("another sub", made(claims={"sub": "other"}), "assertion-issuer"),
    ("another aud", made(claims={"aud": "https://other.example"}), "assertion-audience"),
    ("a slash more", made(claims={"aud": ISSUER + "/"}), "assertion-audience"),
    ("the token endpoint", made(claims={"aud": ISSUER + "/oauth/token"}), "assertion-audience"),
    ("an array", made(claims={"aud": [ISSUER]}), "assertion-audience"),
    ("two audiences", made(claims={"aud": [ISSUER, "https://other.example"]}), "assertion-audience"),
    ("an empty jti", made(claims={"jti": ""}), "assertion-jti"),
    ("a long jti", made(claims={"jti": "j" * 129}), "assertion-jti"),
    ("expired", made(claims={"iat": NOW_S - 60, "exp": NOW_S}), "assertion-expired"),
    ("issued ahead", made(claims={"iat": NOW_S + 11}), "assertion-early"),
    ("not yet", made(claims={"nbf": NOW_S + 11}), "assertion-early"),
    ("too long", made(claims={"exp": NOW_S + 301}), "assertion-lifetime"),
]


@pytest.mark.parametrize(("text", "reason"), [pytest.param(*fault[1:], id=fault[0]) for fault in FAULTS])
def test_each_fault_has_its_word(text: str, reason: AssertionReason) -> None:
    assert verified(text) == AssertionFault(reason)


def test_every_word_is_used() -> None:
    assert {reason for *_, reason in FAULTS} | {"assertion-key-ambiguous"} == set(ASSERTION_REASONS)


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": NOW_S + 10},
        {"nbf": NOW_S + 10},
        {"iat": NOW_S, "exp": NOW_S + 300},
        {"iat": NOW_S - 299, "exp": NOW_S + 1},
        {"iat": NOW_S - 0.5, "exp": NOW_S + 0.5},
        {"jti": "j" * 128},
        {"jti": "票"},
    ],
)
def test_at_the_edges_it_is_good(claims: dict[str, Any]) -> None:
    assert isinstance(verified(made(claims=claims)), UsedOnce)


def test_a_secret_does_not_stand_in_for_a_key() -> None:
    jwk = json.dumps(MINE["ES256"].as_dict(private=False))
    confused = signed({"alg": "HS256", "kid": "ES256-1"}, b"{}", jwk.encode())
    assert verified(confused) == AssertionFault("assertion-algorithm")
    shared = ClientKey("oct", "ES256", json.dumps(OctKey.generate_key(256).as_dict(private=True)))
    assert verified(made(header={"kid": "oct"}), [shared]) == AssertionFault("assertion-key-algorithm")
    assert verified(made(header={"kid": "x"}), [ClientKey("x", "ES256", "canary")]) == AssertionFault(
        "assertion-key-algorithm"
    )


def test_a_key_is_for_one_algorithm_whatever_stands_beside_it() -> None:
    wrong = ClientKey("x", "PS256", json.dumps(MINE["ES256"].as_dict(private=False)))
    assert verified(made("PS256", header={"kid": "x"}), [wrong]) == AssertionFault("assertion-key-algorithm")


@pytest.mark.parametrize("alg", MINE)
def test_a_member_given_twice_is_refused(alg: str) -> None:
    doubled = b'{"iss":"bank","iss":"bank"}'
    assert verified(signed({"alg": alg, "kid": f"{alg}-1"}, doubled, MINE[alg])) == AssertionFault(
        "assertion-malformed"
    )


def least_s(work: Callable[[], object]) -> float:
    """The CPU seconds of the quickest of some runs."""
    spent = []
    for _ in range(40):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent)


@pytest.mark.parametrize("alg", MINE)
def test_a_client_that_is_not_there_costs_as_much_as_one_that_is(alg: str) -> None:
    text = made(alg)
    known = least_s(lambda: verified(text))
    for unknown in (lambda: burn(text), lambda: verified(text, ()), lambda: verified(text, KEYS[:1] * 2)):
        assert known / 2 < least_s(unknown) < known * 2
    assert least_s(lambda: contents_of(text)) < known / 2  # reading alone would give it away


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=4))
def test_whatever_is_sent_it_is_refused_with_a_word(text: str, value: Any) -> None:
    assert isinstance(verified(text), AssertionFault)
    for name in ("iss", "aud", "exp", "iat", "nbf", "kid", "typ", "alg"):
        header: dict[str, Any] = {name: value} if name in {"kid", "typ", "alg"} else {}
        found = verified(made(header=header, claims={} if header else {name: value}))
        assert isinstance(found, AssertionFault) or name in {"nbf", "typ"}
    burn(text)
