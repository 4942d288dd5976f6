"""The keys that sign access tokens: one active, one pending that is already published, and the retired ones."""

from typing import Any, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import Row, case, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.hidden import Hidden
from gateway.store.schema import signing_keys
from gateway.store.store import Store

KeyState: TypeAlias = Literal["pending", "active", "retired"]


class SigningKey(Struct, frozen=True):
    """A private key as JWK (JSON text). `retired_s` is when it stopped signing."""

    kid: str
    private_jwk: Hidden[str]
    state: KeyState
    created_s: int
    activated_s: int | None = None
    retired_s: int | None = None


class SigningKeys:
    """The signing keys in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> tuple[SigningKey, ...]:
        """Every key, the active one first, then pending, then retired ones, newest first."""
        rank = case({"active": 0, "pending": 1}, value=signing_keys.c.state, else_=2)
        query = select(signing_keys).order_by(rank, signing_keys.c.created_s.desc(), signing_keys.c.kid)
        async with self._store.read() as connection:
            return tuple(_key(row) for row in await connection.execute(query))

    async def add_missing(self, keys: tuple[SigningKey, ...]) -> None:
        """Add each key whose state has none yet. Of several nodes that do this at once, one wins."""
        for key in keys:
            try:
                async with self._store.write() as connection:
                    await connection.execute(insert(signing_keys).values(_row(key)))
            except IntegrityError:
                continue

    async def rotate(self, pending: SigningKey, now_s: int, forget_before_s: int) -> None:
        """The active key retires, the pending one becomes active, `pending` takes its place.

        Keys that retired before `forget_before_s` are removed: no token of theirs can be valid any more.
        """
        state = signing_keys.c.state
        async with self._store.write() as connection:
            await connection.execute(
                delete(signing_keys).where(state == "retired", signing_keys.c.retired_s < forget_before_s)
            )
            await connection.execute(
                update(signing_keys).where(state == "active").values(state="retired", retired_s=now_s)
            )
            await connection.execute(
                update(signing_keys).where(state == "pending").values(state="active", activated_s=now_s)
            )
            await connection.execute(insert(signing_keys).values(_row(pending)))


def _row(key: SigningKey) -> dict[str, object]:
    row = {name: getattr(key, name) for name in key.__struct_fields__}
    return row | {"private_jwk": key.private_jwk.reveal()}


def _key(row: Row[Any]) -> SigningKey:
    return SigningKey(row.kid, Hidden(row.private_jwk), row.state, row.created_s, row.activated_s, row.retired_s)
