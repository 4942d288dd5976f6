"""Signatures of Standard Webhooks 1.0.0, symmetric scheme v1: HMAC-SHA256 over id, time of the attempt, and body."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from gateway.store.hidden import Hidden

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
"""Standard Webhooks asks for 24 to 64 bytes."""
_NONCE_BYTES: Final = 12
SEALING_SECRET: Final = "webhook-secrets"  # noqa: S105 - the name, not the secret
"""The server's secret under which those of endpoints are sealed."""


def new_secret() -> Hidden[str]:
    """A new secret as it is shown to its owner: whsec_ and base64 of 256 random bits."""
    return Hidden(_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode())


def signature_header(keys: Iterable[Hidden[str]], message: str, time_s: int, body: bytes) -> str:
    """The `webhook-signature` header: one signature for each secret, parted by spaces, so that secrets can change
    without an outage. `message` must hold no full stop."""
    signed = f"{message}.{time_s}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(_hmac(key, signed)).decode()}" for key in keys)


def _hmac(key: Hidden[str], signed: bytes) -> bytes:
    return hmac.digest(base64.b64decode(key.reveal().removeprefix(_PREFIX)), signed, hashlib.sha256)


class Sealing:
    """Secrets of endpoints as the state store keeps them: AES-256-GCM-SIV (RFC 8452), bound to the endpoint's id.

    They have to be known again to sign with, so a hash does not do. The key is a secret of the server, in the same
    store: sealing keeps them out of dumps of single tables, and the store itself is to be kept closed.
    """

    def __init__(self, key: Hidden[bytes]) -> None:
        self._cipher = AESGCMSIV(key.reveal())

    def seal(self, secret: Hidden[str], endpoint: str) -> bytes:
        """The secret for the store."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.reveal().encode(), endpoint.encode())

    def open(self, sealed: bytes, endpoint: str) -> Hidden[str] | None:
        """The secret again; None for what was not sealed for this endpoint by this server."""
        try:
            found = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], endpoint.encode())
        except (InvalidTag, ValueError):
            return None
        return Hidden(found.decode())
