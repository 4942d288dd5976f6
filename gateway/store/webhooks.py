"""Webhook endpoints, and the outbox of what is to be delivered to them or by e-mail."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct, structs
from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import claims
from gateway.store.one_at_a_time import one_at_a_time
from gateway.store.store import Store
from gateway.store.tables_tasks import deliveries, webhook_endpoints

EndpointState: TypeAlias = Literal["enabled", "gone"]
DeliveryState: TypeAlias = Literal["pending", "delivered", "dead", "cancelled"]
Kind: TypeAlias = Literal["webhook", "mail"]


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where webhooks go. `partner` is "" for the hub; no `events` are all; the secrets are sealed.

    `gone`: it answered 410 and gets nothing more. Until `held_until_us` its receiver asked for silence.
    """

    id: str
    partner: str
    url: str
    events: tuple[str, ...]
    secret: bytes
    creator: str
    created_us: int
    previous: bytes | None = None
    previous_until_us: int | None = None
    state: EndpointState = "enabled"
    held_until_us: int = 0

    def takes(self, event: str) -> bool:
        """Whether it wants events of this type: by name, or by what stands before its first full stop."""
        return not self.events or event in self.events or event.partition(".")[0] in self.events


class Delivery(Struct, frozen=True, kw_only=True):
    """One message to one receiver. Times are Unix microseconds; pending ones are attempted from `due_us` on."""

    id: str
    message: str
    kind: Kind
    endpoint: str
    recipient: str
    partner: str
    event: str
    body: str
    created_us: int
    due_us: int
    state: DeliveryState = "pending"
    attempts: int = 0
    status: int = 0
    fault: str = ""
    ended_us: int | None = None
    claimed_us: int = 0


