"""What encrypts the keys that encrypt secrets at rest: a key of the environment, or an engine that keeps its own."""

import base64
import binascii
import hashlib
import hmac
import os
import re
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.store.hidden import Hidden

KEY_BYTES = 32
_NONCE_BYTES = 12
_ENTRIES = re.compile(r"[\s,]+")


class KeyEncryptionError(Exception):
    """Nothing was encrypted or decrypted. The text says why, and holds no value that was given or received."""


class BadKeyError(Exception):
    """What the settings give is no key; the text names the setting and the entry, never the value."""


class KeyEncryption(Protocol):
    """A key that never leaves where it is (a KMS, in one word). `context` says what is encrypted, and what was
    encrypted for one purpose is not decrypted for another."""

    @property
    def key_id(self) -> str:
        """Names the key, in letters, digits, `.`, `_` and `-`; stands beside all that it encrypted."""
        ...

    async def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """At most 4 KiB. Raises KeyEncryptionError."""
        ...

    async def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        """What `encrypt` was given with this context. Raises KeyEncryptionError."""
        ...


class LocalKey:
    """AES-256-GCM (NIST SP 800-38D) under a key that the process was given: a random nonce of 96 bits, the ciphertext
    with its tag. Its id is derived from the key and says nothing of it."""

    def __init__(self, key: Hidden[bytes]) -> None:
        self._cipher = AESGCM(key.reveal())
        self.key_id = f"key-{hmac.digest(key.reveal(), b'clausegate key id v1', hashlib.sha256).hex()[:16]}"

    async def encrypt(self, plain: bytes, context: bytes) -> bytes:
        return seal(self._cipher, plain, context)

    async def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        return unseal(self._cipher, sealed, context)


def seal(cipher: AESGCM, plain: bytes, context: bytes) -> bytes:
    """Nonce and ciphertext, `context` authenticated with them."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, context)


def unseal(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    """What `seal` was given. Raises KeyEncryptionError."""
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise KeyEncryptionError("what is sealed was changed, or belongs elsewhere") from None


def local_keys(text: str) -> tuple[LocalKey, ...]:
    """The keys of `key_encryption_key`: 32 bytes in base64 each, separated by spaces or commas. Raises BadKeyError."""
    return tuple(_local_key(entry, number) for number, entry in enumerate(filter(None, _ENTRIES.split(text)), 1))


def _local_key(entry: str, number: int) -> LocalKey:
    try:
        key = base64.b64decode(entry.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadKeyError(f"key_encryption_key: entry {number} is not {KEY_BYTES} bytes in base64")
    return LocalKey(Hidden(key))
