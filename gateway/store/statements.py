"""Issued statements as they were sealed, and what partners answered. Nothing of a statement is ever changed."""

from typing import Literal, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.exc import IntegrityError

from gateway.store import claims
from gateway.store.store import Store
from gateway.store.tables_statements import statements

State: TypeAlias = Literal["issued", "countersigned", "disputed"]

_UNANSWERED: ColumnElement[bool] = statements.c.state == "issued"


class KeptStatement(Struct, frozen=True, kw_only=True):
    """A statement as it is kept. `json` is the sealed text; `figures_sha256` the hash of what was computed alone.

    `answer` is what the partner said, as JSON, "" until it does; `answered_by` which of its clients said it. Times are
    Unix microseconds.
    """

    id: str
    agreement: str
    partner: str
    period: str
    revision: int
    sha256: str
    figures_sha256: str
    json: str
    issued_us: int
    issued_by: str
    state: State = "issued"
    answered_us: int | None = None
    answered_by: str = ""
    answer: str = ""


class Answered(Struct, frozen=True, kw_only=True):
    """What a partner says of a statement."""

    state: State
    answered_us: int
    answered_by: str
    answer: str


class Statements:
    """The statements in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, statement: KeptStatement) -> bool:
        """Keep one; False if there is this revision already, and nothing is changed."""
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(statements).values(structs.asdict(statement) | {"claimed_us": 0}))
        except IntegrityError:
            return False
        return True

    async def find(self, statement_id: str) -> KeptStatement | None:
        """One by its id."""
        return next(iter(await self._select(statements.c.id == statement_id)), None)

    async def latest(self, agreement: str, period: str) -> KeptStatement | None:
        """The last revision of a period's statement."""
        found = await self._select(statements.c.agreement == agreement, statements.c.period == period)
        return max(found, key=lambda each: each.revision, default=None)

    async def of_partner(self, partner: str) -> tuple[KeptStatement, ...]:
        """A partner's, the latest issued first."""
        return await self._select(statements.c.partner == partner)

    async def all(self) -> tuple[KeptStatement, ...]:
        """Every one, the latest issued first."""
        return await self._select()

    async def claim_answer(self, statement_id: str, now_us: int) -> bool:
        """Whether it is yours to record the answer (gateway/store/claims.py)."""
        return await claims.claim(self._store, statements, statement_id, _UNANSWERED, now_us)

    async def disclaim(self, statement_id: str) -> None:
        """The answer could not be recorded."""
        await claims.disclaim(self._store, statements, statement_id)

    async def answer(self, statement_id: str, said: Answered) -> bool:
        """The answer is on the log. False if there was one before."""
        values = structs.asdict(said)
        return await claims.finish(self._store, statements, statement_id, _UNANSWERED, **values)

    async def _select(self, *where: ColumnElement[bool]) -> tuple[KeptStatement, ...]:
        order = (statements.c.issued_us.desc(), statements.c.id)
        async with self._store.read() as connection:
            rows = await connection.execute(select(*_COLUMNS).where(*where).order_by(*order))
            return tuple(_statement(tuple(row)) for row in rows)


_FIELDS = KeptStatement.__struct_fields__
_COLUMNS = tuple(statements.c[name] for name in _FIELDS)


def _statement(row: tuple[object, ...]) -> KeptStatement:
    return KeptStatement(**dict(zip(_FIELDS, row, strict=True)))  # type: ignore[arg-type]  # as they were put in
