"""Cookies that nobody but the gateway can read or make up: sealed under a key of the server."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from gateway.store.hidden import Hidden

_NONCE_BYTES: Final = 12
_CHARACTERS_MAX: Final = 3_000


class SealedText:
    """Seals by AES-256-GCM-SIV (RFC 8452). `what` says what it is: sealed as one thing, it opens as no other."""

    def __init__(self, key: Hidden[bytes]) -> None:
        self._cipher = AESGCMSIV(key.reveal())

    def seal(self, content: bytes, what: bytes) -> str:
        """As base64url, for a cookie."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, content, what)).decode()

    def open(self, text: str, what: bytes) -> bytes | None:
        """The content again; None for what was not sealed under this key as this."""
        if not text.isascii() or len(text) > _CHARACTERS_MAX:
            return None
        try:
            sealed = urlsafe_b64decode(text)
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], what)
        except (InvalidTag, ValueError):
            return None
