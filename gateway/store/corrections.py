"""Reported data errors and the steps taken with them. Each step is first written down here as being about to be taken,
then put on the log, then taken: whoever ends in between leaves a step that another process takes at the same time.
"""

from typing import Final

import msgspec
from msgspec import Struct, structs
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.corrections.facts import History, reports_of
from gateway.corrections.steps import OPEN, Action, State, Taken
from gateway.store.one_at_a_time import one_at_a_time
from gateway.store.store import Store
from gateway.store.tables_corrections import correction_steps, corrections
from policies.promise import OwedBy
from policies.settling.facts import Correction

STALE_US: Final = 30_000_000
"""Whoever was about to take a step longer ago than that will not take it any more."""
_ERASED_MAX: Final = 100


class KeptCorrection(Struct, frozen=True, kw_only=True):
    """A reported error as it is kept. `state` "" while its report is not on the log yet; times are Unix microseconds.

    `words` is JSON of what may hold personal values, "" once they are erased; `steps` counts the steps taken. `pending`
    is the step, as JSON, that is being taken, since `pending_us`.
    """

    id: str
    partner: str
    agreement: str
    version: str
    contract: str
    clause: str
    owed_by: OwedBy
    severity: str
    product: str
    field: str
    reported_by: str
    state: str
    reported_us: int
    closed_us: int | None
    steps: int
    words: str
    pending: str | None = None
    pending_us: int = 0


class KeptStep(Struct, frozen=True, kw_only=True):
    """A step that was taken. `time_us` is that of its record on the log; `words` is JSON, "" once they are erased."""

    correction: str
    number: int
    action: Action
    time_us: int
    taken_by: str
    words: str


class Sought(Struct, frozen=True):
    """Which corrections are wanted: of a partner, in a state, older than one by its time and id, at most so many."""

    partner: str | None = None
    state: str | None = None
    before: tuple[int, str] | None = None
    limit: int | None = None


