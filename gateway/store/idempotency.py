"""Idempotency keys: a change that is asked for twice is made once, and the second asker gets the first one's answer.

What is stored tells nothing without the caller's own key, which is stored nowhere: rows are named by a value derived
from it, the answer is sealed under another (HKDF-SHA-256, RFC 5869; AES-256-GCM-SIV, RFC 8452). Who has the database,
the server's secret included, and cannot guess the key, reads no answer and tries no bodies against a fingerprint.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from typing import TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct
from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.hidden import Hidden
from gateway.store.schema import idempotency_keys as table
from gateway.store.store import Store

KEEP_S = 86_400
"""How long a key is remembered."""
IN_FLIGHT_S_MAX = 300
"""No change takes longer: a look at the record and the change itself, each within a backend's `timeout_ms`, which is at
most 120 s. Whoever claimed a key longer ago than that and left it unsettled will not settle it any more."""
ANSWER_BYTES_MAX = 256 * 1024
"""The largest body that is kept; of a larger one only the status is repeated."""
KEY_CHARACTERS_MAX = 255
_EXPIRED_PER_CLAIM_MAX = 100
_TRIES_MAX = 3
_NONCE_BYTES = 12
_NOBODY = ""

# RFC 9651: sf-string. A bare value may hold nothing that would make it a list, a parameter or a quoted string.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-+\--:<-\[\]-~]+")


class _Row(Struct, frozen=True):
    """What is stored under a key; no answer yet while the change is being made."""

    fingerprint: bytes
    owner: str
    created_s: int
    answer: bytes | None


class Claim(Struct, frozen=True):
    """A key that its holder alone may settle. `name` names its row; `sealing` is what its answer is sealed under."""

    name: bytes
    created_s: int
    sealing: Hidden[bytes]


class Fresh(Struct, frozen=True):
    """The key is new, and now the caller's: make the change."""

    claim: Claim


class InFlight(Struct, frozen=True):
    """Somebody is making this change right now."""


class Unknown(Struct, frozen=True):
    """Somebody began this change, and nobody can say whether it was made."""


class Mismatch(Struct, frozen=True):
    """The key was used for another change."""


class Replay(Struct, frozen=True):
    """The change was made, with this answer. `body` None: it was too large to be kept."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None


Claimed: TypeAlias = Fresh | InFlight | Unknown | Mismatch | Replay


class Idempotency:
    """The keys in a store, for one process named `owner`. Every method raises StoreError.

    A key is remembered for `keep_s` after it was claimed. Until then a change that was begun is never begun again,
    whoever began it and whatever became of it; only `release` says that nothing was done.
    """

    def __init__(self, store: Store, secret: Hidden[bytes], owner: str, *, keep_s: int = KEEP_S) -> None:
        self._store = store
        self._secret = secret
        self._owner = owner
        self._keep_s = keep_s

    async def claim(self, client: str, key: str, fingerprint: bytes, now_s: int) -> Claimed:
        """Take the key for the change that `fingerprint` stands for; of several at once exactly one gets it."""
        name, comparing, sealing = _derived(self._secret, client, key)
        claim = Claim(name, now_s, Hidden(sealing))
        tag = hmac.digest(comparing, fingerprint, "sha256")
        for _ in range(_TRIES_MAX):
            if await self._inserted(claim, tag):
                return Fresh(claim)
            found = await self._found(claim)
            if found is not None:
                return _judged(found, claim, tag)
        return InFlight()  # others take and free it faster than we look

    async def settle(self, claim: Claim, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Keep the answer for those who ask again."""
        kept = body if len(body) <= ANSWER_BYTES_MAX else None
        answer = _sealed(claim, Replay(status, tuple(headers), kept))
        async with self._store.write() as connection:
            await connection.execute(update(table).where(self._held(claim)).values(answer=answer))

    async def release(self, claim: Claim) -> None:
        """Forget the key: the change was not made, and may be asked for again."""
        async with self._store.write() as connection:
            await connection.execute(delete(table).where(self._held(claim)))

    async def abandon(self, claim: Claim) -> None:
        """Say that nobody will settle the key, without waiting until that is plain from its age."""
        async with self._store.write() as connection:
            await connection.execute(update(table).where(self._held(claim)).values(owner=_NOBODY))

    def _held(self, claim: Claim) -> ColumnElement[bool]:
        """The claim's own row, not one that somebody has made after it expired."""
        mine = and_(table.c.name == claim.name, table.c.owner == self._owner)
        return and_(mine, table.c.created_s == claim.created_s, table.c.answer.is_(None))

    async def _inserted(self, claim: Claim, tag: bytes) -> bool:
        """Whether the key was nobody's. The database decides; in passing some expired rows are removed."""
        row = {"name": claim.name, "fingerprint": tag, "owner": self._owner, "created_s": claim.created_s}
        expired = (
            select(table.c.name)
            .where(table.c.created_s <= claim.created_s - self._keep_s)
            .limit(_EXPIRED_PER_CLAIM_MAX)
            .with_for_update(skip_locked=True)  # PostgreSQL: nodes that clear up at once do not wait for each other
        )
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(table).values(row))
                await connection.execute(delete(table).where(table.c.name.in_(expired)))
        except IntegrityError:
            return False
        return True

    async def _found(self, claim: Claim) -> _Row | None:
        """The row of whoever was first; None when it is gone, or has expired and was removed."""
        columns = (table.c.fingerprint, table.c.owner, table.c.created_s, table.c.answer)
        async with self._store.read() as connection:
            found = (await connection.execute(select(*columns).where(table.c.name == claim.name))).one_or_none()
        row = None if found is None else _Row(*found)
        if row is None or claim.created_s - row.created_s < self._keep_s:
            return row
        old = (table.c.name == claim.name, table.c.created_s == row.created_s)
        async with self._store.write() as connection:
            await connection.execute(delete(table).where(*old))
        return None


