"""When each credential of a client was used last, written for many uses at once; and until when those are good that are
registered nowhere: certificates that an authority issues, keys that are fetched.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from msgspec import Struct
from sqlalchemy import and_, delete, or_, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.schema import clients
from gateway.store.store import Store
from gateway.store.tables_identity import credential_uses, expiries_told

SEEN_MAX: Final = 8
"""Of what is registered nowhere the latest so many of a kind are kept of each client: as many as it could register."""
_ROWS_MAX: Final = 1_000

IS_UNREGISTERED: Final = or_(
    and_(
        clients.c.auth_method.in_(("tls_client_auth", "private_key_jwt")),
        credential_uses.c.credential.startswith("certificate:"),
    ),
    and_(clients.c.jwks_url != "", credential_uses.c.credential.startswith("key:")),
)
"""Whether a use is of a credential that is not kept here; of a client that authenticates by a key, a certificate is one
that its tokens are bound to. Of clients and credential_uses, joined."""


class Use(Struct, frozen=True):
    """A use of a credential, Unix seconds. Of one that is registered nowhere: since when and until when it is good, by
    what it said at that use; None: it does not say, or it is registered, which says it."""

    used_s: int
    begins_s: int | None = None
    ends_s: int | None = None


class Kept(NamedTuple):
    """What is kept of a use, for `beyond`."""

    client_id: str
    credential: str
    used_s: int
    ends_s: int | None


class CredentialUses:
    """Every method raises StoreError; times are Unix seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def mark(self, uses: Mapping[tuple[str, str], Use]) -> None:
        """(client_id, credential) -> the use. An earlier one than that which is kept changes nothing."""
        async with self._store.write() as connection:
            insert = insert_postgresql if connection.dialect.name == "postgresql" else insert_sqlite
            names = {client_id for client_id, _ in uses}
            known = set(
                (await connection.execute(select(clients.c.client_id).where(clients.c.client_id.in_(names)))).scalars()
            )
            rows = [
                _row(client_id, credential, use)
                for (client_id, credential), use in sorted(uses.items(), key=_name)  # in one order: nodes never block
                if client_id in known
            ]
            for begin in range(0, len(rows), _ROWS_MAX):
                new = insert(credential_uses).values(rows[begin : begin + _ROWS_MAX])
                used_s, ends_s = new.excluded.used_s, new.excluded.ends_s
                await connection.execute(
                    new.on_conflict_do_update(
                        index_elements=["client_id", "credential"],
                        set_={"used_s": used_s, "ends_s": ends_s},
                        where=credential_uses.c.used_s < used_s,
                    )
                )

    async def of(self, client_id: str) -> dict[str, Use]:
        """credential -> its last use, of one client."""
        columns = (credential_uses.c[name] for name in ("credential", *Use.__struct_fields__))
        async with self._store.read() as connection:
            found = await connection.execute(select(*columns).where(credential_uses.c.client_id == client_id))
            return {credential: Use(*use) for credential, *use in found}

    async def sweep(self, now_s: int) -> None:
        """Drop what is registered nowhere and has ended, or is beyond the latest SEEN_MAX of its client and kind."""
        columns = (credential_uses.c[name] for name in Kept._fields)
        query = select(*columns).join(clients, clients.c.client_id == credential_uses.c.client_id)
        query = query.where(IS_UNREGISTERED).order_by(credential_uses.c.client_id, credential_uses.c.used_s.desc())
        async with self._store.read() as connection:
            over = list(beyond(map(Kept._make, await connection.execute(query)), now_s))
        if not over:
            return
        async with self._store.write() as connection:
            for each in over:
                await _drop(connection, each, now_s)


def beyond(kept: Iterable[Kept], now_s: int) -> Iterable[Kept]:
    """Of uses, those of one client together and its latest first: which are not worth keeping."""
    of, numbers = "", Counter[str]()
    for each in kept:
        if each.client_id != of:
            of, numbers = each.client_id, Counter()
        kind = each.credential.partition(":")[0]
        if (each.ends_s is not None and each.ends_s <= now_s) or numbers[kind] >= SEEN_MAX:
            yield each
        else:
            numbers[kind] += 1


def _row(client_id: str, credential: str, use: Use) -> dict[str, Any]:
    begins_s = use.used_s if use.begins_s is None else use.begins_s
    return {
        "client_id": client_id,
        "credential": credential,
        "used_s": use.used_s,
        "begins_s": begins_s,
        "ends_s": use.ends_s,
    }


def _name(use: tuple[tuple[str, str], Use]) -> tuple[str, str]:
    return use[0]


async def _drop(connection: AsyncConnection, kept: Kept, now_s: int) -> None:
    """Unless it was used since. That an end was told is forgotten with what has ended, and not before."""
    for table in (credential_uses, expiries_told):
        this = [table.c.client_id == kept.client_id, table.c.credential == kept.credential]
        if table is credential_uses:
            await connection.execute(delete(table).where(*this, table.c.used_s <= kept.used_s))
        elif kept.ends_s is not None and kept.ends_s <= now_s:
            await connection.execute(delete(table).where(*this))