class Endpoints:
    """The endpoints in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, endpoint: Endpoint, endpoints_max: int) -> bool:
        """Keep a new one. False: its owner has as many as it may."""
        of_owner = select(func.count()).where(webhook_endpoints.c.partner == endpoint.partner)
        async with self._store.write() as connection:
            await one_at_a_time(connection, "webhook_endpoints", endpoint.partner)
            if (await connection.execute(of_owner)).scalar_one() >= endpoints_max:
                return False
            row = structs.asdict(endpoint) | {"events": msgspec.json.encode(endpoint.events).decode()}
            await connection.execute(insert(webhook_endpoints).values(row))
        return True

    async def find(self, endpoint_id: str) -> Endpoint | None:
        """One by its id."""
        query = select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)
        async with self._store.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else _endpoint(row)

    async def all(self, partner: str | None = None) -> tuple[Endpoint, ...]:
        """Every one, oldest first; with `partner`, those of one owner, "" for the hub."""
        query = select(webhook_endpoints).order_by(webhook_endpoints.c.created_us, webhook_endpoints.c.id)
        if partner is not None:
            query = query.where(webhook_endpoints.c.partner == partner)
        async with self._store.read() as connection:
            return tuple(_endpoint(row) for row in (await connection.execute(query)).mappings())

    async def remove(self, endpoint_id: str, now_us: int) -> bool:
        """Forget it, its secrets too; what waits for it is cancelled. False where there is none."""
        waiting = and_(deliveries.c.endpoint == endpoint_id, deliveries.c.state == "pending")
        async with self._store.write() as connection:
            mine = webhook_endpoints.c.id == endpoint_id
            done = await connection.execute(delete(webhook_endpoints).where(mine))
            await connection.execute(update(deliveries).where(waiting).values(state="cancelled", ended_us=now_us))
            return done.rowcount == 1

    async def rotate(self, endpoint: Endpoint, secret: bytes, previous_until_us: int) -> bool:
        """Another secret signs beside the one it had, which ends then. False: somebody else was faster."""
        mine = and_(webhook_endpoints.c.id == endpoint.id, webhook_endpoints.c.secret == endpoint.secret)
        values = {"secret": secret, "previous": endpoint.secret, "previous_until_us": previous_until_us}
        async with self._store.write() as connection:
            return (await connection.execute(update(webhook_endpoints).where(mine).values(values))).rowcount == 1

    async def hold(self, endpoint_id: str, until_us: int) -> None:
        """Its receiver asks for silence until then."""
        mine = webhook_endpoints.c.id == endpoint_id
        async with self._store.write() as connection:
            await connection.execute(update(webhook_endpoints).where(mine).values(held_until_us=until_us))

    async def gone(self, endpoint_id: str, now_us: int) -> None:
        """Its receiver wants nothing more: what waits for it is dead."""
        waiting = and_(deliveries.c.endpoint == endpoint_id, deliveries.c.state == "pending")
        dead = {"state": "dead", "fault": "gone", "ended_us": now_us}
        async with self._store.write() as connection:
            mine = webhook_endpoints.c.id == endpoint_id
            await connection.execute(update(webhook_endpoints).where(mine).values(state="gone"))
            await connection.execute(update(deliveries).where(waiting).values(dead))


class Deliveries:
    """The outbox in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def due(self, now_us: int, each_max: int) -> dict[str, tuple[Delivery, ...]]:
        """What is to be attempted now, by lane: an endpoint's id, or "" for e-mail; of each at most so many, the oldest
        first, so that nobody's backlog hides what others wait for. Endpoints held back are left out.
        """
        free = and_(_PENDING, deliveries.c.due_us <= now_us, deliveries.c.claimed_us <= now_us - claims.CLAIM_S * 10**6)
        awake = or_(deliveries.c.endpoint == "", webhook_endpoints.c.held_until_us <= now_us)
        order = (deliveries.c.due_us, deliveries.c.id)
        place = func.row_number().over(partition_by=deliveries.c.endpoint, order_by=order)
        joined = deliveries.outerjoin(webhook_endpoints, webhook_endpoints.c.id == deliveries.c.endpoint)
        ranked = select(deliveries.c.id, place.label("place")).select_from(joined).where(free, awake).subquery()
        query = select(deliveries).join(ranked, ranked.c.id == deliveries.c.id).where(ranked.c.place <= each_max)
        lanes: dict[str, tuple[Delivery, ...]] = {}
        async with self._store.read() as connection:
            for row in (await connection.execute(query.order_by(*order))).mappings():
                found = Delivery(**row)
                lanes[found.endpoint] = (*lanes.get(found.endpoint, ()), found)
        return lanes

    async def claim(self, delivery: Delivery, now_us: int) -> bool:
        """Whether it is yours to attempt, as you read it (gateway/store/claims.py)."""
        same = and_(_PENDING, deliveries.c.attempts == delivery.attempts, deliveries.c.due_us == delivery.due_us)
        return await claims.claim(self._store, deliveries, delivery.id, same, now_us)

    async def settle(self, delivery_id: str, claimed_us: int, values: Mapping[str, Any]) -> bool:
        """How the attempt ended. False: the claim was over, and somebody else has the delivery now."""
        mine = and_(deliveries.c.id == delivery_id, _PENDING, deliveries.c.claimed_us == claimed_us)
        async with self._store.write() as connection:
            done = await connection.execute(update(deliveries).where(mine).values(**values, claimed_us=0))
            return done.rowcount == 1

    async def find(self, delivery_id: str) -> Delivery | None:
        """One by its id."""
        async with self._store.read() as connection:
            row = (
                (await connection.execute(select(deliveries).where(deliveries.c.id == delivery_id)))
                .mappings()
                .one_or_none()
            )
        return None if row is None else Delivery(**row)

    async def latest(
        self, number_max: int, *, endpoint: str | None = None, state: DeliveryState | None = None
    ) -> tuple[Delivery, ...]:
        """The latest first; of one endpoint, or in one state."""
        query = select(deliveries).order_by(deliveries.c.created_us.desc(), deliveries.c.id).limit(number_max)
        if endpoint is not None:
            query = query.where(deliveries.c.endpoint == endpoint)
        if state is not None:
            query = query.where(deliveries.c.state == state)
        async with self._store.read() as connection:
            return tuple(Delivery(**row) for row in (await connection.execute(query)).mappings())

    async def replay(self, delivery_id: str, now_us: int) -> bool:
        """Attempt it anew from the first attempt on, with the same webhook-id. False for one that waits already."""
        mine = and_(deliveries.c.id == delivery_id, deliveries.c.state != "pending")
        again = {"state": "pending", "attempts": 0, "due_us": now_us, "ended_us": None, "claimed_us": 0}
        async with self._store.write() as connection:
            return (await connection.execute(update(deliveries).where(mine).values(again))).rowcount == 1

    async def prune(self, before_us: int) -> None:
        """Forget what ended before then."""
        async with self._store.write() as connection:
            await connection.execute(delete(deliveries).where(deliveries.c.ended_us < before_us))


async def takers(connection: AsyncConnection, owner: str, event: str) -> tuple[str, ...]:
    """The endpoints of an owner that want an event, in a transaction that puts it into the outbox."""
    mine = and_(webhook_endpoints.c.partner == owner, webhook_endpoints.c.state == "enabled")
    rows = (await connection.execute(select(webhook_endpoints).where(mine))).mappings()
    return tuple(each.id for each in map(_endpoint, rows) if each.takes(event))


async def put(connection: AsyncConnection, new: Iterable[Delivery]) -> None:
    """Put deliveries into the outbox, in somebody's transaction."""
    rows = [structs.asdict(each) for each in new]
    if rows:
        await connection.execute(insert(deliveries), rows)


_PENDING: ColumnElement[bool] = deliveries.c.state == "pending"


def _endpoint(row: RowMapping) -> Endpoint:
    return Endpoint(**{**row, "events": msgspec.json.decode(row["events"], type=tuple[str, ...])})
