"""Who may use an access token: the one whom it was issued to, who shows the key or certificate that it is bound to.

Every door asks here: exchanges, what partners do for themselves, the published log, calls of partners' interfaces.
"""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from gateway.oauth.certificate import Certificate
from gateway.oauth.certificates import AuthorityFault
from gateway.oauth.dpop import PROOF_ALGORITHMS, ProofFault, Proofs
from gateway.oauth.grant import Admitted, Grant, Presented, Rejected
from gateway.oauth.verify import BEARER, DPOP, INVALID, TokenVerifier

Headers = tuple[tuple[bytes, bytes], ...]

HolderReason: TypeAlias = Literal[
    "token-not-bound", "token-needs-proof", "certificate-missing", "certificate-other", "proof-missing", AuthorityFault
]
"""Why whoever shows a good token is not taken for its holder; of a proof that is no good it is `proof-` and the reason
of gateway/oauth/dpop.py."""
StandingOf: TypeAlias = Callable[[str, Certificate, float], AuthorityFault | None]
"""Says of a client (its id) and the certificate that its token is bound to, at a time (Unix seconds), why that is worth
less than when the token was issued; None for nothing: gateway/oauth/standing.py."""

_CHALLENGE: Final = b"www-authenticate"
_NONCE: Final = b"dpop-nonce"
_BEARER_BEGINS: Final = b"Bb"
_RETRY: Headers = ((b"retry-after", b"5"),)
"""A cache that everybody shares comes back, or somebody has to see to it: no use in asking at once."""


def unasked(_client_id: str, _certificate: Certificate, _now_s: float) -> None:
    """Where no lists of revoked certificates are looked at."""


class Guard:
    """Checks what a request shows against what its token is bound to.

    `metadata_url` is where the gateway says what it expects of clients (RFC 9728 section 5.1): it is in each challenge.
    A challenge is one line of all schemes that would do, or of the scheme that was tried and failed.
    `standing_of` tells of certificates that were withdrawn since.
    """

    def __init__(
        self, verifier: TokenVerifier, proofs: Proofs, *, metadata_url: str, standing_of: StandingOf = unasked
    ) -> None:
        self._verify, self._proofs, self._standing_of = verifier.verify, proofs, standing_of
        metadata = f'resource_metadata="{metadata_url}"'
        self._dpop = f'algs="{" ".join(PROOF_ALGORITHMS)}", {metadata}'
        either = f"DPoP {self._dpop}"
        self._bare = _challenge(f"Bearer {metadata}, {either}")
        self._bad_token = _challenge(f'Bearer error="invalid_token", {metadata}, {either}')
        self._bad_dpop_token = self._of_dpop("invalid_token")
        self._bad_proof = self._of_dpop("invalid_dpop_proof")
        self._needs_nonce = self._of_dpop("use_dpop_nonce")

    async def admit(self, shown: Presented, now_s: float) -> Admitted | Rejected:
        """Whether the caller is who the token was issued to, at `now_s` (Unix seconds)."""
        authorization = shown.authorization
        grant = self._verify(authorization, now_s)
        if isinstance(grant, Rejected):
            return self._challenged(grant, authorization)
        assert authorization is not None  # noqa: S101 - without one there is no grant
        bearer = authorization[0] in _BEARER_BEGINS
        if grant.binding == "none":
            return Admitted(grant) if bearer else self._unfit(grant, "token-not-bound", bearer)
        if grant.binding == "mtls":
            return self._by_certificate(grant, shown.certificate, bearer, now_s)
        if bearer:
            return self._unfit(grant, "token-needs-proof", bearer)
        return await self._by_proof(grant, shown, authorization[len(DPOP) :], now_s)

    def _by_certificate(
        self, grant: Grant, certificate: Certificate | None, bearer: bool, now_s: float
    ) -> Admitted | Rejected:
        """RFC 8705 section 3."""
        if not bearer:
            return self._unfit(grant, "token-not-bound", bearer)
        if certificate is None:
            return self._unfit(grant, "certificate-missing", bearer)
        if certificate.thumbprint != grant.thumbprint:
            return self._unfit(grant, "certificate-other", bearer)
        fault = self._standing_of(grant.client, certificate, now_s)
        return Admitted(grant) if fault is None else self._unfit(grant, fault, bearer)

    async def _by_proof(self, grant: Grant, shown: Presented, token: bytes, now_s: float) -> Admitted | Rejected:
        """RFC 9449 section 7.1."""
        if shown.proof is None:
            return _refused(grant, "invalid-dpop-proof", self._bad_proof, "proof-missing")
        found = await self._proofs.check(
            shown.proof, shown.method, shown.path, now_s, token, thumbprint=grant.thumbprint
        )
        if not isinstance(found, ProofFault):
            return Admitted(grant, ((_NONCE, found.nonce.encode()),) if found.nonce else ())
        reason = f"proof-{found.reason}"
        if found.unavailable:
            return _refused(grant, "state-unavailable", _RETRY, reason)
        if found.needs_nonce:
            headers = (*self._needs_nonce, (_NONCE, found.nonce.encode()))
            return _refused(grant, "use-dpop-nonce", headers, reason)
        if found.reason == "other-key":
            return self._unfit(grant, "proof-other-key", bearer=False)
        return _refused(grant, "invalid-dpop-proof", self._bad_proof, reason)

    def _unfit(self, grant: Grant, reason: HolderReason | Literal["proof-other-key"], bearer: bool) -> Rejected:
        """A good token in the wrong hands, or shown in the wrong way."""
        return _refused(grant, INVALID.code, self._bad_token if bearer else self._bad_dpop_token, reason)

    def _challenged(self, rejected: Rejected, authorization: bytes | None) -> Rejected:
        """A token that is none, or no longer good."""
        headers = self._bare
        if rejected.error:
            tried = (authorization or b"")[: len(BEARER)].lower()
            headers = self._bad_dpop_token if tried.startswith(DPOP) else self._bad_token
        return Rejected(rejected.error, rejected.code, headers, rejected.partner, rejected.client, rejected.reason)

    def _of_dpop(self, error: str) -> Headers:
        return _challenge(f'DPoP error="{error}", {self._dpop}')


_ERRORS: Final = {
    "invalid-token": "invalid_token",
    "invalid-dpop-proof": "invalid_dpop_proof",
    "use-dpop-nonce": "use_dpop_nonce",
}
"""By code: what OAuth calls it."""


def _refused(grant: Grant, code: str, headers: Headers, reason: str) -> Rejected:
    return Rejected(_ERRORS.get(code, ""), code, headers, grant.partner, grant.client, reason)


def _challenge(text: str) -> Headers:
    return ((_CHALLENGE, text.encode()),)
