"""Rollups: counted minutes that are kept, with the places in the log up to which they count it."""

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256

import msgspec
from msgspec import Struct
from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.store import Store
from gateway.store.tables_rollups import (
    rollup_agreements,
    rollup_days,
    rollup_positions,
    rollup_presence,
    rollup_state,
)

_STATE = 1
_PRESENCE_BYTES = 180
_INSERTED_AT_ONCE = 200

Named = tuple[str, str]
"""An agreement and its version."""


class RolledPosition(Struct, frozen=True):
    """Up to where a writer's log is counted: the next frame, and the place of the last record before it."""

    writer: str
    segment: int
    offset: int
    epoch: int
    seq: int
    skipped: str


class RolledAgreement(Struct, frozen=True):
    """What is known of an agreement version. `terms` "": nothing of it is counted, only when it came into force."""

    agreement: str
    version: str
    terms: str
    activated_us: int | None
    called: tuple[Named, ...] = ()

    @property
    def name(self) -> Named:
        """Its id and version."""
        return self.agreement, self.version


class RolledDay(Struct, frozen=True):
    """The minutes of one lane (its JSON) on one local day, packed (gateway/sla/minutes.py)."""

    agreement: str
    version: str
    lane: str
    day: int
    packed: bytes


class Rolled(Struct, frozen=True):
    """All but the minutes. `presence` maps UTC days since 1970 to 1,440 bits."""

    generation: int = 0
    positions: tuple[RolledPosition, ...] = ()
    agreements: Mapping[Named, RolledAgreement] = {}
    presence: Mapping[int, int] = {}


class Rollups:
    """The rollups in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, agreements: Collection[Named] | None = None) -> tuple[Rolled, tuple[RolledDay, ...]]:
        """What is kept, as of one moment, with the days of these agreements, None: of all."""
        async with self._store.read() as connection:
            rolled = await _rolled(connection)
            found: list[RolledDay] = []
            for name in rolled.agreements if agreements is None else agreements:
                found += await _days(connection, name, 0)
            return rolled, tuple(found)

    async def state(self) -> Rolled:
        """All but the minutes."""
        async with self._store.read() as connection:
            return await _rolled(connection)

    async def days(self, name: Named, from_day: int) -> tuple[RolledDay, ...]:
        """The minutes of an agreement version from a day on."""
        async with self._store.read() as connection:
            return tuple(await _days(connection, name, from_day))

    async def put(self, rolled: Rolled, days: Iterable[RolledDay], forgotten: Iterable[Named] = ()) -> bool:
        """Put these in place of what is kept under the same names, if nothing has changed since it was read.

        `rolled` holds whole values; `forgotten` are agreements whose minutes are deleted. False: somebody was faster.
        """
        try:
            async with self._store.write() as connection:
                if not await _advance(connection, rolled.generation):
                    return False
                for agreement, version in forgotten:
                    mine = (rollup_days.c.agreement == agreement, rollup_days.c.version == version)
                    await connection.execute(delete(rollup_days).where(*mine))
                await _put_rest(connection, rolled)
                await _put_days(connection, list(days))
                return True
        except IntegrityError:  # two made the first row at once
            return False

    async def reset(self, generation: int) -> bool:
        """Forget everything: it is counted again from the log. False: somebody was faster."""
        async with self._store.write() as connection:
            if not await _advance(connection, generation):
                return False
            for table in (rollup_positions, rollup_agreements, rollup_days, rollup_presence):
                await connection.execute(delete(table))
            return True


async def _advance(connection: AsyncConnection, generation: int) -> bool:
    if generation == 0:
        await connection.execute(insert(rollup_state).values(id=_STATE, generation=1))
        return True
    mine = (rollup_state.c.id == _STATE, rollup_state.c.generation == generation)
    done = await connection.execute(update(rollup_state).where(*mine).values(generation=generation + 1))
    return done.rowcount == 1


async def _rolled(connection: AsyncConnection) -> Rolled:
    generation = (await connection.execute(select(rollup_state.c.generation))).scalar_one_or_none() or 0
    positions = await connection.execute(select(rollup_positions).order_by(rollup_positions.c.writer))
    agreements = [
        RolledAgreement(row[0], row[1], row[2], row[3], tuple((one[0], one[1]) for one in msgspec.json.decode(row[4])))
        for row in await connection.execute(select(rollup_agreements))
    ]
    presence = {row[0]: int.from_bytes(row[1], "little") for row in await connection.execute(select(rollup_presence))}
    return Rolled(
        generation, tuple(RolledPosition(*row) for row in positions), {one.name: one for one in agreements}, presence
    )


async def _days(connection: AsyncConnection, name: Named, from_day: int) -> list[RolledDay]:
    kept = rollup_days.c
    query = select(kept.agreement, kept.version, kept.lane_json, kept.day, kept.packed).where(
        kept.agreement == name[0], kept.version == name[1], kept.day >= from_day
    )
    return [RolledDay(*row) for row in await connection.execute(query.order_by(kept.lane, kept.day))]


async def _put_rest(connection: AsyncConnection, rolled: Rolled) -> None:
    for position in rolled.positions:
        await connection.execute(delete(rollup_positions).where(rollup_positions.c.writer == position.writer))
        await connection.execute(insert(rollup_positions).values(msgspec.structs.asdict(position)))
    for one in rolled.agreements.values():
        kept = rollup_agreements.c
        await connection.execute(
            delete(rollup_agreements).where(kept.agreement == one.agreement, kept.version == one.version)
        )
        values = msgspec.structs.asdict(one) | {"called": msgspec.json.encode(one.called).decode()}
        await connection.execute(insert(rollup_agreements).values(values))
    for day, bits in rolled.presence.items():
        await connection.execute(delete(rollup_presence).where(rollup_presence.c.day == day))
        minutes = bits.to_bytes(_PRESENCE_BYTES, "little")
        await connection.execute(insert(rollup_presence).values(day=day, minutes=minutes))


async def _put_days(connection: AsyncConnection, days: list[RolledDay]) -> None:
    kept = rollup_days.c
    for one in days:
        mine = and_(
            kept.agreement == one.agreement,
            kept.version == one.version,
            kept.lane == _key(one.lane),
            kept.day == one.day,
        )
        await connection.execute(delete(rollup_days).where(mine))
    for start in range(0, len(days), _INSERTED_AT_ONCE):
        rows = [
            {
                "agreement": one.agreement,
                "version": one.version,
                "lane": _key(one.lane),
                "day": one.day,
                "lane_json": one.lane,
                "packed": one.packed,
            }
            for one in days[start : start + _INSERTED_AT_ONCE]
        ]
        await connection.execute(insert(rollup_days), rows)


def _key(lane: str) -> str:
    return sha256(lane.encode()).hexdigest()
