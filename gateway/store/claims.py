"""Of several processes that notice the same thing, one records it: whoever claims it first.

A claim lasts CLAIM_S. If the process that has it ends before the record is written, another one goes on after that; if
it ends between the record and the note that it is written, there are two records of one thing, and never none.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Table, update

from gateway.store.store import Store

CLAIM_S: Final = 30
_CLAIM_US: Final = CLAIM_S * 1_000_000


async def claim(store: Store, table: Table, row_id: str, unfinished: ColumnElement[bool], now_us: int) -> bool:
    """True: it is yours to record, and nobody else's for a while. `unfinished` says that it is not recorded yet.

    Raises StoreError.
    """
    free = (table.c.id == row_id, unfinished, table.c.claimed_us <= now_us - _CLAIM_US)
    async with store.write() as connection:
        done = await connection.execute(update(table).where(*free).values(claimed_us=now_us))
        return done.rowcount == 1


async def finish(store: Store, table: Table, row_id: str, unfinished: ColumnElement[bool], **values: Any) -> bool:
    """What was claimed is recorded. False: somebody else was faster. Raises StoreError."""
    async with store.write() as connection:
        done = await connection.execute(update(table).where(table.c.id == row_id, unfinished).values(**values))
        return done.rowcount == 1


async def disclaim(store: Store, table: Table, row_id: str) -> None:
    """What was claimed could not be recorded: the next one may try at once. Raises StoreError."""
    async with store.write() as connection:
        await connection.execute(update(table).where(table.c.id == row_id).values(claimed_us=0))
