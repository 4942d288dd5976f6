"""What was granted for a time beyond what a clause says, by whom and why."""

from msgspec import Struct, structs
from sqlalchemy import insert, select

from gateway.store import claims
from gateway.store.schema import allowances
from gateway.store.store import Store

_UNFINISHED = allowances.c.ended_us.is_(None)


class GrantedAllowance(Struct, frozen=True, kw_only=True):
    """`extra` more of what the clause counts, from `granted_us` until `until_us`, exclusive (Unix microseconds).

    `granted_by` is the account of the operating system that ran the command, which nothing proves. `ended_us` is when
    its end was recorded: one that was revoked ended before `until_us`.
    """

    id: str
    partner: str
    agreement: str
    clause: str
    extra: int
    granted_us: int
    until_us: int
    reason: str
    granted_by: str
    ended_us: int | None = None

    def in_force(self, now_us: int) -> bool:
        """Whether it still counts."""
        return self.ended_us is None and now_us < self.until_us


class Allowances:
    """The allowances in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, allowance: GrantedAllowance) -> None:
        """Grant it. Its id must be new."""
        async with self._store.write() as connection:
            await connection.execute(insert(allowances).values(structs.asdict(allowance) | {"claimed_us": 0}))

    async def find(self, allowance_id: str) -> GrantedAllowance | None:
        """One by its id."""
        async with self._store.read() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(allowances.c.id == allowance_id))).one_or_none()
        return None if row is None else _allowance(tuple(row))

    async def unended(self) -> tuple[GrantedAllowance, ...]:
        """Those whose end is not recorded, oldest first: in force, or run out a moment ago."""
        query = select(*_COLUMNS).where(_UNFINISHED).order_by(allowances.c.granted_us, allowances.c.id)
        async with self._store.read() as connection:
            return tuple(_allowance(tuple(row)) for row in await connection.execute(query))

    async def claim_end(self, allowance_id: str, now_us: int) -> bool:
        """Whether it is yours to record that it ends (gateway/store/claims.py)."""
        return await claims.claim(self._store, allowances, allowance_id, _UNFINISHED, now_us)

    async def end(self, allowance_id: str, now_us: int) -> bool:
        """Its end is recorded: it is no longer in force. False if it had ended before."""
        return await claims.finish(self._store, allowances, allowance_id, _UNFINISHED, ended_us=now_us)

    async def disclaim(self, allowance_id: str) -> None:
        """Its end could not be recorded."""
        await claims.disclaim(self._store, allowances, allowance_id)


_FIELDS = GrantedAllowance.__struct_fields__
_COLUMNS = tuple(allowances.c[name] for name in _FIELDS)


def _allowance(row: tuple[object, ...]) -> GrantedAllowance:
    values = dict(zip(_FIELDS, row, strict=True))
    return GrantedAllowance(**values)  # type: ignore[arg-type]  # as they were put in