def read_key(header: bytes) -> str | None:
    """The key in an `Idempotency-Key` header; None when it is none.

    draft-ietf-httpapi-idempotency-key-header makes it a structured string in double quotes (RFC 9651), without
    parameters here. Many programs leave the quotes out, so visible ASCII without `"`, `,`, `;` and backslash is taken
    too; `"k1"` and `k1` are one key. It has 1 to 255 characters.
    """
    text = header.decode("latin-1").strip(" \t")
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        key = re.sub(r"\\(.)", r"\1", quoted.group(1))
    elif _BARE.fullmatch(text):
        key = text
    else:
        return None
    return key if 1 <= len(key) <= KEY_CHARACTERS_MAX else None


def _derived(secret: Hidden[bytes], client: str, key: str) -> tuple[bytes, bytes, bytes]:
    """The row's name, the key that fingerprints are compared under, the key that the answer is sealed under."""
    whose = client.encode()
    info = b"clausegate-idempotency" + len(whose).to_bytes(8) + whose + key.encode()
    material = HKDF(SHA256(), 96, None, info).derive(secret.reveal())
    return material[:32], material[32:64], material[64:]


def _judged(row: _Row, claim: Claim, tag: bytes) -> Claimed:
    """What the row of an earlier claim means for a later one."""
    if not hmac.compare_digest(row.fingerprint, tag):
        return Mismatch()
    if row.answer is not None:
        return _opened(claim, row.answer)
    given_up = row.owner == _NOBODY or claim.created_s - row.created_s >= IN_FLIGHT_S_MAX
    return Unknown() if given_up else InFlight()


def _sealed(claim: Claim, answer: Replay) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCMSIV(claim.sealing.reveal()).encrypt(nonce, msgspec.msgpack.encode(answer), claim.name)


def _opened(claim: Claim, sealed: bytes) -> Replay | Unknown:
    """The answer; what somebody else has put into the database is none."""
    nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        answer = AESGCMSIV(claim.sealing.reveal()).decrypt(nonce, text, claim.name)
        return msgspec.msgpack.decode(answer, type=Replay)
    except (InvalidTag, ValueError):  # msgspec.DecodeError is a ValueError
        return Unknown()
