"""What a login by the identity provider remembers until the person comes back: sealed, in a cookie of ten minutes.

Not in memory: the person may come back to another process. Sealed, so that neither the person nor whoever reads the
cookie learns the code verifier (RFC 7636), and nobody makes a transaction up.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from msgspec import Struct

from gateway.store.hidden import Hidden

LIFETIME_S: Final = 600
_NONCE_BYTES: Final = 12
_WHAT: Final = b"clausegate login by the identity provider"
_COOKIE_CHARACTERS_MAX: Final = 3_000


class Transaction(Struct, frozen=True):
    """`state`, `nonce` and `verifier` are random; `target` is the page of ours that was asked for."""

    state: str
    nonce: str
    verifier: str
    target: str
    begun_s: int

    def __repr__(self) -> str:
        return "Transaction()"


def new_transaction(target: str, now_s: float) -> Transaction:
    """256 random bits each; a verifier has 43 to 128 characters (RFC 7636 section 4.1)."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Transaction(state, nonce, verifier, target, int(now_s))


class Transactions:
    """Seals transactions by AES-256-GCM-SIV (RFC 8452), under a key of the server."""

    def __init__(self, key: Hidden[bytes]) -> None:
        self._cipher = AESGCMSIV(key.reveal())

    def seal(self, transaction: Transaction) -> str:
        """The value of the cookie."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return urlsafe_b64encode(
            nonce + self._cipher.encrypt(nonce, msgspec.msgpack.encode(transaction), _WHAT)
        ).decode()

    def open(self, cookie: str, now_s: float) -> Transaction | None:
        """The transaction again; None for one that is over, and for what this gateway did not seal."""
        if not cookie.isascii() or len(cookie) > _COOKIE_CHARACTERS_MAX:
            return None
        try:
            sealed = urlsafe_b64decode(cookie)
            found = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _WHAT)
            transaction = msgspec.msgpack.decode(found, type=Transaction)
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            return None
        return transaction if 0 <= now_s - transaction.begun_s < LIFETIME_S else None
