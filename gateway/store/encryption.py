"""Secrets at rest: each sealed under a data key of its own, which a key encryption key has encrypted.

A sealed value is ASCII: `clausegate-sealed:1:<id of the key>:<encrypted data key>:<nonce and ciphertext>`, the last two
in base64url. All that stands before the last colon is authenticated with the value, and so is what the value is for: a
value that was moved to another row, or put under another key's name, does not open.
"""

import asyncio
import base64
import binascii
from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from gateway.store.hidden import Hidden
from gateway.store.key_encryption import KEY_BYTES, KeyEncryption, KeyEncryptionError, seal, unseal

_MARK = b"clausegate-sealed:1:"
_KEPT_MAX = 64
SIGNING_KEY, SERVER_SECRET = "signing key", "server secret"
"""Kinds of secrets."""


class Purpose(Struct, frozen=True):
    """What a secret is for, and whose it is: a kind, and its name among those of the kind."""

    kind: str
    name: str

    @property
    def context(self) -> str:
        """What a sealed value is bound to."""
        return f"clausegate {self.kind} v1\n{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Encryption:
    """What seals secrets and opens them. The first of `keys` seals, each opens what it sealed; without any, secrets are
    kept as they are, and what is sealed stays closed.

    What was opened once is kept in memory: an engine is asked once for each value in the life of a process.
    """

    def __init__(self, keys: Iterable[KeyEncryption] = ()) -> None:
        self._keys: dict[str, KeyEncryption] = {}
        for key in keys:
            self._keys.setdefault(key.key_id, key)
        self._first = next(iter(self._keys.values()), None)
        self._opened: dict[tuple[bytes, Purpose], Hidden[bytes]] = {}
        self._opening: dict[tuple[bytes, Purpose], asyncio.Task[bytes]] = {}

    @property
    def key_id(self) -> str:
        """The id of the key that seals; empty: nothing is sealed."""
        return "" if self._first is None else self._first.key_id

    def knows(self, value: bytes) -> bool:
        """Whether the key is there that opens the value; what is not sealed needs none."""
        return (sealed_by(value) or self.key_id) in {*self._keys, self.key_id}

    async def seal(self, plain: bytes, purpose: Purpose) -> bytes:
        """The value to keep. Raises KeyEncryptionError."""
        if self._first is None:
            return plain
        data_key = AESGCM.generate_key(KEY_BYTES * 8)
        wrapped = await self._first.encrypt(data_key, purpose.context.encode())
        head = b"%b%b:%b" % (_MARK, self.key_id.encode(), base64.urlsafe_b64encode(wrapped))
        sealed = seal(AESGCM(data_key), plain, _bound(head, purpose))
        return b"%b:%b" % (head, base64.urlsafe_b64encode(sealed))

    async def open(self, value: bytes, purpose: Purpose) -> bytes:
        """The secret in a value that is kept for `purpose`. Raises KeyEncryptionError.

        Who waits no longer does not end the asking: the answer is there for who comes next.
        """
        if not value.startswith(_MARK):
            return value
        name = (value, purpose)
        if name in self._opened:
            return self._opened[name].reveal()
        task = self._opening.get(name)
        if task is None:
            task = self._opening[name] = asyncio.get_running_loop().create_task(self._open(value, purpose))
            task.add_done_callback(lambda done: self._keep(name, done))
        return await asyncio.shield(task)

    def _keep(self, name: tuple[bytes, Purpose], done: "asyncio.Task[bytes]") -> None:
        del self._opening[name]
        if done.cancelled() or done.exception() is not None:
            return
        while len(self._opened) >= _KEPT_MAX:
            del self._opened[next(iter(self._opened))]
        self._opened[name] = Hidden(done.result())

    async def _open(self, value: bytes, purpose: Purpose) -> bytes:
        key_id = sealed_by(value)
        key = self._keys.get(key_id)
        if key is None:
            raise KeyEncryptionError(unknown(key_id))
        head, _, sealed = value.rpartition(b":")
        try:
            wrapped = base64.b64decode(head.rpartition(b":")[2], altchars=b"-_", validate=True)
            ciphertext = base64.b64decode(sealed, altchars=b"-_", validate=True)
            cipher = AESGCM(await key.decrypt(wrapped, purpose.context.encode()))
        except (binascii.Error, ValueError):
            raise KeyEncryptionError("what is sealed was damaged") from None
        return unseal(cipher, ciphertext, _bound(head, purpose))


def sealed_by(value: bytes) -> str:
    """The id of the key that a value is sealed under; empty: it is not sealed."""
    if not value.startswith(_MARK):
        return ""
    return value[len(_MARK) :].partition(b":")[0].decode("ascii", "replace") or "?"


def unknown(key_id: str) -> str:
    """What to say of a value whose key is not there."""
    return (
        f"sealed under {key_id}, a key that neither key_encryption_key nor key_encryption_url of clausegate.toml "
        "gives; with that key it opens, and nothing was changed"
    )


def _bound(head: bytes, purpose: Purpose) -> bytes:
    return head + b"\n" + purpose.context.encode()
