"""Cursors: a place in a list as opaque text. Sealed, because a place may be a key that the view does not grant."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

_NONCE = bytes(12)
AFTER_BYTES_MAX = 512
"""A longer place is no key and no token of a backend: a cursor of it would outgrow what a URL should carry."""
_TEXT_MAX = 1024


class Cursors:
    """Seals and opens cursors under `key` (32 bytes), each bound to its place: partner, list, filter and order.

    AES-256-GCM-SIV (RFC 8452) with one nonce for all: the same place seals to the same cursor, so a page that did not
    change keeps its ETag. What that tells, that two cursors are equal, their holder knows anyway.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCMSIV(key)

    def seal(self, after: str, place: bytes) -> str:
        """The cursor for the page after `after`."""
        return _text(self._cipher.encrypt(_NONCE, after.encode(), place))

    def open(self, cursor: str, place: bytes) -> str | None:
        """What was sealed, or None: altered, of another partner or list, or none of ours.

        Base64 can be written in more than one way; a cursor cannot.
        """
        if not cursor or len(cursor) > _TEXT_MAX:
            return None
        try:
            sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            after = self._cipher.decrypt(_NONCE, sealed, place).decode()
        except (ValueError, InvalidTag):
            return None
        return after if _text(sealed) == cursor else None


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()
