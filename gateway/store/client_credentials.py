"""What a client holds: its keys, certificates and secrets, added and removed one by one.

Every change looks first, in its own transaction and with the client's row locked, whether it may be made: two that are
made at once cannot leave a client with too many, or with none that works.
"""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Table, case, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.clients import CERTIFICATES_MAX, KEYS_MAX, ClientKey, RegisteredCertificate
from gateway.store.schema import client_keys, client_secrets, clients
from gateway.store.store import Store
from gateway.store.tables_identity import client_certificates, credential_uses, expiries_told

Outcome: TypeAlias = Literal["done", "too-many", "known", "absent", "last"]
"""done; the client has as many already; it has one of this name; it has none of this name; it has no other that works.
Except for the first one nothing was changed."""


class ClientCredentials:
    """Every method raises StoreError; times are Unix seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keys_created_s(self, client_id: str) -> dict[str, int]:
        """kid -> when the key was registered: the other kinds say it themselves."""
        query = select(client_keys.c.kid, client_keys.c.created_s).where(client_keys.c.client_id == client_id)
        async with self._store.read() as connection:
            return {row.kid: row.created_s for row in await connection.execute(query)}

    async def add_keys(
        self, client_id: str, keys: Iterable[ClientKey], now_s: int, others_until_s: int | None = None
    ) -> Outcome:
        """Add keys beside those there are, which end at `others_until_s` where one is given and they would end later.

        Keys that have ended are removed. A client whose keys were published at a URL has these by value from now on.
        """
        new = tuple(keys)
        mine, ends = client_keys.c.client_id == client_id, client_keys.c.expires_s
        async with self._store.write() as connection:
            await _lock(connection, client_id)
            await connection.execute(delete(client_keys).where(mine, ends <= now_s))
            known = set((await connection.execute(select(client_keys.c.kid).where(mine))).scalars())
            if known & {key.kid for key in new}:
                return "known"
            if len(known) + len(new) > KEYS_MAX:
                return "too-many"
            await _forget(connection, client_id, [f"key:{key.kid}" for key in new])
            await _end(connection, client_keys, mine, others_until_s)
            for key in new:
                row = {"client_id": client_id, "created_s": now_s}
                values = {name: getattr(key, name) for name in ClientKey.__struct_fields__}
                await connection.execute(insert(client_keys).values(row | values))
            await connection.execute(update(clients).where(clients.c.client_id == client_id).values(jwks_url=""))
        return "done"

    async def remove_key(self, client_id: str, kid: str, now_s: int, *, needed: bool = True) -> Outcome:
        """Remove a key: it verifies nothing more. Not the last one that works where one is `needed`."""
        return await self._remove(client_keys, client_id, client_keys.c.kid == kid, now_s, needed=needed)

    async def publish_at(self, client_id: str, url: str) -> Outcome:
        """Its keys are those at a URL from now on; those by value are removed, and when they were used is forgotten."""
        async with self._store.write() as connection:
            await connection.execute(delete(client_keys).where(client_keys.c.client_id == client_id))
            used = (credential_uses.c.client_id == client_id, credential_uses.c.credential.startswith("key:"))
            await connection.execute(delete(credential_uses).where(*used))
            done = await connection.execute(
                update(clients).where(clients.c.client_id == client_id).values(jwks_url=url)
            )
            return "done" if done.rowcount == 1 else "absent"

    async def add_certificate(
        self, client_id: str, new: RegisteredCertificate, now_s: int, others_until_s: int | None = None
    ) -> Outcome:
        """Add a certificate; the others, and those that have ended, as in `add_keys`."""
        mine, ends = client_certificates.c.client_id == client_id, client_certificates.c.not_after_s
        async with self._store.write() as connection:
            await _lock(connection, client_id)
            await connection.execute(delete(client_certificates).where(mine, ends <= now_s))
            known = set((await connection.execute(select(client_certificates.c.thumbprint).where(mine))).scalars())
            if new.thumbprint in known:
                return "known"
            if len(known) >= CERTIFICATES_MAX:
                return "too-many"
            await _forget(connection, client_id, [f"certificate:{new.thumbprint}"])
            await _end(connection, client_certificates, mine, others_until_s)
            values = {name: getattr(new, name) for name in RegisteredCertificate.__struct_fields__}
            await connection.execute(insert(client_certificates).values({"client_id": client_id} | values))
        return "done"

    async def remove_certificate(self, client_id: str, thumbprint: str, now_s: int) -> Outcome:
        """Remove a certificate. Not the last one that works."""
        return await self._remove(client_certificates, client_id, client_certificates.c.thumbprint == thumbprint, now_s)

    async def remove_secret(self, client_id: str, created_s: int, now_s: int) -> Outcome:
        """Remove a secret, known by when it was made. Not the last one that works."""
        return await self._remove(client_secrets, client_id, client_secrets.c.created_s == created_s, now_s)

    async def last_secret_s(self, client_id: str) -> int:
        """When the newest secret was made; 0 without any."""
        query = select(func.max(client_secrets.c.created_s)).where(client_secrets.c.client_id == client_id)
        async with self._store.read() as connection:
            return (await connection.execute(query)).scalar_one() or 0

    async def _remove(
        self, table: Table, client_id: str, this: ColumnElement[bool], now_s: int, *, needed: bool = True
    ) -> Outcome:
        mine, ends = table.c.client_id == client_id, _ends(table)
        live = or_(ends.is_(None), ends > now_s)
        async with self._store.write() as connection:
            await _lock(connection, client_id)
            if await _count(connection, table, mine, this) == 0:
                return "absent"
            works = await _count(connection, table, mine, this, live)
            if needed and works and not await _count(connection, table, mine, ~this, live):
                return "last"
            await connection.execute(delete(table).where(mine, this))
        return "done"


async def _lock(connection: AsyncConnection, client_id: str) -> None:
    """Whoever changes what this client holds waits for us; SQLite, which has one writer at a time, needs no words."""
    await connection.execute(select(clients.c.client_id).where(clients.c.client_id == client_id).with_for_update())


async def _forget(connection: AsyncConnection, client_id: str, credentials: list[str]) -> None:
    """What was noted of earlier credentials of these names: a key may have the name of one that was removed."""
    for table in (credential_uses, expiries_told):
        earlier = (table.c.client_id == client_id, table.c.credential.in_(credentials))
        await connection.execute(delete(table).where(*earlier))


async def _count(connection: AsyncConnection, table: Table, *conditions: ColumnElement[bool]) -> int:
    return int((await connection.execute(select(func.count()).select_from(table).where(*conditions))).scalar_one())


async def _end(connection: AsyncConnection, table: Table, mine: ColumnElement[bool], until_s: int | None) -> None:
    """Let all that there are end by then."""
    if until_s is None:
        return
    ends: Any = _ends(table)
    sooner = case((ends < until_s, ends), else_=until_s)
    await connection.execute(update(table).where(mine).values({ends.name: sooner}))


def _ends(table: Table) -> Any:
    return table.c.not_after_s if table is client_certificates else table.c.expires_s
