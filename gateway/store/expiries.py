"""Credentials that end soon, and which of their partners was told so how many days ahead.

Whoever is about to tell claims it first, in the same row: `told_us` is then the time of the claim, negated. A claim
that led to nothing, because the process ended, may be taken over after CLAIM_S: so it is recorded twice at worst, and
never not at all.
"""

from typing import Any, Final, Literal, TypeAlias, get_args

from msgspec import Struct
from sqlalchemy import String, cast, delete, insert, literal, or_, select, union_all, update
from sqlalchemy.exc import IntegrityError

from contracts.agreement import HUB
from gateway.store.claims import CLAIM_S
from gateway.store.credential_uses import IS_UNREGISTERED
from gateway.store.schema import client_keys, client_secrets, clients
from gateway.store.store import Store
from gateway.store.tables_identity import client_certificates, credential_uses, expiries_told
from gateway.webhooks.notify import enqueue

HubsKind: TypeAlias = Literal["server-certificate", "client-authority", "service-certificate"]
"""What the hub itself relies on: gateway/credentials/relied_on.py."""
HUBS_KINDS: Final[tuple[HubsKind, ...]] = get_args(HubsKind)
CredentialKind: TypeAlias = Literal["key", "certificate", "secret", HubsKind]
KEY_USED_S: Final = 30 * 86_400
"""A fetched key that was not used for so long is told of no more: nobody says when a partner gives one up."""
_CLAIM_US: Final = CLAIM_S * 1_000_000


class Held(Struct, frozen=True):
    """A credential of a client that is not disabled, or of the hub. `id` is a kid, a thumbprint, or when a secret was
    made; `created_s` when it was registered, or used last where it is registered nowhere.

    `ends_s` None: not by itself. `begins_s` is since when it is good, None: not known. `place` parts what cannot
    replace one another though it is of one client and kind. Times are Unix seconds.
    """

    client_id: str
    partner: str
    kind: CredentialKind
    id: str
    created_s: int
    ends_s: int | None
    begins_s: int | None = None
    place: str = ""

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

    async def seen(self, now_s: int) -> tuple[Held, ...]:
        """What clients that are not disabled use and is registered nowhere, where it ends by itself."""
        uses = credential_uses.c
        columns = (uses.client_id, clients.c.partner, uses.credential, uses.used_s, uses.ends_s, uses.begins_s)
        query = select(*columns).join(clients, clients.c.client_id == uses.client_id)
        lately = or_(~uses.credential.startswith("key:"), uses.used_s > now_s - KEY_USED_S)
        query = query.where(IS_UNREGISTERED, ~clients.c.disabled, uses.ends_s.is_not(None), lately)
        async with self._store.read() as connection:
            return tuple(_seen(row) for row in await connection.execute(query))

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


def _seen(row: Any) -> Held:
    kind, _, ident = row.credential.partition(":")
    named: CredentialKind = "key" if kind == "key" else "certificate"
    return Held(row.client_id, row.partner, named, ident, row.used_s, row.ends_s, row.begins_s)


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
