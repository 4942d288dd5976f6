"""The algorithms of signatures (RFC 9421 section 3.3), each with the one kind of key that it goes with."""

import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, import_key

from gateway.oauth.jose import algorithm_of
from gateway.store.clients import ClientKey

P256 = "ecdsa-p256-sha256"
ALGORITHMS: Mapping[str, str] = {"PS256": "rsa-pss-sha512", "ES256": P256, "EdDSA": "ed25519"}
"""What a registered key signs with, by what it signs assertions with: decided by the key, never by the message."""

_COORDINATE_BYTES = 32
_SALT_BYTES = 64


def is_signed_by(key: ClientKey, signature: bytes, base: bytes) -> bool:
    """Whether the signature over a signature base is this key's."""
    try:
        registered = import_key(json.loads(key.jwk))
    except (JoseError, ValueError):
        return False
    if algorithm_of(registered) != key.alg:
        return False
    public: Any = registered.public_key
    try:
        if key.alg == "PS256":
            salted = padding.PSS(padding.MGF1(hashes.SHA512()), _SALT_BYTES)
            public.verify(signature, base, salted, hashes.SHA512())
        elif key.alg == "ES256":
            public.verify(_der(signature), base, ec.ECDSA(hashes.SHA256()))
        else:
            public.verify(signature, base)
    except (InvalidSignature, ValueError):
        return False
    return True


def _der(signature: bytes) -> bytes:
    """r and s side by side (section 3.3.4), as the library takes them. Raises ValueError."""
    if len(signature) != 2 * _COORDINATE_BYTES:
        raise ValueError("not r and s")
    r, s = signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]
    return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))


def sign_p256(key: ECKey, base: bytes) -> bytes:
    """Sign a signature base with a P-256 key, by `P256`."""
    private: Any = key.private_key
    r, s = decode_dss_signature(private.sign(base, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)
