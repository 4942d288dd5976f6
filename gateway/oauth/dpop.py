"""Proofs of possession (RFC 9449, DPoP): whoever sends a request holds the key that its token is bound to."""

import base64
import hashlib
import hmac
from typing import Any, Literal, TypeAlias

from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from msgspec import Struct, ValidationError, convert

from gateway.oauth.grant import REPEATED
from gateway.oauth.jose import (
    ASSERTION_ALGORITHMS,
    CLOCK_SKEW_S,
    JTI_CHARACTERS_MAX,
    PRIVATE_MEMBERS,
    algorithm_of,
    contents_of,
    is_signed_by,
    media_type,
)
from gateway.oauth.nonces import Nonces
from gateway.oauth.replay import ReplayCache
from gateway.oauth.target_uri import TargetUri, request_path, target_uri

PROOF_BYTES_MAX = 3072
PROOF_LIFETIME_S = 60
"""A proof is made for one request: so much later it is refused, whatever its `exp` says."""
PROOF_ALGORITHMS = ASSERTION_ALGORITHMS

_TYPE = "dpop+jwt"
_KEYS_MAX = 2000

ProofReason: TypeAlias = Literal[
    "repeated",
    "too-long",
    "malformed",
    "type",
    "key",
    "signature",
    "claims",
    "method",
    "target",
    "token-hash",
    "other-key",
    "issued-at",
    "expired",
    "not-yet",
    "nonce-missing",
    "nonce-unknown",
    "replayed",
    "unavailable",
]
"""What is wrong with a proof, for whoever looks into a refusal; the caller is told no more than RFC 9449 says."""


class Proved(Struct, frozen=True, gc=False):
    """The sender holds the key with this thumbprint (RFC 7638). `nonce` is a newer one for the answer, "" when that of
    the proof will do for the next request as well."""

    thumbprint: str
    nonce: str


class ProofFault(Struct, frozen=True, gc=False):
    """Why a proof is no good. `needs_nonce`: the same with `nonce` in it may be; `unavailable`: nobody can say now
    whether it was used before."""

    reason: ProofReason
    needs_nonce: bool = False
    nonce: str = ""
    unavailable: bool = False


class ProofClaims(Struct, frozen=True):
    """What a proof says (RFC 9449 section 4.2). Times are Unix seconds."""

    jti: str
    htm: str
    htu: str
    iat: int | float
    exp: int | float | None = None
    nbf: int | float | None = None
    ath: str | None = None
    nonce: str | None = None


class _Holder(Struct, frozen=True):
    """The key of a proof, the one algorithm that it is good for, and its thumbprint."""

    key: Key
    algorithm: str
    thumbprint: str


