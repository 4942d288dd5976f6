"""Accounts of people: local ones with argon2id passwords and a second factor, and those of an identity provider."""

import asyncio
import base64
import re
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.people.guesses import MISSES_MAX, Guessed
from gateway.people.roles import Role, Seat, seat_of
from gateway.people.totp import SEALING_SECRET, new_totp_secret, step_of
from gateway.store.hidden import Hidden
from gateway.store.schema import accounts, console_sessions
from gateway.store.server_secrets import ServerSecrets
from gateway.store.store import Store
from gateway.webhooks.signing import Sealing
from policies.reference import Language

__all__ = ["PASSWORD_LENGTH_MIN", "Account", "AccountFault", "Accounts", "Role"]

_log = structlog.get_logger(__name__)

# No colon, which is in every name of somebody from an identity provider: neither can take the other's.
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
PASSWORD_LENGTH_MIN: Final = 12
# Argon2 reads all of it: longer input is work for us, not strength for anybody.
_PASSWORD_BYTES_MAX = 256
# Each check takes 64 MiB: a few at a time, or a flood of logins takes the memory of the gateway.
_CHECKS_AT_ONCE = 2
_FIELDS = ("username", "role", "language", "created_s", "disabled", "partner", "subject")
_rows = accounts.c


class Account(Struct, frozen=True):
    """Who may log in. No password, no hash, no secret.

    `partner` is whose developer the person is, "" for people of the hub; `subject` is `issuer subject` of the identity
    provider that the person comes from, "" for a local account; `totp` says whether there is a second factor.
    """

    username: str
    role: Role
    language: Language
    created_s: int
    disabled: bool = False
    partner: str = ""
    subject: str = ""
    totp: bool = False

    @property
    def seat(self) -> Seat:
        """What the person may, and for whom."""
        return Seat(self.role, self.partner)


class AccountFault(Struct, frozen=True):
    """Why an account was not made or changed. `reason` may be shown to the operator."""

    reason: str


