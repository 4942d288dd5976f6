"""What was found in the traffic, what a person said of it, and the measures that followed."""

from typing import Literal, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, case, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store import claims
from gateway.store.schema import findings, measures
from gateway.store.store import Store

State: TypeAlias = Literal["open", "dismissed", "confirmed"]

_UNREPORTED = findings.c.reported.is_(None)
_OPEN: ColumnElement[bool] = findings.c.state == "open"
_UNFINISHED = measures.c.ended_us.is_(None)


class KeptFinding(Struct, frozen=True, kw_only=True):
    """A finding as it is kept. `json` is its text with the latest evidence, until a person judged it.

    `reported` is that text as the log commits to it, None until it does; `reason` is why it was judged as it was;
    `updated_us` is in Unix microseconds.
    """

    id: str
    partner: str
    agreement: str
    resource: str
    detector: str
    json: str
    updated_us: int
    state: State = "open"
    reported: str | None = None
    reason: str = ""


class ImposedMeasure(Struct, frozen=True, kw_only=True):
    """What a person imposed for a finding, under a clause of kind anomaly, on one object: `product`.

    Times are Unix microseconds; `until_us` is exclusive. `ended_us` is when its end was recorded: one that was lifted
    ended before `until_us`, and `lift_reason` says why.
    """

    id: str
    finding: str
    partner: str
    agreement: str
    clause: str
    product: str
    from_us: int
    until_us: int
    reason: str
    lift_reason: str = ""
    ended_us: int | None = None

    def in_force(self, now_us: int) -> bool:
        """Whether it still binds."""
        return self.ended_us is None and now_us < self.until_us


class Findings:
    """The findings in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, finding: KeptFinding) -> None:
        """Keep a finding; of one that is kept already, the evidence if it is later and nobody has judged it."""
        row = structs.asdict(finding) | {"claimed_us": 0}
        mine = (findings.c.id == finding.id, _OPEN, findings.c.updated_us < finding.updated_us)
        latest = update(findings).where(*mine).values(json=finding.json, updated_us=finding.updated_us)
        try:
            async with self._store.write() as connection:
                known = select(findings.c.id).where(findings.c.id == finding.id)
                if (await connection.execute(known)).one_or_none() is not None:
                    await connection.execute(latest)
                else:
                    await connection.execute(insert(findings).values(row))
        except IntegrityError:  # another process was faster
            async with self._store.write() as connection:
                await connection.execute(latest)

    async def find(self, finding_id: str) -> KeptFinding | None:
        """One by its id."""
        async with self._store.read() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(findings.c.id == finding_id))).one_or_none()
        return None if row is None else _finding(tuple(row))

    async def all(self) -> tuple[KeptFinding, ...]:
        """Every finding: open ones first, then the latest first."""
        order = (case((_OPEN, 0), else_=1), findings.c.updated_us.desc(), findings.c.id)
        async with self._store.read() as connection:
            rows = await connection.execute(select(*_COLUMNS).order_by(*order))
            return tuple(_finding(tuple(row)) for row in rows)

    async def unreported(self) -> tuple[KeptFinding, ...]:
        """Those that are not on the log yet."""
        query = select(*_COLUMNS).where(_UNREPORTED).order_by(findings.c.updated_us, findings.c.id)
        async with self._store.read() as connection:
            return tuple(_finding(tuple(row)) for row in await connection.execute(query))

    async def claim_report(self, finding_id: str, now_us: int) -> bool:
        """Whether it is yours to put it on the log (gateway/store/claims.py)."""
        return await claims.claim(self._store, findings, finding_id, _UNREPORTED, now_us)

    async def report(self, finding_id: str, text: str) -> bool:
        """It is on the log, which commits to this text."""
        return await claims.finish(self._store, findings, finding_id, _UNREPORTED, reported=text)

    async def disclaim(self, finding_id: str) -> None:
        """It could not be put on the log."""
        await claims.disclaim(self._store, findings, finding_id)

    async def judge(self, finding_id: str, state: State, reason: str, json: str) -> bool:
        """A person has judged it, on this evidence. False if it is not open any more."""
        values = {"state": state, "reason": reason, "json": json}
        async with self._store.write() as connection:
            done = await connection.execute(update(findings).where(findings.c.id == finding_id, _OPEN).values(values))
            return done.rowcount == 1


class Measures:
    """The measures in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def impose(self, measure: ImposedMeasure, json: str) -> bool:
        """Impose it, and confirm its finding on this evidence, in one. False if the finding is not open any more."""
        confirmed = {"state": "confirmed", "reason": measure.reason, "json": json}
        async with self._store.write() as connection:
            mine = (findings.c.id == measure.finding, _OPEN)
            done = await connection.execute(update(findings).where(*mine).values(confirmed))
            if done.rowcount != 1:
                return False
            await connection.execute(insert(measures).values(structs.asdict(measure) | {"claimed_us": 0}))
            return True

    async def find(self, measure_id: str) -> ImposedMeasure | None:
        """One by its id."""
        async with self._store.read() as connection:
            query = select(*_MEASURE_COLUMNS).where(measures.c.id == measure_id)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _measure(tuple(row))

    async def unended(self) -> tuple[ImposedMeasure, ...]:
        """Those whose end is not recorded, oldest first: in force, or run out a moment ago."""
        query = select(*_MEASURE_COLUMNS).where(_UNFINISHED).order_by(measures.c.from_us, measures.c.id)
        async with self._store.read() as connection:
            return tuple(_measure(tuple(row)) for row in await connection.execute(query))

    async def of_finding(self, finding_id: str) -> tuple[ImposedMeasure, ...]:
        """Those that were imposed for a finding."""
        query = select(*_MEASURE_COLUMNS).where(measures.c.finding == finding_id)
        async with self._store.read() as connection:
            return tuple(_measure(tuple(row)) for row in await connection.execute(query))

    async def claim_end(self, measure_id: str, now_us: int) -> bool:
        """Whether it is yours to record that it ends (gateway/store/claims.py)."""
        return await claims.claim(self._store, measures, measure_id, _UNFINISHED, now_us)

    async def end(self, measure_id: str, now_us: int, lift_reason: str = "") -> bool:
        """Its end is recorded: it binds nobody any more. False if it had ended before."""
        ended = {"ended_us": now_us, "lift_reason": lift_reason}
        return await claims.finish(self._store, measures, measure_id, _UNFINISHED, **ended)

    async def disclaim(self, measure_id: str) -> None:
        """Its end could not be recorded."""
        await claims.disclaim(self._store, measures, measure_id)


_FIELDS = KeptFinding.__struct_fields__
_COLUMNS = tuple(findings.c[name] for name in _FIELDS)
_MEASURE_FIELDS = ImposedMeasure.__struct_fields__
_MEASURE_COLUMNS = tuple(measures.c[name] for name in _MEASURE_FIELDS)


def _finding(row: tuple[object, ...]) -> KeptFinding:
    values = dict(zip(_FIELDS, row, strict=True))
    return KeptFinding(**values)  # type: ignore[arg-type]  # as they were put in


def _measure(row: tuple[object, ...]) -> ImposedMeasure:
    values = dict(zip(_MEASURE_FIELDS, row, strict=True))
    return ImposedMeasure(**values)  # type: ignore[arg-type]  # as they were put in
