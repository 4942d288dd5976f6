"""What was announced, word for word, and when the collaboration was suspended, by whom and why."""

from msgspec import Struct, structs
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.notices.known import Announced, Known, Side, Suspended, notice_of
from gateway.store.store import Store
from gateway.store.tables_notices import notices, suspensions


class KeptNotice(Struct, frozen=True, kw_only=True):
    """A notice as it is kept: `json` is its canonical JSON with its `sha256`, `note` what signs it.

    `announced_us` is when its record was put on the log (Unix microseconds). `published_by` is the account of the
    operating system that ran the command, which nothing proves.
    """

    id: str
    kind: str
    json: str
    sha256: str
    note: str
    announced_us: int
    published_by: str
    withdrawn_us: int | None = None
    withdraw_reason: str = ""


class KeptSuspension(Struct, frozen=True, kw_only=True):
    """A suspension as it is kept; times are those of its records on the log, in Unix microseconds."""

    id: str
    partner: str
    agreement: str
    side: Side
    begun_us: int
    reason: str
    begun_by: str
    ended_us: int | None = None
    end_reason: str = ""

    def suspended(self) -> Suspended:
        """The same without its words."""
        return Suspended(self.id, self.agreement, self.side, self.begun_us, self.ended_us)


class Notices:
    """The notices in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, notice: KeptNotice) -> bool:
        """Keep it. False: there is one of its name."""
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(notices).values(structs.asdict(notice)))
        except IntegrityError:
            return False
        return True

    async def find(self, notice_id: str) -> KeptNotice | None:
        """One by its name."""
        async with self._store.read() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(notices.c.id == notice_id))).one_or_none()
        return None if row is None else _notice(tuple(row))

    async def all(self) -> tuple[KeptNotice, ...]:
        """Every notice, oldest first."""
        query = select(*_COLUMNS).order_by(notices.c.announced_us, notices.c.id)
        async with self._store.read() as connection:
            return tuple(_notice(tuple(row)) for row in await connection.execute(query))

    async def withdraw(self, notice_id: str, time_us: int, reason: str) -> bool:
        """It does not hold any more. False if that was said before."""
        mine = (notices.c.id == notice_id, notices.c.withdrawn_us.is_(None))
        said = {"withdrawn_us": time_us, "withdraw_reason": reason}
        async with self._store.write() as connection:
            return (await connection.execute(update(notices).where(*mine).values(said))).rowcount == 1


class Suspensions:
    """The suspensions in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, suspension: KeptSuspension) -> bool:
        """Keep it. False: the same side has suspended the agreement already."""
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(suspensions).values(structs.asdict(suspension)))
        except IntegrityError:
            return False
        return True

    async def open(self) -> tuple[KeptSuspension, ...]:
        """Those that last, oldest first."""
        return await self._where(only_open=True)

    async def all(self) -> tuple[KeptSuspension, ...]:
        """Every suspension, oldest first."""
        return await self._where(only_open=False)

    async def end(self, suspension_id: str, time_us: int, reason: str) -> bool:
        """The collaboration goes on. False if it did already."""
        mine = (suspensions.c.id == suspension_id, suspensions.c.ended_us.is_(None))
        async with self._store.write() as connection:
            ended = {"ended_us": time_us, "end_reason": reason}
            return (await connection.execute(update(suspensions).where(*mine).values(ended))).rowcount == 1

    async def _where(self, *, only_open: bool) -> tuple[KeptSuspension, ...]:
        query = select(*_SUSPENSION_COLUMNS).order_by(suspensions.c.begun_us, suspensions.c.id)
        if only_open:
            query = query.where(suspensions.c.ended_us.is_(None))
        async with self._store.read() as connection:
            return tuple(_suspension(tuple(row)) for row in await connection.execute(query))


async def read_known(store: Store) -> Known:
    """Everything that was announced and suspended. Raises StoreError."""
    found, unresolved = [], []
    for kept in await Notices(store).all():
        announced = announced_of(kept)
        if announced is None:
            unresolved.append(kept.id)
        else:
            found.append(announced)
    suspended = tuple(kept.suspended() for kept in await Suspensions(store).all())
    return Known(tuple(found), suspended, tuple(unresolved))


async def documents(store: Store) -> dict[str, bytes]:
    """The canonical JSON of every notice by its SHA-256, for those who read the log. Raises StoreError."""
    return {kept.sha256: kept.json.encode() for kept in await Notices(store).all()}


def announced_of(kept: KeptNotice) -> Announced | None:
    """What was announced; None for a text that is no notice, which a later version may have written."""
    notice = notice_of(kept.json.encode())
    return None if notice is None else Announced(notice, kept.announced_us, kept.withdrawn_us)


_FIELDS = KeptNotice.__struct_fields__
_COLUMNS = tuple(notices.c[name] for name in _FIELDS)
_SUSPENSION_FIELDS = KeptSuspension.__struct_fields__
_SUSPENSION_COLUMNS = tuple(suspensions.c[name] for name in _SUSPENSION_FIELDS)


def _notice(row: tuple[object, ...]) -> KeptNotice:
    values = dict(zip(_FIELDS, row, strict=True))
    return KeptNotice(**values)  # type: ignore[arg-type]  # as they were put in


def _suspension(row: tuple[object, ...]) -> KeptSuspension:
    values = dict(zip(_SUSPENSION_FIELDS, row, strict=True))
    return KeptSuspension(**values)  # type: ignore[arg-type]  # as they were put in
