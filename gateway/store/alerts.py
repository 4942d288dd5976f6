"""Alerts: one that is not resolved for each agreement, clause and rule, with what people and data said of it."""

from typing import Literal, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.exc import IntegrityError

from gateway.store import claims
from gateway.store.store import Store
from gateway.store.tables_alerts import alerts

AlertState: TypeAlias = Literal["raised", "acknowledged", "resolved"]

_OPEN: ColumnElement[bool] = alerts.c.state != "resolved"
_RAISED: ColumnElement[bool] = alerts.c.state == "raised"
_UNRECORDED = alerts.c.recorded_us.is_(None)


class KeptAlert(Struct, frozen=True, kw_only=True):
    """An alert as it is kept. Times are Unix microseconds.

    `evidence` are the figures that it was raised for, as canonical JSON, with a member `ended` where no data ended it;
    `recorded_us` is when its raising was put on the log. `told` is the last state that was told, "" before the first;
    `told_us` is when its raising was, None where it was not. `acknowledged_by` is an account of the operating system,
    `note` what it said.
    """

    id: str
    partner: str
    agreement: str
    clause: str
    rule: str
    severity: str
    contract: str
    evidence: str
    raised_us: int
    state: AlertState = "raised"
    recorded_us: int | None = None
    acknowledged_us: int | None = None
    acknowledged_by: str = ""
    note: str = ""
    resolved_us: int | None = None
    told: str = ""
    told_us: int | None = None

    @property
    def about(self) -> tuple[str, str, str]:
        """What it is about: agreement, clause, rule. Of several that are not resolved there is one."""
        return (self.agreement, self.clause, self.rule)


class KeptAlerts:
    """The alerts in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, alert: KeptAlert) -> bool:
        """Keep a new one. False: another process keeps one about the same that is not resolved."""
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(alerts).values(structs.asdict(alert) | {"claimed_us": 0}))
        except IntegrityError:
            return False
        return True

    async def find(self, alert_id: str) -> KeptAlert | None:
        """One by its id."""
        async with self._store.read() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(alerts.c.id == alert_id))).one_or_none()
        return None if row is None else _alert(tuple(row))

    async def open(self) -> tuple[KeptAlert, ...]:
        """Those that are not resolved, the latest first."""
        return await self._where(_OPEN)

    async def all(self, at_most: int) -> tuple[KeptAlert, ...]:
        """The latest ones, whatever became of them."""
        query = select(*_COLUMNS).order_by(alerts.c.raised_us.desc(), alerts.c.id).limit(at_most)
        async with self._store.read() as connection:
            return tuple(_alert(tuple(row)) for row in await connection.execute(query))

    async def untold(self) -> tuple[KeptAlert, ...]:
        """Those on the log of which something has happened that was not told, the latest first."""
        return await self._where(alerts.c.told != alerts.c.state, alerts.c.recorded_us.is_not(None))

    async def last_told_us(self, about: tuple[str, str, str]) -> int | None:
        """When it was last told that one about the same is raised; None: never."""
        agreement, clause, rule = about
        same = (alerts.c.agreement == agreement, alerts.c.clause == clause, alerts.c.rule == rule)
        async with self._store.read() as connection:
            told_us: int | None = (await connection.execute(select(func.max(alerts.c.told_us)).where(*same))).scalar()
        return told_us

    async def claim_record(self, alert_id: str, now_us: int) -> bool:
        """Whether it is yours to put it on the log (gateway/store/claims.py)."""
        return await claims.claim(self._store, alerts, alert_id, _UNRECORDED, now_us)

    async def recorded(self, alert_id: str, now_us: int) -> bool:
        """It is on the log."""
        return await claims.finish(self._store, alerts, alert_id, _UNRECORDED, recorded_us=now_us, claimed_us=0)

    async def claim_resolve(self, alert_id: str, now_us: int) -> bool:
        """Whether it is yours to record that it is over."""
        return await claims.claim(self._store, alerts, alert_id, _OPEN, now_us)

    async def resolve(self, alert_id: str, now_us: int, evidence: str | None = None) -> bool:
        """It is recorded that it is over; `evidence` takes the place of what there is."""
        values: dict[str, object] = {"state": "resolved", "resolved_us": now_us, "claimed_us": 0}
        if evidence is not None:
            values["evidence"] = evidence
        return await claims.finish(self._store, alerts, alert_id, _OPEN, **values)

    async def claim_acknowledge(self, alert_id: str, now_us: int) -> bool:
        """Whether it is yours to record that somebody has seen it."""
        return await claims.claim(self._store, alerts, alert_id, _RAISED, now_us)

    async def acknowledge(self, alert_id: str, now_us: int, by: str, note: str) -> bool:
        """It is recorded that somebody has seen it. False: it is over meanwhile."""
        values = {"acknowledged_us": now_us, "acknowledged_by": by, "note": note, "claimed_us": 0}
        return await claims.finish(self._store, alerts, alert_id, _RAISED, state="acknowledged", **values)

    async def claim_tell(self, alert: KeptAlert, now_us: int) -> bool:
        """Whether it is yours to tell what has become of it."""
        return await claims.claim(self._store, alerts, alert.id, alerts.c.told == alert.told, now_us)

    async def tell(self, alert: KeptAlert, told_us: int | None) -> bool:
        """It is told, or need not be; `told_us`: when its raising was, None where it was not."""
        values = {"told": alert.state, "told_us": told_us, "claimed_us": 0}
        return await claims.finish(self._store, alerts, alert.id, alerts.c.told == alert.told, **values)

    async def disclaim(self, alert_id: str) -> None:
        """What was claimed could not be done."""
        await claims.disclaim(self._store, alerts, alert_id)

    async def _where(self, *conditions: ColumnElement[bool]) -> tuple[KeptAlert, ...]:
        query = select(*_COLUMNS).where(*conditions).order_by(alerts.c.raised_us.desc(), alerts.c.id)
        async with self._store.read() as connection:
            return tuple(_alert(tuple(row)) for row in await connection.execute(query))


_FIELDS = KeptAlert.__struct_fields__
_COLUMNS = tuple(alerts.c[name] for name in _FIELDS)


def _alert(row: tuple[object, ...]) -> KeptAlert:
    values = dict(zip(_FIELDS, row, strict=True))
    return KeptAlert(**values)  # type: ignore[arg-type]  # as they were put in
