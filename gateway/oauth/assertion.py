"""Verifies a client assertion (RFC 7523 section 3, with the sharper audience of RFC 10070)."""

import json

from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from msgspec import Struct, ValidationError, convert

from gateway.oauth.jose import (
    CLOCK_SKEW_S,
    JTI_CHARACTERS_MAX,
    Contents,
    algorithm_of,
    contents_of,
    is_signed_by,
    media_type,
)
from gateway.store.clients import Client, ClientKey

ASSERTION_LIFETIME_MAX_S = 300
_TYPES = ("", "jwt", "client-authentication+jwt")


class AssertionClaims(Struct, frozen=True):
    """What an assertion must say. `aud` is one string: an array could name another server that may replay it here."""

    iss: str
    sub: str
    aud: str
    exp: int | float
    iat: int | float
    jti: str
    nbf: int | float | None = None


class UsedOnce(Struct, frozen=True):
    """A verified assertion that has yet to be claimed in the replay cache, where it must stay until `until_s`."""

    client_id: str
    jti: str
    until_s: float


def verified_assertion(text: str, client: Client, issuer: str, now_s: float) -> UsedOnce | None:
    """Whether this client made this assertion for this issuer just now.

    `exp` and `iat` are mandatory and at most 5 minutes apart; `iat` and `nbf` may be 10 s ahead of our clock.
    """
    contents = contents_of(text)
    if contents is None or media_type(contents.header) not in _TYPES:
        return None
    key = _key_for(contents, client.keys)
    if key is None or not is_signed_by(text, key[0], key[1]):
        return None
    try:
        claims = convert(contents.claims, AssertionClaims)
    except ValidationError:
        return None
    if not claims.iss == claims.sub == client.client_id or claims.aud != issuer:
        return None
    if not 0 < len(claims.jti) <= JTI_CHARACTERS_MAX or not _timely(claims, now_s):
        return None
    # Another node's clock may run behind ours and still take it for valid.
    return UsedOnce(client.client_id, claims.jti, float(claims.exp) + CLOCK_SKEW_S)


def _timely(claims: AssertionClaims, now_s: float) -> bool:
    latest_s = now_s + CLOCK_SKEW_S
    if claims.iat > latest_s or (claims.nbf is not None and claims.nbf > latest_s):
        return False
    return claims.exp > now_s and claims.exp - claims.iat <= ASSERTION_LIFETIME_MAX_S


def _key_for(contents: Contents, keys: tuple[ClientKey, ...]) -> tuple[Key, str] | None:
    """The registered key with the header's `kid` and `alg`; without `kid` there must be just one key for `alg`."""
    algorithm, kid = contents.header.get("alg"), contents.header.get("kid")
    fitting = [key for key in keys if key.alg == algorithm and (kid is None or key.kid == kid)]
    if len(fitting) != 1:
        return None
    try:
        key = import_key(json.loads(fitting[0].jwk))
    except (JoseError, ValueError):
        return None
    # What the key is decides, not only what was written beside it when it was registered.
    return (key, fitting[0].alg) if algorithm_of(key) == fitting[0].alg else None
