"""A partner's keys for keyed techniques: derived from one secret of the hub, so that nothing has to be stored for each.

Each partner has keys of its own, so two partners cannot join their extracts; each version of a key is another key,
so a contract can begin new pseudonyms; each purpose and field has its own, so that nothing is learnt by comparing
columns.
"""

from collections.abc import Callable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def hmac_sha256(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA-256 (RFC 2104) under one key, its schedule made once: a third of what a call from scratch takes."""
    started = HMAC(key, SHA256())

    def authenticate(data: bytes) -> bytes:
        mac = started.copy()
        mac.update(data)
        return mac.finalize()

    return authenticate


class PartnerKeys:
    """The keys of one partner. `secret` is the hub's, 32 random bytes."""

    __slots__ = ("_secret", "partner")

    def __init__(self, secret: bytes, partner: str) -> None:
        self._secret, self.partner = secret, partner

    def derive(self, purpose: str, version: int, length: int = 32) -> bytes:
        """`length` bytes for one purpose and version: HKDF-SHA-256 (RFC 5869)."""
        info = f"clausegate\n{self.partner}\n{purpose}\n{version}".encode()
        return HKDF(SHA256(), length, None, info).derive(self._secret)

    def __repr__(self) -> str:
        """Without the secret."""
        return f"PartnerKeys({self.partner!r})"
