"""Access tokens as RFC 9068 describes them: what they say, and signing them."""

import secrets
from collections.abc import Collection
from typing import TYPE_CHECKING

import msgspec
from joserfc import jws
from msgspec import UNSET, Struct, UnsetType

from gateway.oauth.jose import ES256

if TYPE_CHECKING:
    from gateway.oauth.keys import Signer

LIFETIME_S = 300
TYPE = "at+jwt"


class Claims(Struct, frozen=True):
    """The claims of an access token (RFC 9068 section 2.2); `partner` is ours. Times are Unix seconds."""

    iss: str
    sub: str
    client_id: str
    partner: str
    aud: str
    scope: str
    iat: int
    exp: int
    jti: str
    nbf: int | UnsetType = UNSET


def claims_for(
    *, issuer: str, audience: str, client_id: str, partner: str, scopes: Collection[str], now_s: float, epoch_s: int
) -> Claims:
    """Claims of a new token. It is issued after `epoch_s`, up to which all tokens of this client are revoked: in the
    second of a revocation that means a second ahead, which every verifier allows for."""
    issued_s = max(int(now_s), epoch_s + 1)
    return Claims(
        iss=issuer,
        sub=client_id,
        client_id=client_id,
        partner=partner,
        aud=audience,
        scope=" ".join(sorted(scopes)),
        iat=issued_s,
        exp=issued_s + LIFETIME_S,
        jti=secrets.token_urlsafe(16),
    )


def sign(claims: Claims, signer: "Signer") -> str:
    """The token: a compact JWS by ES256 with `typ` at+jwt and the `kid` of the signing key."""
    header = {"alg": "ES256", "kid": signer.kid, "typ": TYPE}
    return jws.serialize_compact(header, msgspec.json.encode(claims), signer.key, registry=ES256)
