"""The keys that sign access tokens: one active, one pending that is already published, and the retired ones."""

from typing import Any, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import Row, case, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.encryption import SIGNING_KEY, Purpose, sealed_by
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


class KeptKey(Struct, frozen=True):
    """A key as it is kept: `value` is its private JWK, sealed or not; `sealed_by` names the key that opens it, and is
    empty for one that is not sealed."""

    kid: str
    value: Hidden[str]
    sealed_by: str
    state: KeyState
    created_s: int
    activated_s: int | None
    retired_s: int | None


class SigningKeys:
    """The signing keys in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> tuple[SigningKey, ...]:
        """Every key, the active one first, then pending, then retired ones, newest first."""
        return tuple([await self.open(key) for key in await self.kept()])

    async def open(self, key: KeptKey) -> SigningKey:
        """The key itself. An engine that keeps the key to it is asked once in the life of the process."""
        jwk = await self._store.opened(key.value.reveal().encode(), Purpose(SIGNING_KEY, key.kid))
        return SigningKey(key.kid, Hidden(jwk.decode()), key.state, key.created_s, key.activated_s, key.retired_s)

    async def kept(self) -> tuple[KeptKey, ...]:
        """As `all`, none of them opened."""
        rank = case({"active": 0, "pending": 1}, value=signing_keys.c.state, else_=2)
        query = select(signing_keys).order_by(rank, signing_keys.c.created_s.desc(), signing_keys.c.kid)
        async with self._store.read() as connection:
            return tuple(_kept(row) for row in await connection.execute(query))

    async def add_missing(self, keys: tuple[SigningKey, ...]) -> None:
        """Add each key whose state has none yet. Of several nodes that do this at once, one wins."""
        for key in keys:
            row = await self._row(key)
            try:
                async with self._store.write() as connection:
                    await connection.execute(insert(signing_keys).values(row))
            except IntegrityError:
                continue

    async def rotate(self, pending: SigningKey, now_s: int, forget_before_s: int, retired_s: int) -> None:
        """The active key retires, as of `retired_s`; the pending one becomes active, `pending` takes its place.

        Keys that retired before `forget_before_s` are removed: no token of theirs can be valid any more.
        """
        state = signing_keys.c.state
        following = await self._row(pending)  # before anything is changed, for there may be nothing to seal it with
        async with self._store.write() as connection:
            await connection.execute(
                delete(signing_keys).where(state == "retired", signing_keys.c.retired_s < forget_before_s)
            )
            await connection.execute(
                update(signing_keys).where(state == "active").values(state="retired", retired_s=retired_s)
            )
            await connection.execute(
                update(signing_keys).where(state == "pending").values(state="active", activated_s=now_s)
            )
            await connection.execute(insert(signing_keys).values(following))

    async def _row(self, key: SigningKey) -> dict[str, object]:
        row = {name: getattr(key, name) for name in key.__struct_fields__}
        sealed = await self._store.sealed(key.private_jwk.reveal().encode(), Purpose(SIGNING_KEY, key.kid))
        return row | {"private_jwk": sealed.decode()}


def _kept(row: Row[Any]) -> KeptKey:
    value = row.private_jwk
    return KeptKey(
        row.kid,
        Hidden(value),
        sealed_by(value.encode()),
        row.state,
        row.created_s,
        row.activated_s,
        row.retired_s,
    )
