"""Secrets that the server makes for itself once: the pepper of client secrets, the key of throttling counters."""

import secrets

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from gateway.store.encryption import SERVER_SECRET, Purpose
from gateway.store.hidden import Hidden
from gateway.store.schema import server_secrets
from gateway.store.store import Store

_SIZE_BYTES = 32
PSEUDONYM_SECRET = "pseudonym"  # noqa: S105 - the name, not the secret
"""The name of the secret from which every partner's keys for pseudonyms and commitments are derived. A copy of the
state store without it cannot say whose a leaked extract is; another secret in its place begins other pseudonyms."""


class ServerSecrets:
    """The server's own secrets in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def obtain(self, name: str, now_s: int) -> Hidden[bytes]:
        """The 256-bit secret of this name, made when it is asked for first. Raises StoreError."""
        found = await self.find(name)
        if found is None:
            value = await self._store.sealed(secrets.token_bytes(_SIZE_BYTES), Purpose(SERVER_SECRET, name))
            row = {"name": name, "value": value, "created_s": now_s}
            try:
                async with self._store.write() as connection:
                    await connection.execute(insert(server_secrets).values(row))
            except IntegrityError:
                pass  # another process was faster: its secret is the one
            found = await self.find(name)
            assert found is not None  # noqa: S101 - it was made, by us or by the other
        return found

    async def find(self, name: str) -> Hidden[bytes] | None:
        """The secret of this name, None when it was never made. Raises StoreError; also for one that does not open."""
        query = select(server_secrets.c.value).where(server_secrets.c.name == name)
        async with self._store.read() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else Hidden(await self._store.opened(bytes(found), Purpose(SERVER_SECRET, name)))
