"""Calls that were refused, for whoever asks why; kept for a week, and so many of each partner."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from gateway.credentials.noted import RefusedCall
from gateway.store.store import Store
from gateway.store.tables_identity import refusals

KEPT_US: Final = 7 * 86_400 * 1_000_000
KEPT_OF_EACH_MAX: Final = 1_000
"""The latest of each partner, and of callers that nobody knows: a flood of one pushes out its own alone."""
_ROWS_MAX: Final = 500


class KeptRefusals:
    """Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, refused: Iterable[RefusedCall]) -> None:
        """Keep them; one that is there already stays as it is."""
        rows = [{name: getattr(each, name) for name in RefusedCall.__struct_fields__} for each in refused]
        async with self._store.write() as connection:
            insert = insert_postgresql if connection.dialect.name == "postgresql" else insert_sqlite
            for begin in range(0, len(rows), _ROWS_MAX):
                new = insert(refusals).values(rows[begin : begin + _ROWS_MAX])
                await connection.execute(new.on_conflict_do_nothing())

    async def find(self, request_id: str) -> RefusedCall | None:
        """One by the id of its request."""
        async with self._store.read() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(refusals.c.request_id == request_id))).one_or_none()
        return None if row is None else _call(row)

    async def latest(
        self, number_max: int, *, partner: str | None = None, client_id: str | None = None
    ) -> tuple[RefusedCall, ...]:
        """The latest first; of one partner, of one client, or of all."""
        query = select(*_COLUMNS).order_by(refusals.c.time_us.desc(), refusals.c.request_id).limit(number_max)
        if partner is not None:
            query = query.where(refusals.c.partner == partner)
        if client_id is not None:
            query = query.where(refusals.c.client_id == client_id)
        async with self._store.read() as connection:
            return tuple(_call(row) for row in await connection.execute(query))

    async def sweep(self, now_us: int) -> int:
        """Remove what is too old, and of each partner what is too much; how many."""
        counted = select(refusals.c.partner).group_by(refusals.c.partner).having(func.count() > KEPT_OF_EACH_MAX)
        async with self._store.write() as connection:
            removed = (
                await connection.execute(delete(refusals).where(refusals.c.time_us <= now_us - KEPT_US))
            ).rowcount
            for partner in (await connection.execute(counted)).scalars().all():
                of_partner = refusals.c.partner == partner
                newest = (
                    select(refusals.c.request_id)
                    .where(of_partner)
                    .order_by(refusals.c.time_us.desc(), refusals.c.request_id)
                    .limit(KEPT_OF_EACH_MAX)
                )
                excess = delete(refusals).where(of_partner, refusals.c.request_id.not_in(newest))
                removed += (await connection.execute(excess)).rowcount
        return int(removed)


_COLUMNS: Final = tuple(refusals.c[name] for name in RefusedCall.__struct_fields__)


def _call(row: Any) -> RefusedCall:
    return RefusedCall(*row)
