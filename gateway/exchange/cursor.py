"""Cursors: a place in a list as opaque text. Sealed, because a place may be a key that the view does not grant."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.plan import Plan

_NONCE_BYTES = 12
_COUNT_MAX = 2**32 - 1
AFTER_BYTES_MAX = 512
"""A longer place is no key and no token of a backend: a cursor of it would outgrow what a URL should carry."""
_TEXT_MAX = 1024


class Cursors:
    """Seals and opens cursors with AES-256-GCM under `key` (32 bytes), each bound to its partner and product."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        # A nonce must never come twice under one key: eight random bytes for this process, four that count.
        self._process, self._sealed = secrets.token_bytes(_NONCE_BYTES - 4), 0

    def seal(self, after: str, plan: Plan) -> str:
        """The cursor for the page after `after`."""
        if self._sealed == _COUNT_MAX:
            self._process, self._sealed = secrets.token_bytes(_NONCE_BYTES - 4), 0
        self._sealed += 1
        nonce = self._process + self._sealed.to_bytes(4)
        sealed = nonce + self._cipher.encrypt(nonce, after.encode(), _place(plan))
        return urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, cursor: str, plan: Plan) -> str | None:
        """What was sealed, or None: altered, of another partner or list, or none of ours."""
        if not cursor or len(cursor) > _TEXT_MAX:
            return None
        try:
            sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _place(plan)).decode()
        except (ValueError, InvalidTag):
            return None


def _place(plan: Plan) -> bytes:
    return f"{plan.contract.partner}\n{plan.product}".encode()
