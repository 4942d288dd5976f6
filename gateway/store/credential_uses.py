"""When each credential of a client was used last; written for many uses at once."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from gateway.store.schema import clients
from gateway.store.store import Store
from gateway.store.tables_identity import credential_uses

_ROWS_MAX: Final = 1_000


class CredentialUses:
    """Every method raises StoreError; times are Unix seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def mark(self, uses: Mapping[tuple[str, str], int]) -> None:
        """(client_id, credential) -> when. An earlier time than the one that is kept changes nothing."""
        async with self._store.write() as connection:
            insert = insert_postgresql if connection.dialect.name == "postgresql" else insert_sqlite
            names = {client_id for client_id, _ in uses}
            known = set(
                (await connection.execute(select(clients.c.client_id).where(clients.c.client_id.in_(names)))).scalars()
            )
            rows = [
                {"client_id": client_id, "credential": credential, "used_s": used_s}
                for (client_id, credential), used_s in sorted(uses.items())  # in one order: two nodes never block
                if client_id in known
            ]
            for begin in range(0, len(rows), _ROWS_MAX):
                new = insert(credential_uses).values(rows[begin : begin + _ROWS_MAX])
                used_s = new.excluded.used_s
                await connection.execute(
                    new.on_conflict_do_update(
                        index_elements=["client_id", "credential"],
                        set_={"used_s": used_s},
                        where=credential_uses.c.used_s < used_s,
                    )
                )

    async def of(self, client_id: str) -> dict[str, int]:
        """credential -> when, of one client."""
        query = select(credential_uses.c.credential, credential_uses.c.used_s)
        async with self._store.read() as connection:
            found = await connection.execute(query.where(credential_uses.c.client_id == client_id))
            return {row.credential: row.used_s for row in found}
