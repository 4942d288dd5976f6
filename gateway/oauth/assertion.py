"""Verifies a client assertion (RFC 7523 section 3, with the sharper audience of RFC 10070)."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from msgspec import Meta, Struct, ValidationError, convert

from gateway.oauth.jose import (
    ASSERTION_ALGORITHMS,
    CLOCK_SKEW_S,
    JTI_CHARACTERS_MAX,
    Contents,
    algorithm_of,
    contents_of,
    is_signed_by,
    media_type,
)
from gateway.store.clients import ClientKey

ASSERTION_LIFETIME_MAX_S = 300
_TYPES = ("", "jwt", "client-authentication+jwt")

AssertionReason: TypeAlias = Literal[
    "assertion-malformed",
    "assertion-type",
    "assertion-algorithm",
    "assertion-key-unknown",
    "assertion-key-ambiguous",
    "assertion-key-algorithm",
    "assertion-signature",
    "assertion-claims",
    "assertion-issuer",
    "assertion-audience",
    "assertion-jti",
    "assertion-expired",
    "assertion-early",
    "assertion-lifetime",
]
ASSERTION_REASONS: Final[tuple[AssertionReason, ...]] = get_args(AssertionReason)

_Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=1 << 40)] | Annotated[float, Meta(ge=0, le=1 << 40)]

# Nobody has the private keys of these: they were thrown away when the numbers were written down here.
_NOBODYS: Final[dict[str, dict[str, str | list[str]]]] = {
    "ES256": {
        "kty": "EC",
        "crv": "P-256",
        "x": "YAi7hvYv5byWZpz6lADqE6V-geErjqeMlUtFZX2PxWk",
        "y": "5UL2I1Fo8g3veb_MYYUdTgw3dJ8UH0EEPKL7wdAyW2o",
    },
    "EdDSA": {"kty": "OKP", "crv": "Ed25519", "x": "AwlSWf0VgcQemy21ChjNwyNtGdSyOQnV-Zmxark7P2E"},
    "PS256": {
        "kty": "RSA",
        "n": "wq6I8YhNP5nZo2CY33bC1sraNNkeuESVYRX2W2s11a7d0g4T1GP7QtbjR6UQUPfdlG1hk-wapSuRW_orvZ9CVeVcyKCfG1Sf"
        "v1JQrO4-WekBK944XQ7Ni1Hxr-lf27UXBLLAYjPAuvE2O8sLqGlo3lYUR8WT0VybIWfhr_nEDO24D2HV2hf2iqpYc076aCrR"
        "0obNIAcknNVGxD8TV_e8uQsU8UbmenOWW5fc7-GGj5VHQCifaPzj6SU-OO5_nwGoRn3FNZptvPYLHh-NiZT6908xhAciDPl-"
        "gaJYVm39gaLsG45PuzRMUjSpu5fuxUbtbeSK2NvcapKF-fcJzkP7pQ",
        "e": "AQAB",
    },
}


class AssertionFault(Struct, frozen=True):
    """Why an assertion is no good: for the log of refusals, which its own partner may read; the caller is not told."""

    reason: AssertionReason


class AssertionClaims(Struct, frozen=True):
    """What an assertion must say. `aud` is one string: an array could name another server that may replay it here."""

    iss: str
    sub: str
    aud: str
    exp: _Seconds
    iat: _Seconds
    jti: str
    nbf: _Seconds | None = None


class UsedOnce(Struct, frozen=True):
    """A verified assertion that has yet to be claimed in the replay cache, where it must stay until `until_s`.

    `kid` is the name under which the key that verified it is registered.
    """

    client_id: str
    jti: str
    until_s: float
    kid: str = ""


def verified_assertion(
    text: str, client_id: str, keys: Sequence[ClientKey], issuer: str, now_s: float
) -> UsedOnce | AssertionFault:
    """Whether this client, which has these keys, made this assertion for this issuer just now.

    `exp` and `iat` are mandatory and at most 5 minutes apart; `iat` and `nbf` may be 10 s ahead of our clock. Whatever
    is wrong, a signature is verified: how long an answer takes does not tell which clients and keys there are.
    """
    contents = contents_of(text)
    if contents is None:
        return AssertionFault("assertion-malformed")
    key = _key_for(contents, keys)
    if isinstance(key, AssertionFault):
        burn(text)
        return key
    if not is_signed_by(text, key.key, key.alg):
        return AssertionFault("assertion-signature")
    try:
        claims = convert(contents.claims, AssertionClaims)
    except ValidationError:
        return AssertionFault(_fault_of(contents.claims))
    reason = _untrue(claims, client_id, issuer) or _untimely(claims, now_s)
    if reason is not None:
        return AssertionFault(reason)
    # Another node's clock may run behind ours and still take it for valid.
    return UsedOnce(client_id, claims.jti, float(claims.exp) + CLOCK_SKEW_S, key.kid)


def burn(text: str) -> None:
    """The work of verifying an assertion, for a client that is not there: a signature verified with nobody's key."""
    contents = contents_of(text)
    algorithm = contents.header.get("alg") if contents is not None else None
    chosen = algorithm if isinstance(algorithm, str) and algorithm in _NOBODYS else "ES256"
    if contents is not None:
        is_signed_by(text, _nobodys_key(chosen), chosen)