class Corrections:
    """The corrections in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def announce(self, correction: KeptCorrection) -> bool:
        """A report that is about to be put on the log; nobody sees it before it is. False: one about the same value is
        open, or just being written."""
        async with self._store.write() as connection:
            if await _is_doubled(connection, correction):
                return False
            await connection.execute(insert(corrections).values(structs.asdict(correction)))
        return True

    async def begin(self, correction: KeptCorrection, pending: str, now_us: int) -> bool:
        """A step is about to be taken. False: somebody else takes one, or has taken one since it was read."""
        async with self._store.write() as connection:
            return await _begin(connection, correction, pending, now_us)

    async def begin_reopening(self, correction: KeptCorrection, pending: str, now_us: int) -> bool | None:
        """As `begin`, of one that is closed; None: another report about the same value is open meanwhile."""
        async with self._store.write() as connection:
            if await _is_doubled(connection, correction):
                return None
            return await _begin(connection, correction, pending, now_us)

    async def resume(self, correction: KeptCorrection, now_us: int) -> bool:
        """Whether it is yours to take the step that somebody else began and has not taken."""
        since = (corrections.c.id == correction.id, corrections.c.pending_us == correction.pending_us, ~_IDLE)
        async with self._store.write() as connection:
            values = {"pending_us": now_us}
            return (await connection.execute(update(corrections).where(*since).values(values))).rowcount == 1

    async def finish(self, step: KeptStep, state: State, closed_us: int | None) -> bool:
        """The step is on the log: now it is taken. False: somebody else has taken it."""
        mine = (corrections.c.id == step.correction, corrections.c.steps == step.number - 1)
        values = {"state": state, "closed_us": closed_us, "steps": step.number, "pending": None, "pending_us": 0}
        try:
            async with self._store.write() as connection:
                if (await connection.execute(update(corrections).where(*mine).values(values))).rowcount != 1:
                    return False
                await connection.execute(insert(correction_steps).values(structs.asdict(step)))
        except IntegrityError:
            return False
        return True

    async def abandon(self, correction_id: str) -> None:
        """The step could not be put on the log: it is not taken, and a report without its record is none."""
        unseen = (corrections.c.id == correction_id, corrections.c.steps == 0)
        async with self._store.write() as connection:
            await connection.execute(delete(corrections).where(*unseen))
            values = {"pending": None, "pending_us": 0}
            await connection.execute(update(corrections).where(corrections.c.id == correction_id).values(values))

    async def find(self, correction_id: str) -> KeptCorrection | None:
        """One by its id."""
        query = select(*_COLUMNS).where(corrections.c.id == correction_id, _SEEN)
        async with self._store.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _correction(tuple(row))

    async def find_all(self, sought: Sought) -> tuple[KeptCorrection, ...]:
        """Those that are wanted, the latest report first."""
        table, wanted = corrections.c, [_SEEN]
        if sought.partner is not None:
            wanted.append(table.partner == sought.partner)
        if sought.state is not None:
            wanted.append(table.state.in_(sorted(OPEN)) if sought.state == "open" else table.state == sought.state)
        if sought.before is not None:
            time_us, name = sought.before
            older = and_(table.reported_us == time_us, table.id < name)
            wanted.append(or_(table.reported_us < time_us, older))
        query = select(*_COLUMNS).where(*wanted).order_by(table.reported_us.desc(), table.id.desc())
        async with self._store.read() as connection:
            rows = await connection.execute(query if sought.limit is None else query.limit(sought.limit))
            return tuple(_correction(tuple(row)) for row in rows)

    async def count_open(self, partner: str, owed_by: OwedBy) -> int:
        """How many reports of a partner, or about its data, are open, those included that are being written."""
        mine = (corrections.c.partner == partner, corrections.c.owed_by == owed_by)
        open_ = corrections.c.state.in_(["", *sorted(OPEN)])
        async with self._store.read() as connection:
            query = select(func.count()).select_from(corrections).where(*mine, open_)
            return int((await connection.execute(query)).scalar_one())

    async def steps_of(self, correction_id: str) -> tuple[KeptStep, ...]:
        """The steps of one, in order."""
        query = select(*_STEP_COLUMNS).where(correction_steps.c.correction == correction_id)
        async with self._store.read() as connection:
            rows = await connection.execute(query.order_by(correction_steps.c.number))
            return tuple(_step(tuple(row)) for row in rows)

    async def histories(self, agreement: str, clause: str) -> tuple[History, ...]:
        """Every report under a clause with its steps, for a settlement."""
        mine = (corrections.c.agreement == agreement, corrections.c.clause == clause, _SEEN)
        joined = select(correction_steps.c.correction, correction_steps.c.time_us, correction_steps.c.action)
        steps: dict[str, list[Taken]] = {}
        async with self._store.read() as connection:
            kept = [_correction(tuple(row)) for row in await connection.execute(select(*_COLUMNS).where(*mine))]
            query = joined.join(corrections, corrections.c.id == correction_steps.c.correction).where(*mine)
            for name, time_us, action in await connection.execute(query):
                steps.setdefault(name, []).append(Taken(time_us, action))
        return tuple(_history(each, tuple(sorted(steps.get(each.id, ())))) for each in kept)

    async def facts(self, agreement: str, clause: str, from_us: int, to_us: int) -> tuple[Correction, ...]:
        """What a clause is settled by for a window (gateway/corrections/facts.py)."""
        return reports_of(await self.histories(agreement, clause), agreement, clause, from_us, to_us)

    async def stale(self, now_us: int) -> tuple[KeptCorrection, ...]:
        """Those with a step that somebody began and will not take any more."""
        query = select(*_COLUMNS).where(~_IDLE, corrections.c.pending_us <= now_us - STALE_US)
        async with self._store.read() as connection:
            return tuple(_correction(tuple(row)) for row in await connection.execute(query))

    async def erase_words(self, closed_before_us: int) -> int:
        """Erase what reports and steps say in words, of those closed before a time; how many reports that were."""
        table = corrections.c
        closed = (table.closed_us < closed_before_us, table.words != "", _IDLE)
        async with self._store.write() as connection:
            query = select(table.id).where(*closed).limit(_ERASED_MAX)
            names = [name for (name,) in await connection.execute(query)]
            mine = (table.id.in_(names), *closed)  # not one that was reopened a moment ago
            await connection.execute(
                update(correction_steps)
                .where(correction_steps.c.correction.in_(select(table.id).where(*mine)))
                .values(words="")
            )
            await connection.execute(update(corrections).where(*mine).values(words=""))
            return len(names)


_SEEN: ColumnElement[bool] = corrections.c.steps > 0
_IDLE: ColumnElement[bool] = corrections.c.pending.is_(None)
_FIELDS = KeptCorrection.__struct_fields__
_COLUMNS = tuple(corrections.c[name] for name in _FIELDS)
_STEP_FIELDS = KeptStep.__struct_fields__
_STEP_COLUMNS = tuple(correction_steps.c[name] for name in _STEP_FIELDS)


async def _begin(connection: AsyncConnection, correction: KeptCorrection, pending: str, now_us: int) -> bool:
    mine = (corrections.c.id == correction.id, corrections.c.steps == correction.steps, _IDLE)
    values = {"pending": pending, "pending_us": now_us}
    return (await connection.execute(update(corrections).where(*mine).values(values))).rowcount == 1


async def _is_doubled(connection: AsyncConnection, correction: KeptCorrection) -> bool:
    """Whether another report about the same value is open, or about to be: one that is closed has a step under way when
    it is being reopened. Nobody else is told so, or opens one, before the transaction ends."""
    # What tells reports apart is in their words, which are JSON and are erased: no unique index can say it.
    await one_at_a_time(connection, "corrections", correction.partner, correction.owed_by)
    table, same = corrections.c, ("partner", "agreement", "owed_by", "product", "field")
    open_ = or_(table.state.in_(["", *sorted(OPEN)]), ~_IDLE)
    others = (open_, table.id != correction.id, *(table[name] == getattr(correction, name) for name in same))
    found = await connection.execute(select(table.words).where(*others))
    return any(_key_of(words) == _key_of(correction.words) for (words,) in found)


def _key_of(words: str) -> object:
    """The key of the record that a report is about. Words of what is open are not erased."""
    return msgspec.json.decode(words).get("key") if words else None


def _correction(row: tuple[object, ...]) -> KeptCorrection:
    values = dict(zip(_FIELDS, row, strict=True))
    return KeptCorrection(**values)  # type: ignore[arg-type]  # as they were put in


def _step(row: tuple[object, ...]) -> KeptStep:
    values = dict(zip(_STEP_FIELDS, row, strict=True))
    return KeptStep(**values)  # type: ignore[arg-type]  # as they were put in


def _history(kept: KeptCorrection, steps: tuple[Taken, ...]) -> History:
    about = (kept.partner, kept.agreement, kept.clause, kept.severity, kept.owed_by)
    return History(kept.id, *about, steps=steps)
