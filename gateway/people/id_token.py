"""Verifies an ID token of the company's identity provider (OpenID Connect Core 1.0, section 3.1.3.7).

It is the provider's token, so its algorithms are what providers sign with: RS256 too, which nothing of ours takes.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key
from joserfc.util import urlsafe_b64decode
from msgspec import Meta, Struct, ValidationError, convert

from gateway.oauth.jose import OneAlgorithm, media_type, strict_json

TOKEN_CHARACTERS_MAX: Final = 16 * 1024
"""People may be in many groups."""
_SKEW_S: Final = 60
"""How far the provider's clock may be ahead of ours, or behind."""
_AGE_S_MAX: Final = 600
"""A token is made when the code is exchanged; an older one is of another login."""
_RSA_BITS_MIN: Final = 2048


class _OneAlgorithm(OneAlgorithm):
    max_header_length = TOKEN_CHARACTERS_MAX
    max_payload_length = TOKEN_CHARACTERS_MAX


_REGISTRIES: Final = {name: _OneAlgorithm(name) for name in ("RS256", "PS256", "ES256", "EdDSA")}


class Claims(Struct, frozen=True):
    """What an ID token must say; `azp` where it is for several."""

    iss: str
    sub: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[ -~]+\Z")]
    aud: str | list[str]
    exp: int | float
    iat: int | float
    nonce: str
    azp: str | None = None


class Person(Struct, frozen=True):
    """Whom the provider has logged in: its name for the person, and all it says of them."""

    subject: str
    claims: dict[str, Any]


class TokenFault(Struct, frozen=True):
    """Why a token is not believed, as a word for the operator's log: unreadable, key, signature, claims, issuer,
    audience, expired, early, nonce."""

    reason: str


class Expected(Struct, frozen=True):
    """Of whom, for whom, and in which login."""

    issuer: str
    client_id: str
    nonce: str


def unverified_header(token: str) -> dict[str, Any] | None:
    """The header of a compact JWS, to choose a key by; None for what is none."""
    segments = token.encode(errors="replace").split(b".")
    if len(token) > TOKEN_CHARACTERS_MAX or len(segments) != 3 or not all(segments):
        return None
    try:
        header = strict_json(urlsafe_b64decode(segments[0]))
    except ValueError:
        return None
    usable = isinstance(header, dict) and "crit" not in header and "b64" not in header
    return header if usable and media_type(header) in {"", "jwt"} else None


def keys_for(header: dict[str, Any], keys: Iterable[dict[str, Any]]) -> list[tuple[Key, str]]:
    """The keys of a set that this header can mean, each with the algorithm: by kid where there is one, by type always.

    A provider with one key may leave the kid away; with several it has to say which (section 10.1).
    """
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in _REGISTRIES:
        return []
    named = [key for key in keys if isinstance(key, dict) and (kid is None or key.get("kid") == kid)]
    fitting = [found for key in named if (found := _key(key, algorithm)) is not None]
    return [(key, algorithm) for key in fitting] if kid is not None or len(fitting) == 1 else []


def verified_person(
    token: str, keys: Iterable[tuple[Key, str]], expected: Expected, now_s: float
) -> Person | TokenFault:
    """Whom a token is of, if one of these keys signed it and it is for us, of now and of this login."""
    signed = next((found for key, algorithm in keys if (found := _payload(token, key, algorithm)) is not None), None)
    if signed is None:
        return TokenFault("signature")
    try:
        everything = strict_json(signed)
        claims = convert(everything, Claims)
    except (ValueError, ValidationError):
        return TokenFault("claims")
    fault = _fault(claims, expected, now_s)
    return TokenFault(fault) if fault else Person(claims.sub, everything)


def _fault(claims: Claims, expected: Expected, now_s: float) -> str | None:
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != expected.issuer:
        return "issuer"
    if expected.client_id not in audiences or (len(audiences) > 1 and claims.azp is None):
        return "audience"
    if claims.azp is not None and claims.azp != expected.client_id:
        return "audience"
    if not now_s - _SKEW_S < claims.exp or claims.iat < now_s - _AGE_S_MAX:
        return "expired"
    if not claims.iat <= now_s + _SKEW_S:
        return "early"
    return None if claims.nonce == expected.nonce else "nonce"


def _key(jwk: dict[str, Any], algorithm: str) -> Key | None:
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) not in (algorithm, "Ed25519"):
        return None
    try:
        key = import_key(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    fits = {
        "RS256": isinstance(key, RSAKey) and key.public_key.key_size >= _RSA_BITS_MIN,
        "PS256": isinstance(key, RSAKey) and key.public_key.key_size >= _RSA_BITS_MIN,
        "ES256": isinstance(key, ECKey) and key.curve_name == "P-256",
        "EdDSA": isinstance(key, OKPKey) and key.curve_name == "Ed25519",
    }
    return key if fits[algorithm] else None


def _payload(token: str, key: Key, algorithm: str) -> bytes | None:
    try:
        return jws.deserialize_compact(token, key, registry=_REGISTRIES[algorithm]).payload
    except (JoseError, ValueError, TypeError):
        return None
