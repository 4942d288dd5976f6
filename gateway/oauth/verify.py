"""The hot path's question: is this access token good, and whose is it?"""

from hashlib import sha256

from joserfc.jwk import ECKey
from msgspec import UNSET, ValidationError, convert

from gateway.oauth.authority import Authority
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.jose import CLOCK_SKEW_S, JTI_CHARACTERS_MAX, TOKEN_BYTES_MAX, contents_of, is_signed_by, media_type
from gateway.oauth.tokens import TYPE, Claims

_SCHEME = b"bearer "
_HEADER_BYTES_MAX = len(_SCHEME) + TOKEN_BYTES_MAX

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

    def verify(self, authorization: bytes | None, now_s: float) -> Grant | Rejected:
        """The grant in an Authorization header (RFC 6750 section 2.1), given as its raw value or None without one.

        `now_s` is Unix seconds. Every kind of bad token gets the same answer.
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
            or grant.issued_s <= self._revoked_until_s.get(grant.client, -1)
        ):
            return INVALID
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
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None
        try:
            token = authorization[len(_SCHEME) :].decode("ascii")
        except UnicodeDecodeError:
            return None
        contents = contents_of(token)
        # A token that is bound to a key (RFC 7800) is worth nothing without proof of it, so never as a Bearer token.
        if contents is None or "cnf" in contents.claims:
            return None
        header = contents.header
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None or header.get("alg") != "ES256" or media_type(header) != TYPE:
            return None
        if not is_signed_by(token, key, "ES256"):
            return None
        try:
            claims = convert(contents.claims, Claims)
        except ValidationError:
            return None
        return self._grant(claims, str(kid), now_s)

    def _grant(self, claims: Claims, kid: str, now_s: float) -> Grant | None:
        not_yet = claims.nbf is not UNSET and claims.nbf > now_s + CLOCK_SKEW_S
        if claims.iss != self._issuer or claims.sub != claims.client_id or not_yet:
            return None
        if not 0 < len(claims.jti) <= JTI_CHARACTERS_MAX:
            return None
        return Grant(
            client=claims.client_id,
            partner=claims.partner,
            audience=claims.aud,
            scopes=frozenset(claims.scope.split()),
            token_id=claims.jti,
            key_id=kid,
            issued_s=claims.iat,
            expires_s=claims.exp,
        )