class Accounts:
    """The accounts in a store. `hasher` and `now` are arguments for the sake of tests. Methods raise StoreError."""

    def __init__(
        self, store: Store, *, hasher: PasswordHasher | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._hasher = hasher or PasswordHasher(type=Type.ID)  # RFC 9106, second recommendation: 64 MiB, 3 passes
        self._now = now
        self._turn = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._nobody = _unmatchable(self._hasher)
        self._nobodys = new_totp_secret()
        self._sealing: Sealing | None = None

    async def create(
        self, username: str, password: str, role: Role, language: Language, partner: str = ""
    ) -> Account | AccountFault:
        """Make an account, or say why not: a bad name, a short or overlong password, a name that is taken."""
        fault = username_fault(username) or password_fault(password)
        if fault is not None:
            return fault
        if seat_of(role, partner) is None:
            return AccountFault("a partner-developer has a partner, and nobody else has one")
        account = Account(username, role, language, int(self._now()), partner=partner)
        row = {name: getattr(account, name) for name in _FIELDS} | {"password_hash": await self._hash(password)}
        return account if await self._inserted(row) else AccountFault("the username is taken")

    async def check(self, username: str, password: str, code: str = "") -> Account | None:
        """The account if the password is its own, and the code of its second factor where it has one.

        An unknown name, a disabled one and a wrong code take as long as a wrong password. A code is good once. Raises
        StoreError.
        """
        if not _USERNAME.fullmatch(username) or len(password.encode(errors="replace")) > _PASSWORD_BYTES_MAX:
            username = ""
        row = await self._row(username)
        usable = row is not None and not row.disabled and not row.subject
        factor = await self._opened(row) if usable and row.totp_secret is not None else None
        step = step_of(factor or self._nobodys, code, self._now())
        stored = row.password_hash if usable else self._nobody
        async with self._turn:
            right = await asyncio.to_thread(self._verified, stored, password[:_PASSWORD_BYTES_MAX])
        if not usable or not right:
            return None
        if row.totp_secret is not None and not await self._is_code(username, step if factor is not None else None):
            return None
        if self._hasher.check_needs_rehash(row.password_hash):
            await self._set(username, password_hash=await self._hash(password))
        return _account(row)

    async def find(self, username: str) -> Account | None:
        """The account of this name, disabled or not."""
        row = await self._row(username)
        return None if row is None else _account(row)

    async def of_subject(self, subject: str) -> Account | None:
        """The account of somebody whom an identity provider knows as `issuer subject`."""
        if not subject:
            return None
        async with self._store.read() as connection:
            row = (await connection.execute(select(accounts).where(_rows.subject == subject))).first()
        return None if row is None else _account(row)

    async def admit(self, username: str, subject: str, seat: Seat, language: Language) -> Account | None:
        """Make an account for somebody from an identity provider, without a password. None if the name is taken."""
        account = Account(username, seat.role, language, int(self._now()), partner=seat.partner, subject=subject)
        row = {name: getattr(account, name) for name in _FIELDS} | {"password_hash": ""}  # no password has this hash
        return account if await self._inserted(row) else None

    async def all(self) -> tuple[Account, ...]:
        """Every account by name."""
        async with self._store.read() as connection:
            rows = await connection.execute(select(accounts).order_by(_rows.username))
            return tuple(_account(row) for row in rows)

    async def set_language(self, username: str, language: Language) -> bool:
        """Keep the language that a person switched to. False if there is no such account."""
        return await self._set(username, language=language)

    async def set_seat(self, username: str, seat: Seat) -> bool:
        """Another role, from the next request of every session on. False if there is no such account."""
        return await self._set(username, role=seat.role, partner=seat.partner)

    async def set_disabled(self, username: str, disabled: bool) -> bool:
        """Nobody can log in with it, and its sessions are over; or it can be used again."""
        return await self._set(username, ends_sessions=disabled, disabled=disabled)

    async def set_password(self, username: str, password: str) -> bool:
        """Another password, whose faults the caller has looked for; whoever was logged in with the last one no longer
        is."""
        return await self._set(username, ends_sessions=True, password_hash=await self._hash(password))

    async def set_totp(self, username: str, secret: Hidden[str] | None) -> bool:
        """Another second factor, or none any more; sessions from before are over."""
        sealed = None if secret is None else (await self._seal()).seal(secret, username)
        return await self._set(username, ends_sessions=True, totp_secret=sealed, totp_step=0)

    async def end_sessions(self, username: str) -> None:
        """Log the person out, everywhere."""
        async with self._store.write() as connection:
            await connection.execute(delete(console_sessions).where(console_sessions.c.username == username))

    async def _row(self, username: str) -> Any:
        async with self._store.read() as connection:
            return (await connection.execute(select(accounts).where(_rows.username == username))).one_or_none()

    async def _inserted(self, row: dict[str, Any]) -> bool:
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(accounts).values(row))
        except IntegrityError:
            return False
        return True

    async def _set(self, username: str, *, ends_sessions: bool = False, **values: Any) -> bool:
        async with self._store.write() as connection:
            done = await connection.execute(update(accounts).where(_rows.username == username).values(values))
            if ends_sessions:
                await connection.execute(delete(console_sessions).where(console_sessions.c.username == username))
            return done.rowcount == 1

    async def _is_code(self, username: str, step: int | None) -> bool:
        """Whether a code of this step logs the person in, whose password was right. It is used up, and those before it.

        Looked at and counted in one transaction that holds the row: of many who try at once, in whatever processes, no
        more get a try than one after the other, and of those with a right code one succeeds.
        """
        now_s, mine = int(self._now()), _rows.username == username
        wanted = select(_rows.totp_step, _rows.code_misses, _rows.code_missed_s).where(mine).with_for_update()
        async with self._store.write() as connection:
            row = (await connection.execute(wanted)).one_or_none()
            guessed = None if row is None else Guessed(row.code_misses, row.code_missed_s)
            if row is None or guessed is None or not guessed.admits(now_s):
                return False
            right = step is not None and row.totp_step < step
            guessed = Guessed() if right else guessed.missed(now_s)
            values = {"code_misses": guessed.misses, "code_missed_s": guessed.since_s}
            used = {"totp_step": step} if right else {}
            await connection.execute(update(accounts).where(mine).values(values | used))
        if guessed.misses == MISSES_MAX:
            _log.warning("codes of an account are guessed by somebody who has its password")
        return right

    async def _opened(self, row: Any) -> Hidden[str] | None:
        return (await self._seal()).open(bytes(row.totp_secret), row.username)

    async def _seal(self) -> Sealing:
        if self._sealing is None:
            self._sealing = Sealing(await ServerSecrets(self._store).obtain(SEALING_SECRET, int(self._now())))
        return self._sealing

    async def _hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False


def username_fault(username: str) -> AccountFault | None:
    """What keeps this from being the name of a local account."""
    if _USERNAME.fullmatch(username):
        return None
    return AccountFault("a username is 1 to 64 of a-z, 0-9 and . _ @ -, and begins with a letter or digit")


def password_fault(password: str) -> AccountFault | None:
    """What keeps this from being a password."""
    if len(password) >= PASSWORD_LENGTH_MIN and len(password.encode(errors="replace")) <= _PASSWORD_BYTES_MAX:
        return None
    return AccountFault(
        f"a password has at least {PASSWORD_LENGTH_MIN} characters and at most {_PASSWORD_BYTES_MAX} bytes"
    )


def _account(row: Any) -> Account:
    return Account(**{name: getattr(row, name) for name in _FIELDS}, totp=row.totp_secret is not None)


def _unmatchable(hasher: PasswordHasher) -> str:
    """A hash with the cost of a real one that no known password has: random bytes in the place of a digest."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