class Proofs:
    """Checks the proofs of one gateway, for its token endpoint and for all that access tokens are good for.

    The URL that a proof has to name is made of `base_url` and the path of the request, never of what the request says
    about its host. Raises ValueError for a `base_url` that is no URL.
    """

    def __init__(self, *, base_url: str, nonces: Nonces, replay: ReplayCache) -> None:
        base = target_uri(base_url)
        if base is None:
            raise ValueError("the base URL is no http or https URL")
        self._origin, self._prefix = base.origin, base.path.rstrip("/")
        self._nonces, self._replay = nonces, replay
        # A client says its key in every proof, as the same text: reading that costs twice what the signature does.
        self._holders: dict[str, _Holder] = {}

    async def check(
        self,
        proof: bytes,
        method: str,
        path: bytes,
        now_s: float,
        access_token: bytes | None = None,
        *,
        thumbprint: str | None = None,
    ) -> Proved | ProofFault:
        """Section 4.3, for a DPoP header as it was sent. `access_token` is the one that goes with it, else None: then
        an `ath` is not looked at. With `thumbprint` the key has to be that one.

        A proof is used up only when all else is right, so that nobody's wrong proof keeps a right one out.
        """
        read = self._read(proof)
        if isinstance(read, ProofFault):
            return read
        holder, claims = read
        fault = (
            self._request_fault(claims, method, path)
            or _token_fault(claims, access_token)
            or _time_fault(claims, now_s)
        )
        if fault is None and thumbprint is not None and holder.thumbprint != thumbprint:
            fault = ProofFault("other-key")
        if fault is not None:
            return fault
        age = None if claims.nonce is None else self._nonces.age(claims.nonce, now_s)
        if age is None:
            reason: ProofReason = "nonce-missing" if claims.nonce is None else "nonce-unknown"
            return ProofFault(reason, needs_nonce=True, nonce=self._nonces.issue(now_s))
        # Another node's clock may run behind ours and take it for a while longer.
        until_s = claims.iat + PROOF_LIFETIME_S + CLOCK_SKEW_S
        claimed = await self._replay.claim(f"dpop {holder.thumbprint}", claims.jti, now_s, until_s)
        if claimed == "unavailable":
            return ProofFault("unavailable", unavailable=True)
        if claimed == "again":
            return ProofFault("replayed")
        return Proved(holder.thumbprint, "" if age == "fresh" else self._nonces.issue(now_s))

    def _read(self, proof: bytes) -> tuple[_Holder, ProofClaims] | ProofFault:
        """What is said, and by whom: everything about a proof that has to do with neither time nor request."""
        if len(proof) > PROOF_BYTES_MAX:
            return ProofFault("too-long")
        text = proof.decode("latin-1")
        contents = contents_of(text)
        if contents is None:
            return ProofFault("repeated" if proof == REPEATED else "malformed")
        if media_type(contents.header) != _TYPE:
            return ProofFault("type")
        spelt = text[: text.index(".")]
        known = self._holders.get(spelt)
        holder = known or _holder(contents.header)
        if holder is None:
            return ProofFault("key")
        if not is_signed_by(text, holder.key, holder.algorithm):
            return ProofFault("signature")
        if known is None:
            self._remember(spelt, holder)
        try:
            claims = convert(contents.claims, ProofClaims)
        except ValidationError:
            return ProofFault("claims")
        return (holder, claims) if 0 < len(claims.jti) <= JTI_CHARACTERS_MAX else ProofFault("claims")

    def _remember(self, spelt: str, holder: _Holder) -> None:
        if len(self._holders) >= _KEYS_MAX:
            del self._holders[next(iter(self._holders))]
        self._holders[spelt] = holder

    def _request_fault(self, claims: ProofClaims, method: str, path: bytes) -> ProofFault | None:
        if claims.htm != method:
            return ProofFault("method")
        asked = request_path(path)
        if asked is None or target_uri(claims.htu) != TargetUri(self._origin, self._prefix + asked):
            return ProofFault("target")
        return None


def _token_fault(claims: ProofClaims, access_token: bytes | None) -> ProofFault | None:
    """`ath` is the hash of the token's ASCII characters."""
    if access_token is None:
        return None
    expected = base64.urlsafe_b64encode(hashlib.sha256(access_token).digest()).rstrip(b"=")
    said = (claims.ath or "").encode("utf-8", "surrogatepass")
    return None if hmac.compare_digest(said, expected) else ProofFault("token-hash")


def _time_fault(claims: ProofClaims, now_s: float) -> ProofFault | None:
    latest_s = now_s + CLOCK_SKEW_S
    # Spelt so that whatever is no number that compares is refused.
    if not now_s - PROOF_LIFETIME_S <= claims.iat <= latest_s:
        return ProofFault("issued-at")
    if claims.exp is not None and not claims.exp > now_s:
        return ProofFault("expired")
    if claims.nbf is not None and not claims.nbf <= latest_s:
        return ProofFault("not-yet")
    return None


def _holder(header: dict[str, Any]) -> _Holder | None:
    """The key in a header, where it is a public one and decides on the very algorithm that the header says.

    All else that a header may say about keys, such as `kid`, `jku` or `x5c`, is not looked at.
    """
    jwk = header.get("jwk")
    if not isinstance(jwk, dict) or jwk.keys() & PRIVATE_MEMBERS:
        return None
    try:
        key = import_key(jwk)
        algorithm = algorithm_of(key)
        if algorithm is None or header.get("alg") != algorithm:
            return None
        return _Holder(key, algorithm, key.thumbprint())
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        return None
