"""Credentials that end soon, and which of their partners was told so how many days ahead.

Whoever is about to tell claims it first, in the same row: `told_us` is then the time of the claim, negated. A claim
that led to nothing, because the process ended, may be taken over after CLAIM_S: so it is recorded twice at worst, and
never not at all.
"""

from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import String, cast, delete, insert, literal, select, union_all, update
from sqlalchemy.exc import IntegrityError

from contracts.agreement import HUB
from gateway.store.claims import CLAIM_S
from gateway.store.schema import client_keys, client_secrets, clients
from gateway.store.store import Store
from gateway.store.tables_identity import client_certificates, expiries_told
from gateway.webhooks.notify import enqueue

CredentialKind: TypeAlias = Literal["key", "certificate", "secret"]
_CLAIM_US: Final = CLAIM_S * 1_000_000


class Held(Struct, frozen=True):
    """A credential of a client that is not disabled. `id` is a kid, a thumbprint, or when a secret was made.

    `ends_s` None: not by itself. Times are Unix seconds.
    """

    client_id: str
    partner: str
    kind: CredentialKind
    id: str
    created_s: int
    ends_s: int | None

    @property
    def credential(self) -> str:
        """How the tables of uses and expiries call it."""
        return f"{self.kind}:{self.id}"


class Expiries:
    """Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def held(self) -> tuple[Held, ...]:
        """All credentials of all clients that are not disabled."""
        async with self._store.read() as connection:
            return tuple(Held(*row) for row in await connection.execute(_HELD))

    async def told(self, client_id: str, credential: str) -> frozenset[int]:
        """How many days ahead it was told of this one."""
        query = select(expiries_told.c.days).where(
            expiries_told.c.client_id == client_id,
            expiries_told.c.credential == credential,
            expiries_told.c.told_us > 0,
        )
        async with self._store.read() as connection:
            return frozenset((await connection.execute(query)).scalars())

    async def claim(self, held: Held, days: int, now_us: int) -> bool:
        """True: yours to tell. False: it was told, or somebody else is about to."""
        row = {"client_id": held.client_id, "credential": held.credential, "days": days}
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(expiries_told).values(row | {"told_us": -now_us}))
            return True
        except IntegrityError:
            pass
        stale = (expiries_told.c.told_us < 0, expiries_told.c.told_us >= _CLAIM_US - now_us)
        async with self._store.write() as connection:
            done = await connection.execute(update(expiries_told).where(*_this(row), *stale).values(told_us=-now_us))
            return done.rowcount == 1

    async def disclaim(self, held: Held, days: int) -> None:
        """It could not be told: the next one may try at once."""
        row = {"client_id": held.client_id, "credential": held.credential, "days": days}
        async with self._store.write() as connection:
            await connection.execute(delete(expiries_told).where(*_this(row), expiries_told.c.told_us < 0))

    async def tell(self, held: Held, days: int, data: dict[str, Any], now_us: int) -> bool:
        """Put what was claimed into the outbox, for the partner and the hub, together with the note that it was told.

        False: somebody else has done it meanwhile.
        """
        row = {"client_id": held.client_id, "credential": held.credential, "days": days}
        async with self._store.write() as connection:
            mine = update(expiries_told).where(*_this(row), expiries_told.c.told_us < 0).values(told_us=now_us)
            if (await connection.execute(mine)).rowcount != 1:
                return False
            for owner in dict.fromkeys(("" if held.partner == HUB else held.partner, "")):
                await enqueue(connection, "credential.expiring", owner, data, now_us)
        return True


def _this(row: dict[str, Any]) -> list[Any]:
    return [expiries_told.c[name] == value for name, value in row.items()]


def _part(table: Any, kind: CredentialKind, ident: Any, ends: Any) -> Any:
    return (
        select(table.c.client_id, clients.c.partner, literal(kind), ident, table.c.created_s, ends)
        .join(clients, clients.c.client_id == table.c.client_id)
        .where(~clients.c.disabled)
    )


_HELD: Final = union_all(
    _part(client_keys, "key", client_keys.c.kid, client_keys.c.expires_s),
    _part(client_certificates, "certificate", client_certificates.c.thumbprint, client_certificates.c.not_after_s),
    _part(client_secrets, "secret", cast(client_secrets.c.created_s, String), client_secrets.c.expires_s),
)
