"""DPoP proofs: windows of time that have to be accepted, and every way in which a proof is wrong, at both endpoints."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from gateway.oauth.nonces import Nonces
from gateway.store.hidden import Hidden
from tests.conformance.bank import METHODS, Bank, Method, nonces_of
from tests.conformance.conftest import Programs
from tests.conformance.program import Change, Draft, Program, Refused, challenged, encoded, public, refused, sealed

every_method = pytest.mark.parametrize(
    "method",
    ["private_key_jwt", *(pytest.param(method, marks=pytest.mark.slow) for method in METHODS if "tls" in method)],
)
"""The other two ask the same once more, with the same answers: they take twice as long as all else here."""
OTHER = ECKey.generate_key("P-256")
RSA = RSAKey.generate_key(2048)


@pytest.fixture
def program(programs: Programs, method: Method) -> Program:
    return programs(method, "dpop")[0]


def claiming(**claims: Any) -> Change:
    """A proof with these claims; iat, exp and nbf are seconds from now."""

    def change(draft: Draft) -> Sequence[str]:
        now_s = int(time.time())
        for name, value in claims.items():
            timed = name in ("iat", "exp", "nbf") and isinstance(value, int | float)
            draft.claims[name] = value + now_s if timed else value
        return [draft.sealed()]

    return change


def heading(**header: Any) -> Change:
    """A proof with these members in its header."""

    def change(draft: Draft) -> Sequence[str]:
        draft.header |= header
        return [draft.sealed()]

    return change


def without(name: str) -> Change:
    """A proof without this member of its header or its claims."""

    def change(draft: Draft) -> Sequence[str]:
        part = draft.header if name in draft.header else draft.claims
        del part[name]
        return [draft.sealed()]

    return change


# --- fapi2-security-profile-final-check-dpop-proof-nbf-exp
# --- fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-before-succeeds
# --- fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-after-succeeds
# --- and what the negative tests expect to be accepted


def _host_in_capitals(draft: Draft) -> Sequence[str]:
    return claiming(htu=draft.claims["htu"].replace("https://localhost", "HTTPS://LOCALHOST"))(draft)


def _path_by_another_spelling(draft: Draft) -> Sequence[str]:
    head, slash, last = draft.claims["htu"].rpartition("/")
    return claiming(htu=f"{head}{slash}./%{ord(last[0]):02x}{last[1:]}")(draft)


ACCEPTED: dict[str, Change] = {
    "nbf is now and exp in five minutes": claiming(nbf=0, exp=300),
    "iat is 10 seconds in the past": claiming(iat=-10),
    "iat is 8 seconds in the future": claiming(iat=8),
    "iat is 10 seconds in the future": claiming(iat=10),
    "nbf is 8 seconds in the future": claiming(nbf=8),
    "iat is 40 seconds in the past": claiming(iat=-40),
    "iat has a fraction": claiming(iat=-0.5),
    "there are members that nobody knows": lambda draft: (
        heading(kid="k", jku="https://other.example", extra={"a": [1]})(draft) and claiming(extra="x", aud="y")(draft)
    ),
    "htu has a query and a fragment": lambda draft: claiming(htu=draft.claims["htu"] + "?a=b#c")(draft),
    "scheme and host of htu are in capitals": _host_in_capitals,
    "the path of htu is spelt in another way": _path_by_another_spelling,
}


@every_method
@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_proof_is_accepted_where(program: Program, change: Change) -> None:
    answer = program.token(proof=change)
    assert answer.status_code == 200, answer.text
    read = program.reads(answer.json()["access_token"], proof=change)
    assert read.status_code == 200, read.text


@every_method
def test_a_query_of_the_request_is_not_part_of_htu(program: Program) -> None:
    assert program.reads(program.access_token(), query="?limit=1").status_code == 200


# --- fapi2-security-profile-final-dpop-negative-tests


def _by_rsa(algorithm: str) -> Change:
    def change(draft: Draft) -> Sequence[str]:
        draft.header |= {"alg": algorithm, "jwk": public(RSA)}
        return [sealed(draft.header, draft.claims, RSA, algorithm)]

    return change


def _by_secret(draft: Draft) -> Sequence[str]:
    """Algorithm confusion: the public key, as anybody has it, as the secret of an HMAC."""
    draft.header["alg"] = "HS256"
    return [sealed(draft.header, draft.claims, draft.key.as_bytes(private=False), "HS256")]


def _by_symmetric_jwk(draft: Draft) -> Sequence[str]:
    secret = secrets.token_bytes(32)
    draft.header |= {"alg": "HS256", "jwk": {"kty": "oct", "k": encoded(secret)}}
    return [sealed(draft.header, draft.claims, secret, "HS256")]


def _unsigned(draft: Draft) -> Sequence[str]:
    draft.header["alg"] = "none"
    return [sealed(draft.header, draft.claims, None, "none")]


def _by_another_than_jwk(draft: Draft) -> Sequence[str]:
    return [sealed(draft.header, draft.claims, OTHER, "ES256")]


def _changed_signature(draft: Draft) -> Sequence[str]:
    proof = draft.sealed()
    return [proof[:-20] + ("B" if proof[-20] == "A" else "A") + proof[-19:]]


def _named_key(draft: Draft) -> Sequence[str]:
    del draft.header["jwk"]
    return heading(kid="ES256")(draft)


def _parts(draft: Draft) -> list[str]:
    return draft.sealed().split(".")


def _twice_in(part: str, name: str) -> Change:
    """A member given twice, with the same value: which of two counts is not for readers to differ about."""

    def change(draft: Draft) -> Sequence[str]:
        texts = {"header": json.dumps(draft.header), "claims": json.dumps(draft.claims)}
        value = json.dumps({"header": draft.header, "claims": draft.claims}[part][name])
        texts[part] = f'{{"{name}":{value},{texts[part][1:]}'
        return [sealed(texts["header"].encode(), texts["claims"].encode(), draft.key, "ES256")]

    return change


def _of_3073_bytes(draft: Draft) -> Sequence[str]:
    """One byte over the cap, and the same at the cap is good: see the test of that."""
    return [_sized(draft, 3073)]


def _sized(draft: Draft, size_bytes: int) -> str:
    draft.claims["filler"] = ""
    low = len(draft.sealed())
    filler = (size_bytes - low) * 3 // 4 - 4
    while len(draft.sealed()) < size_bytes:
        draft.claims["filler"] = "f" * filler
        filler += 1
    return draft.sealed()


def _elsewhere(before: str, after: str) -> Change:
    return lambda draft: claiming(htu=draft.claims["htu"].replace(before, after))(draft)


WRONG: dict[str, Change] = {
    # 1. more than one header; 2. no well-formed JWT
    "two headers": lambda draft: [draft.sealed(), draft.sealed()],
    "two proofs in one header": lambda draft: [f"{draft.sealed()}, {draft.sealed()}"],
    "an empty header": lambda draft: [""],
    "no JWT": lambda draft: ["not a proof"],
    "a segment too few": lambda draft: [".".join(_parts(draft)[:2])],
    "a segment too many": lambda draft: [draft.sealed() + ".e30"],
    "cut off": lambda draft: [draft.sealed()[:-8]],
    "padded base64": lambda draft: [draft.sealed() + "="],
    "claims that are no JSON": lambda draft: [sealed(draft.header, b"{jti}", draft.key, "ES256")],
    "claims that are a list": lambda draft: [sealed(draft.header, b"[]", draft.key, "ES256")],
    "claims that are no UTF-8": lambda draft: [sealed(draft.header, b'{"jti":"\xff"}', draft.key, "ES256")],
    "a header that is no JSON": lambda draft: [sealed(b"typ", draft.claims, draft.key, "ES256")],
    "a member of the header twice": _twice_in("header", "typ"),
    "a claim twice": _twice_in("claims", "htu"),
    "3073 bytes": _of_3073_bytes,
    "4 KiB": lambda draft: [_sized(draft, 4096)],
    # 3. what has to be there
    **{f"no {name}": without(name) for name in ("typ", "alg", "jwk", "jti", "htm", "htu", "iat")},
    # 4. the type; 5. the algorithm
    "of type JWT": heading(typ="JWT"),
    "of the type of access tokens": heading(typ="at+jwt"),
    "alg none": _unsigned,
    "alg RS256": _by_rsa("RS256"),
    "alg HS256 with the public key": _by_secret,
    "alg of another key than jwk": heading(alg="EdDSA"),
    "crit": heading(crit=["b64"], b64=True),
    "crit of what nobody knows": heading(crit=["extra"], extra=1),
    # 6. the signature; 7. the key
    "signed by another key than jwk": _by_another_than_jwk,
    "a changed signature": _changed_signature,
    "a private jwk": lambda draft: heading(jwk=draft.key.as_dict(private=True))(draft),
    "a symmetric jwk": _by_symmetric_jwk,
    "a jwk of a list": heading(jwk=[]),
    "a kid instead of jwk": _named_key,
    # the identifier
    "an empty jti": claiming(jti=""),
    "a jti of 129 characters": claiming(jti="j" * 129),
    "a jti that is a number": claiming(jti=7),
    # 8. the method; 9. the address
    "htm PUT": claiming(htm="PUT"),
    "htm in lower case": lambda draft: claiming(htm=draft.claims["htm"].lower())(draft),
    "htu of another server": claiming(htu="https://www.other.example/"),
    "htu of another scheme": _elsewhere("https://", "http://"),
    "htu of another host": _elsewhere("localhost", "127.0.0.1"),
    "htu of another port": lambda draft: claiming(htu=re.sub(r":[0-9]+/", ":1/", draft.claims["htu"]))(draft),
    "htu of another path": lambda draft: claiming(htu=draft.claims["htu"] + "/FO-000017")(draft),
    "htu of a path in capitals": lambda draft: claiming(htu=draft.claims["htu"].swapcase())(draft),
    "htu of no host": claiming(htu="/v1/repayments"),
    "htu with a user": _elsewhere("https://", "https://user@"),
    # 11. the time
    "iat an hour in the past": claiming(iat=-3600),
    "iat 70 seconds in the past": claiming(iat=-70),
    "iat 30 seconds in the future": claiming(iat=30),
    "iat an hour in the future": claiming(iat=3600),
    "iat as text": lambda draft: claiming(iat=str(draft.claims["iat"]))(draft),
    "iat null": claiming(iat=None),
    "exp passed": claiming(exp=-1),
    "nbf 30 seconds in the future": claiming(nbf=30),
}
NONCES: dict[str, Change] = {
    # 10. the nonce
    "no nonce": without("nonce"),
    "an empty nonce": claiming(nonce=""),
    "a nonce that is made up": claiming(nonce="AAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    "a changed nonce": lambda draft: claiming(nonce=_other_last(draft.claims["nonce"]))(draft),
}


def _other_last(text: str) -> str:
    return text[:-1] + ("A" if text[-1] != "A" else "Q")


@every_method
@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_a_proof_is_refused_with(program: Program, change: Change) -> None:
    token = program.ready()
    assert refused(program.token(proof=change)) == Refused(400, "invalid_dpop_proof")
    assert challenged(program.reads(token, proof=change)) == Refused(401, "invalid_dpop_proof")
    assert program.reads(token).status_code == 200  # it was the proof


@every_method
@pytest.mark.parametrize("change", NONCES.values(), ids=NONCES.keys())
def test_a_proof_is_sent_back_for_its_nonce_with(program: Program, change: Change) -> None:
    token = program.ready()
    at_endpoint, at_resource = program.token(proof=change), program.reads(token, proof=change)
    assert refused(at_endpoint) == Refused(400, "use_dpop_nonce")
    assert challenged(at_resource) == Refused(401, "use_dpop_nonce")
    assert at_endpoint.headers["dpop-nonce"]
    assert at_resource.headers["dpop-nonce"]
    assert program.reads(token).status_code == 200  # by that nonce


@every_method
def test_a_proof_is_sent_back_with_a_nonce_of_another_time_or_server(served: Bank, program: Program) -> None:
    token, now_s = program.ready(), time.time()
    own, foreign = asyncio.run(nonces_of(served)), Nonces(Hidden(secrets.token_bytes(32)))
    earlier = claiming(nonce=own.issue(now_s - 120))
    assert program.reads(token, proof=earlier).headers[
        "dpop-nonce"
    ]  # good for this request, and a newer one for the next
    for nonce in (own.issue(now_s - 420), own.issue(now_s + 180), foreign.issue(now_s)):
        assert refused(program.token(proof=claiming(nonce=nonce))) == Refused(400, "use_dpop_nonce")
        assert challenged(program.reads(token, proof=claiming(nonce=nonce))) == Refused(401, "use_dpop_nonce")
    assert program.reads(token, proof=earlier).status_code == 200


@every_method
def test_a_proof_is_good_for_one_request(program: Program) -> None:
    token = program.ready()
    asks: list[Callable[[Change], httpx.Response]] = [
        lambda change: program.token(proof=change),
        lambda change: program.reads(token, proof=change),
    ]
    for ask, refusal in zip(asks, (refused, challenged), strict=True):
        same = claiming(jti=secrets.token_urlsafe(16))
        assert ask(same).status_code == 200
        assert refusal(ask(same)).error == "invalid_dpop_proof"
        assert ask(claiming(jti=secrets.token_urlsafe(16))).status_code == 200


@every_method
def test_a_proof_of_the_cap_is_still_read(program: Program) -> None:
    program.ready()
    assert program.token(proof=lambda draft: [_sized(draft, 3072)]).status_code == 200


# --- 12. with an access token, at the resource alone


def _signed_by(key: Any, algorithm: str) -> Change:
    def change(draft: Draft) -> Sequence[str]:
        draft.header |= {"alg": algorithm, "jwk": public(key)}
        return [sealed(draft.header, draft.claims, key, algorithm)]

    return change


BOUND: dict[str, tuple[Change, str]] = {
    "no ath": (without("ath"), "invalid_dpop_proof"),
    "ath of another token": (claiming(ath=encoded(b"\0" * 32)), "invalid_dpop_proof"),
    "ath that is no text": (claiming(ath=1), "invalid_dpop_proof"),
    "another key": (_signed_by(OTHER, "ES256"), "invalid_token"),
    "another key of another kind": (_signed_by(RSA, "PS256"), "invalid_token"),
}


@every_method
@pytest.mark.parametrize(("change", "error"), BOUND.values(), ids=BOUND.keys())
def test_the_resource_is_not_read_by_a_proof_with(program: Program, change: Change, error: str) -> None:
    token = program.ready()
    assert challenged(program.reads(token, proof=change)) == Refused(401, error)
    assert program.reads(token).status_code == 200


@every_method
def test_the_resource_is_not_read_without_a_proof(program: Program) -> None:
    token = program.ready()
    assert challenged(program.reads(token, proof=None)) == Refused(401, "invalid_dpop_proof")
    assert challenged(program.reads(token, proof=None, scheme="Bearer")) == Refused(401, "invalid_token")
    assert challenged(program.reads(token, scheme="Bearer")) == Refused(401, "invalid_token")
    assert program.reads(token).status_code == 200


@every_method
def test_a_proof_for_the_token_endpoint_does_not_read_the_resource(program: Program) -> None:
    token = program.ready()
    kept: list[str] = []

    def keep(draft: Draft) -> Sequence[str]:
        kept.append(draft.sealed())
        return [without("typ")(draft)[0]]  # refused, so that it is not used up

    assert refused(program.token(proof=keep)) == Refused(400, "invalid_dpop_proof")
    assert challenged(program.reads(token, proof=lambda _: kept)) == Refused(401, "invalid_dpop_proof")
