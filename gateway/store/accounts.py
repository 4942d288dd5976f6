"""Local accounts of the console: argon2id passwords, a role, a language."""

import asyncio
import base64
import re
import secrets
import time
from collections.abc import Callable
from typing import Literal, TypeAlias

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.schema import accounts
from gateway.store.store import Store
from policies.reference import Language

Role: TypeAlias = Literal["operator", "ops", "legal"]

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
PASSWORD_LENGTH_MIN = 12
# Argon2 reads all of it: longer input is work for us, not strength for anybody.
_PASSWORD_BYTES_MAX = 256
# Each check takes 64 MiB: a few at a time, or a flood of logins takes the memory of the gateway.
_CHECKS_AT_ONCE = 2


class Account(Struct, frozen=True):
    """Who may use the console. No password, no hash."""

    username: str
    role: Role
    language: Language
    created_s: int


class AccountFault(Struct, frozen=True):
    """Why an account was not made. `reason` may be shown to the operator."""

    reason: str


class Accounts:
    """The accounts in a store. `hasher` and `now` are arguments for the sake of tests."""

    def __init__(
        self, store: Store, *, hasher: PasswordHasher | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._hasher = hasher or PasswordHasher(type=Type.ID)  # RFC 9106, second recommendation: 64 MiB, 3 passes
        self._now = now
        self._turn = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._nobody = _unmatchable(self._hasher)

    async def create(self, username: str, password: str, role: Role, language: Language) -> Account | AccountFault:
        """Make an account, or say why not: a bad name, a short or overlong password, a name that is taken."""
        if not _USERNAME.fullmatch(username):
            return AccountFault("a username is 1 to 64 of a-z, 0-9 and . _ @ -, and begins with a letter or digit")
        if len(password) < PASSWORD_LENGTH_MIN or len(password.encode()) > _PASSWORD_BYTES_MAX:
            return AccountFault(
                f"a password has at least {PASSWORD_LENGTH_MIN} characters and at most {_PASSWORD_BYTES_MAX} bytes"
            )
        account = Account(username, role, language, int(self._now()))
        row = {name: getattr(account, name) for name in account.__struct_fields__}
        async with self._turn:
            row["password_hash"] = await asyncio.to_thread(self._hasher.hash, password)
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(accounts).values(row))
        except IntegrityError:
            return AccountFault("the username is taken")
        return account

    async def check(self, username: str, password: str) -> Account | None:
        """The account if the password is its own. An unknown name takes as long as a wrong password.

        Raises StoreError.
        """
        if not _USERNAME.fullmatch(username) or len(password.encode(errors="replace")) > _PASSWORD_BYTES_MAX:
            username = ""
        async with self._store.read() as connection:
            row = (await connection.execute(select(accounts).where(accounts.c.username == username))).one_or_none()
        async with self._turn:
            stored = row.password_hash if row is not None else self._nobody
            right = await asyncio.to_thread(self._verified, stored, password[:_PASSWORD_BYTES_MAX])
        if row is None or not right:
            return None
        if self._hasher.check_needs_rehash(row.password_hash):
            await self._rehash(username, password)
        return Account(row.username, row.role, row.language, row.created_s)

    async def set_language(self, username: str, language: Language) -> bool:
        """Keep the language that a person switched to. False if there is no such account."""
        async with self._store.write() as connection:
            result = await connection.execute(
                update(accounts).where(accounts.c.username == username).values(language=language)
            )
            return result.rowcount == 1

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    async def _rehash(self, username: str, password: str) -> None:
        async with self._turn:
            renewed = await asyncio.to_thread(self._hasher.hash, password)
        async with self._store.write() as connection:
            await connection.execute(
                update(accounts).where(accounts.c.username == username).values(password_hash=renewed)
            )


def _unmatchable(hasher: PasswordHasher) -> str:
    """A hash with the cost of a real one that no known password has: random bytes in the place of a digest."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
