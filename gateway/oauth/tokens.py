"""Access tokens as RFC 9068 describes them: what they say, signing them, reading them."""

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey
from msgspec import UNSET, Struct, UnsetType, ValidationError, convert, field

from gateway.oauth.grant import Binding
from gateway.oauth.jose import (
    CLOCK_SKEW_S,
    ES256,
    JTI_CHARACTERS_MAX,
    TOKEN_BYTES_MAX,
    contents_of,
    is_signed_by,
    media_type,
)

if TYPE_CHECKING:
    from gateway.oauth.keys import Signer

LIFETIME_S = 300
TYPE = "at+jwt"
DETAILS_TYPE = "data_contract"
"""The one type of `authorization_details` (RFC 9396) that there is here."""
_SHA256 = re.compile(r"[A-Za-z0-9_-]{43}")


class Confirmation(Struct, frozen=True, forbid_unknown_fields=True):
    """`cnf` (RFC 7800): the one key (RFC 9449 section 6.1) or certificate (RFC 8705 section 3.1) it is bound to."""

    jkt: str | UnsetType = UNSET
    x5t: str | UnsetType = field(default=UNSET, name="x5t#S256")


class GrantedDetail(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag=DETAILS_TYPE):
    """One entry of `authorization_details` as it was granted: everything is written out, nothing stands for "all".

    `purpose` is there when it was asked for; without it, whatever the agreement allows.
    """

    agreement: str
    products: tuple[str, ...]
    actions: tuple[str, ...]
    purpose: tuple[str, ...] | UnsetType = UNSET


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
    cnf: Confirmation | UnsetType = UNSET
    authorization_details: tuple[GrantedDetail, ...] | UnsetType = UNSET


class Held(Struct, frozen=True):
    """What a token is bound to; `thumbprint` is "" with binding none."""

    binding: Binding
    thumbprint: str


UNBOUND = Held("none", "")


def claims_for(
    *,
    issuer: str,
    audience: str,
    client_id: str,
    partner: str,
    scopes: Collection[str],
    now_s: float,
    epoch_s: int,
    held: Held = UNBOUND,
    details: Sequence[GrantedDetail] | None = None,
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
        cnf=confirmation_of(held),
        authorization_details=UNSET if details is None else tuple(details),
    )


def sign(claims: Claims, signer: "Signer") -> str:
    """The token: a compact JWS by ES256 with `typ` at+jwt and the `kid` of the signing key."""
    header = {"alg": "ES256", "kid": signer.kid, "typ": TYPE}
    return jws.serialize_compact(header, msgspec.json.encode(claims), signer.key, registry=ES256)


def is_too_large(token: str) -> bool:
    """Whether nobody here would read it, this gateway included."""
    return len(token) > TOKEN_BYTES_MAX


def confirmation_of(held: Held) -> Confirmation | UnsetType:
    """`cnf` of a token."""
    if held.binding == "dpop":
        return Confirmation(jkt=held.thumbprint)
    return Confirmation(x5t=held.thumbprint) if held.binding == "mtls" else UNSET


def held_by(claims: Claims) -> Held | None:
    """What a token is bound to; None when its `cnf` is not exactly one thumbprint, so that nobody can prove it."""
    if claims.cnf is UNSET:
        return UNBOUND
    bindings: tuple[tuple[Literal["dpop", "mtls"], str | UnsetType], ...]
    bindings = (("dpop", claims.cnf.jkt), ("mtls", claims.cnf.x5t))
    given = [Held(binding, thumbprint) for binding, thumbprint in bindings if thumbprint is not UNSET]
    return given[0] if len(given) == 1 and _SHA256.fullmatch(given[0].thumbprint) else None


class ReadToken(Struct, frozen=True):
    """A token that one of our keys signed, with what it is bound to. Whether it is still good is another question."""

    claims: Claims
    key_id: str
    held: Held


def read_token(token: str, keys: Mapping[str, ECKey], issuer: str, now_s: float) -> ReadToken | None:
    """A token of this issuer by one of these keys (by `kid`), not before its time; None for anything else.

    Whether it has expired, was revoked, or is for somebody else is not looked at.
    """
    contents = contents_of(token)
    if contents is None:
        return None
    header = contents.header
    kid = header.get("kid")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None or header.get("alg") != "ES256" or media_type(header) != TYPE:
        return None
    if not is_signed_by(token, key, "ES256"):
        return None
    try:
        claims = convert(contents.claims, Claims)
    except ValidationError:
        return None
    held = held_by(claims)
    not_yet = claims.nbf is not UNSET and claims.nbf > now_s + CLOCK_SKEW_S
    if claims.iss != issuer or claims.sub != claims.client_id or not_yet or held is None:
        return None
    if not 0 < len(claims.jti) <= JTI_CHARACTERS_MAX:
        return None
    return ReadToken(claims, str(kid), held)
