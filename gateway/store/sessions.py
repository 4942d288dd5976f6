"""Who is logged in at the console. Kept here, so that every process knows a login, and a restart forgets none."""

from typing import Final

from msgspec import Struct
from sqlalchemy import BigInteger, LargeBinary, case, delete, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.accounts import Role
from gateway.store.schema import accounts, console_sessions
from gateway.store.store import Store
from policies.reference import Language

KEPT_OF_EACH_MAX: Final = 20
"""Sessions of one person, on several devices: who logs in again and again ends their own oldest, and nobody else's."""
_rows = console_sessions.c


class KeptSession(Struct, frozen=True, kw_only=True):
    """One login. `key` is the SHA-256 of its id, which is nowhere; role, partner and language are the account's as of
    now. `partner` is whose developer the person is, "" for people of the hub.

    It began at `begun_us` and was last used at `used_us`, both Unix microseconds.
    """

    key: bytes
    username: str
    role: Role
    language: Language
    begun_us: int
    used_us: int
    partner: str = ""


class KeptSessions:
    """The sessions in a store; how long one lives is for the caller to say. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, key: bytes, username: str, now_us: int) -> bool:
        """Keep a new one, and end those of the account beyond KEPT_OF_EACH_MAX that were unused for longest. False if
        there is no such account any more, or it is disabled."""
        values = (literal(key, LargeBinary), accounts.c.username, *(literal(now_us, BigInteger),) * 2)
        usable = select(*values).where(accounts.c.username == username, accounts.c.disabled.is_(False))
        columns = ["key", "username", "begun_us", "used_us"]
        others = (_rows.username == username, _rows.key != key)
        latest = select(_rows.key).where(*others).order_by(_rows.used_us.desc(), _rows.begun_us.desc())
        try:
            async with self._store.write() as connection:
                added = await connection.execute(insert(console_sessions).from_select(columns, usable))
                beyond = latest.offset(KEPT_OF_EACH_MAX - 1)
                await connection.execute(delete(console_sessions).where(_rows.key.in_(beyond)))
        except IntegrityError:
            return False
        return added.rowcount == 1

    async def find(self, key: bytes) -> KeptSession | None:
        """The one with this key, however old, if its account can be used."""
        query = (
            select(_rows.key, _rows.username, _rows.begun_us, _rows.used_us)
            .add_columns(accounts.c.role, accounts.c.language, accounts.c.partner)
            .join(accounts, accounts.c.username == _rows.username)
            .where(_rows.key == key, accounts.c.disabled.is_(False))
        )
        async with self._store.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else KeptSession(**row._mapping)

    async def use(self, key: bytes, now_us: int) -> bool:
        """It is used now; of processes that say so at once, the latest time counts. False if it has ended."""
        latest = case((_rows.used_us < now_us, now_us), else_=_rows.used_us)
        async with self._store.write() as connection:
            done = await connection.execute(update(console_sessions).where(_rows.key == key).values(used_us=latest))
            return done.rowcount == 1

    async def end(self, key: bytes) -> None:
        """It ends, if it has not."""
        async with self._store.write() as connection:
            await connection.execute(delete(console_sessions).where(_rows.key == key))

    async def sweep(self, *, begun_until_us: int, used_until_us: int, kept_max: int) -> None:
        """End what began or was last used at these times or before; of the rest, keep the last used `kept_max`."""
        old = or_(_rows.begun_us <= begun_until_us, _rows.used_us <= used_until_us)
        beyond = select(_rows.key).order_by(_rows.used_us.desc(), _rows.begun_us.desc()).offset(kept_max)
        async with self._store.write() as connection:
            await connection.execute(delete(console_sessions).where(old))
            await connection.execute(delete(console_sessions).where(_rows.key.in_(beyond)))