class _Chosen(Struct, frozen=True):
    kid: str
    alg: str
    key: Key


def _key_for(contents: Contents, keys: Sequence[ClientKey]) -> _Chosen | AssertionFault:
    """The registered key with the header's `kid` and `alg`; without `kid` there must be just one key for `alg`."""
    if media_type(contents.header) not in _TYPES:
        return AssertionFault("assertion-type")
    algorithm = contents.header.get("alg")
    if algorithm not in ASSERTION_ALGORITHMS:
        return AssertionFault("assertion-algorithm")
    if "kid" in contents.header:
        named = [key for key in keys if key.kid == contents.header["kid"]]
        if not named:
            return AssertionFault("assertion-key-unknown")
    else:
        named = list(keys)
    fitting = [key for key in named if key.alg == algorithm]
    if not fitting:
        return AssertionFault("assertion-key-algorithm")
    if len(fitting) > 1:
        return AssertionFault("assertion-key-ambiguous")
    # What the key is decides, not only what was written beside it when it was registered.
    key = _imported(fitting[0].jwk)
    if key is None or algorithm_of(key) != fitting[0].alg:
        return AssertionFault("assertion-key-algorithm")
    return _Chosen(fitting[0].kid, fitting[0].alg, key)


def _fault_of(claims: dict[str, Any]) -> AssertionReason:
    """Which claim is not of the kind it has to be; an `aud` that is no single string is told apart."""
    return "assertion-audience" if "aud" in claims and not isinstance(claims["aud"], str) else "assertion-claims"


def _untrue(claims: AssertionClaims, client_id: str, issuer: str) -> AssertionReason | None:
    if not claims.iss == claims.sub == client_id:
        return "assertion-issuer"
    if claims.aud != issuer:
        return "assertion-audience"
    if not 0 < len(claims.jti) <= JTI_CHARACTERS_MAX:
        return "assertion-jti"
    return None


def _untimely(claims: AssertionClaims, now_s: float) -> AssertionReason | None:
    latest_s = now_s + CLOCK_SKEW_S
    if claims.exp <= now_s:
        return "assertion-expired"
    if claims.iat > latest_s or (claims.nbf is not None and claims.nbf > latest_s):
        return "assertion-early"
    if claims.exp - claims.iat > ASSERTION_LIFETIME_MAX_S:
        return "assertion-lifetime"
    return None


@lru_cache(1024)
def _imported(jwk: str) -> Key | None:
    """Reading a key costs as much as using it."""
    try:
        return import_key(json.loads(jwk))
    except (JoseError, ValueError, TypeError, KeyError):
        return None


@lru_cache(len(_NOBODYS))
def _nobodys_key(algorithm: str) -> Key:
    return import_key(_NOBODYS[algorithm])
