"""The hot path's question: is this access token good, and whose is it?"""

from hashlib import sha256
from typing import Final, Literal, TypeAlias

from joserfc.jwk import ECKey
from msgspec import UNSET

from gateway.oauth.authority import Authority
from gateway.oauth.details import grant_details
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.jose import CLOCK_SKEW_S, TOKEN_BYTES_MAX
from gateway.oauth.tokens import ReadToken, read_token

BEARER: Final = b"bearer "
DPOP: Final = b"dpop "
_HEADER_BYTES_MAX = len(BEARER) + TOKEN_BYTES_MAX

TokenReason: TypeAlias = Literal["token-expired", "token-not-yet", "token-audience", "token-key", "token-revoked"]
"""Why a token that was good once is not good here and now."""

MISSING = Rejected("", "missing-token")
INVALID = Rejected("invalid_token", "invalid-token")


class TokenVerifier:
    """Verifies RFC 9068 access tokens of one issuer for one audience.

    Signature and claims of a token are remembered by the SHA-256 of the header that carried it. What may change is
    looked at on every call: time, audience, revocation, and whether its key is still one of ours. Not thread-safe: it
    belongs to one event loop.
    """

    def __init__(self, *, issuer: str, audience: str, authority: Authority, cache_entries_max: int = 20_000) -> None:
        self._issuer = issuer
        self._audience = audience
        self._generation_max = max(1, cache_entries_max // 2)
        # Two generations are nearly an LRU, without moving an entry on every hit.
        self._young: dict[bytes, Grant] = {}
        self._old: dict[bytes, Grant] = {}
        self.adopt(authority)

    def adopt(self, authority: Authority) -> None:
        """Use these keys and revocations from the next call on."""
        self._keys: dict[str, ECKey] = authority.keys.verifying
        self._revoked_until_s = authority.revoked_until_s
        self._revoked_tokens = authority.revoked_tokens

    def verify(self, authorization: bytes | None, now_s: float) -> Grant | Rejected:
        """The grant in an Authorization header (RFC 6750 section 2.1, RFC 9449 section 7.1), given as its raw value or
        None without one. Whether the caller may use it is not looked at: gateway/oauth/guard.py.

        `now_s` is Unix seconds. Every kind of bad token gets the same answer; of one that was good once, `reason` says
        for its partner why it no longer is.
        """
        if authorization is None:
            return MISSING
        if len(authorization) > _HEADER_BYTES_MAX:
            return INVALID
        digest = sha256(authorization).digest()
        grant = self._young.get(digest)
        if grant is None:
            grant = self._older_or_new(digest, authorization, now_s)
            if grant is None:
                return INVALID
        if (
            grant.expires_s <= now_s
            or grant.issued_s > now_s + CLOCK_SKEW_S
            or grant.audience != self._audience
            or grant.key_id not in self._keys
            or grant.token_id in self._revoked_tokens
            or grant.issued_s <= self._revoked_until_s.get(grant.client, -1)
        ):
            return self._no_longer(grant, now_s)
        return grant

    def _older_or_new(self, digest: bytes, authorization: bytes, now_s: float) -> Grant | None:
        grant = self._old.pop(digest, None) or self._read(authorization, now_s)
        if grant is not None:
            if len(self._young) >= self._generation_max:
                self._old, self._young = self._young, {}
            self._young[digest] = grant
        return grant

    def _read(self, authorization: bytes, now_s: float) -> Grant | None:
        """Everything about a token that stays true for as long as it lives."""
        scheme, space, token = authorization.partition(b" ")
        if scheme.lower() + space not in (BEARER, DPOP):
            return None
        try:
            read = read_token(token.decode("ascii"), self._keys, self._issuer, now_s)
        except UnicodeDecodeError:
            return None
        return None if read is None else _grant(read)

    def _no_longer(self, grant: Grant, now_s: float) -> Rejected:
        """A token that we signed, and that is not good here and now."""
        reason: TokenReason
        if grant.expires_s <= now_s:
            reason = "token-expired"
        elif grant.audience != self._audience:
            reason = "token-audience"
        elif grant.issued_s > now_s + CLOCK_SKEW_S:
            reason = "token-not-yet"
        else:
            reason = "token-revoked" if grant.key_id in self._keys else "token-key"
        return Rejected(INVALID.error, INVALID.code, partner=grant.partner, client=grant.client, reason=reason)


def _grant(read: ReadToken) -> Grant:
    claims = read.claims
    details = claims.authorization_details
    return Grant(
        client=claims.client_id,
        partner=claims.partner,
        audience=claims.aud,
        scopes=frozenset(claims.scope.split()),
        token_id=claims.jti,
        key_id=read.key_id,
        issued_s=claims.iat,
        expires_s=claims.exp,
        binding=read.held.binding,
        thumbprint=read.held.thumbprint,
        details=None if details is UNSET else grant_details(details),
    )
