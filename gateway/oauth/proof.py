"""A DPoP proof as a client makes it (RFC 9449 section 4.2): for the demo, the commands and tests, which are clients."""

import base64
import hashlib
import secrets
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from msgspec import Struct

from gateway.oauth.jose import OneAlgorithm, algorithm_of

_JTI_BYTES = 16
_RSA_BITS_MIN = 2048
_PUBLIC = {"EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x"), "RSA": ("kty", "n", "e")}
"""The members of a public key that make it what it is (RFC 7638 section 3.2); a proof holds no other."""


class ProofKey(Struct, frozen=True):
    """A private key that proofs are signed with, and the algorithm that it is good for."""

    key: ECKey | OKPKey | RSAKey
    algorithm: str

    @property
    def thumbprint(self) -> str:
        """What a token is bound to (`cnf.jkt`): RFC 7638, SHA-256."""
        return str(self.key.thumbprint())


def read_proof_key(pem: bytes) -> ProofKey | None:
    """A private key in PEM, without a password: P-256, Ed25519, or RSA of 2048 bits or more. None for anything else."""
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    kinds: dict[type[Any], Any] = {EllipticCurvePrivateKey: ECKey, Ed25519PrivateKey: OKPKey, RSAPrivateKey: RSAKey}
    kind = next((kind for of, kind in kinds.items() if isinstance(private, of)), None)
    if kind is None or (isinstance(private, RSAPrivateKey) and private.key_size < _RSA_BITS_MIN):
        return None
    key = kind.import_key(pem)
    algorithm = algorithm_of(key)
    return None if algorithm is None else ProofKey(key, algorithm)


def make_proof(
    key: ProofKey, method: str, url: str, now_s: float, *, token: str | None = None, nonce: str | None = None
) -> str:
    """A proof for one request. `url` may have a query: a proof names the address without. `token` is the access token
    that goes with the request, `nonce` what the server's last DPoP-Nonce said."""
    claims: dict[str, Any] = {
        "jti": secrets.token_urlsafe(_JTI_BYTES),
        "htm": method,
        "htu": url.partition("#")[0].partition("?")[0],
        "iat": int(now_s),
    }
    if token is not None:
        claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
    if nonce is not None:
        claims["nonce"] = nonce
    whole = key.key.as_dict(private=False)
    public = {name: whole[name] for name in _PUBLIC[str(whole["kty"])]}
    header = {"typ": "dpop+jwt", "alg": key.algorithm, "jwk": public}
    return jws.serialize_compact(header, msgspec.json.encode(claims), key.key, registry=OneAlgorithm(key.algorithm))
