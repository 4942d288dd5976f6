"""Access tokens that were revoked one by one (RFC 7009), until the moment they would have ended by themselves."""

from collections.abc import Awaitable, Callable

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from gateway.store.store import Store
from gateway.store.tables_identity import revoked_tokens

_row = revoked_tokens.c


class Revocations:
    """The revoked tokens in a store, by `jti`. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def revoke(
        self, token_id: str, client_id: str, until_s: int, now_s: int, announce: Callable[[], Awaitable[None]]
    ) -> None:
        """Revoke a token that would end at `until_s`; again is as good as once.

        `announce` is awaited once the row is certain to be the only one, and before anybody can see it: of several
        processes that revoke a token at once only one announces it, the others wait for that. What it raises is raised,
        and nothing is revoked. Those that have ended meanwhile are removed: there are never more rows than tokens that
        somebody could use.
        """
        try:
            async with self._store.write() as connection:
                await connection.execute(delete(revoked_tokens).where(_row.until_s <= now_s))
                values = {"jti": token_id, "client_id": client_id, "until_s": until_s}
                await connection.execute(insert(revoked_tokens).values(values))
                await announce()
        except IntegrityError:
            return  # it is revoked

    async def is_revoked(self, token_id: str) -> bool:
        """Whether this one was."""
        async with self._store.read() as connection:
            found = await connection.execute(select(_row.jti).where(_row.jti == token_id))
            return found.one_or_none() is not None

    async def live(self, now_s: int) -> frozenset[str]:
        """All that are revoked and have not ended."""
        async with self._store.read() as connection:
            found = await connection.execute(select(_row.jti).where(_row.until_s > now_s))
            return frozenset(found.scalars())
