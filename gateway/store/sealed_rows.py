"""Every secret of the state store as what it is kept as: which key seals it, sealed where it is not, sealed again.

Each value is replaced in a transaction of its own, and only where it still is what was read: several processes may do
this at once, and one that dies on the way leaves every secret readable.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct
from sqlalchemy import Column, Table, select, update

from gateway.store.encryption import SERVER_SECRET, SIGNING_KEY, Purpose, sealed_by, unknown
from gateway.store.faults import StoreError
from gateway.store.schema import server_secrets, signing_keys
from gateway.store.store import Store

Step: TypeAlias = Callable[[int, int], None]
"""Is told how many of how many are done."""


class _Place(Struct, frozen=True):
    """A column of secrets, each with a name of its own in `kind`."""

    kind: str
    table: Table
    name: Column[str]
    value: Column[Any]


_PLACES = (
    _Place(SIGNING_KEY, signing_keys, signing_keys.c.kid, signing_keys.c.private_jwk),
    _Place(SERVER_SECRET, server_secrets, server_secrets.c.name, server_secrets.c.value),
)


class SealedRow(Struct, frozen=True):
    """One secret, and its value as it is kept."""

    purpose: Purpose
    value: bytes

    def __repr__(self) -> str:
        return f"SealedRow({self.purpose})"


class SealedRows:
    """The secrets in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> tuple[SealedRow, ...]:
        """Every secret, as it is kept."""
        found: list[SealedRow] = []
        async with self._store.read() as connection:
            for place in _PLACES:
                rows = await connection.execute(select(place.name, place.value).order_by(place.name))
                found += (SealedRow(Purpose(place.kind, name), _bytes(value)) for name, value in rows)
        return tuple(found)

    async def secure(self) -> int:
        """Seal what is not sealed, if there is a key to do it with; how many that were.

        Raises StoreError before anything is changed when one is sealed under a key that is not there.
        """
        rows = await self.all()
        for row in rows:
            if not self._store.encryption.knows(row.value):
                why = f"{row.purpose} is {unknown(sealed_by(row.value))}"
                raise StoreError("sealed", self._store.place, why)
        plain = [row for row in rows if not sealed_by(row.value)] if self._store.encryption.key_id else []
        for row in plain:
            await self._seal(row)
        if plain:
            await self._store.settle()
        return len(plain)

    async def seal_again(self, step: Step) -> int:
        """Seal all anew under the first key, a data key of its own for each; how many there are."""
        rows = await self.all()
        for done, row in enumerate(rows):
            step(done, len(rows))
            await self._seal(row)
        step(len(rows), len(rows))
        await self._store.settle()
        return len(rows)

    async def _seal(self, row: SealedRow) -> None:
        place = next(each for each in _PLACES if each.kind == row.purpose.kind)
        sealed = await self._store.sealed(await self._store.opened(row.value, row.purpose), row.purpose)
        there = (place.name == row.purpose.name) & (place.value == _kept(place, row.value))
        async with self._store.write() as connection:
            await connection.execute(update(place.table).where(there).values({place.value: _kept(place, sealed)}))


def _bytes(value: "str | bytes") -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _kept(place: _Place, value: bytes) -> "str | bytes":
    return value if place.table is server_secrets else value.decode()
