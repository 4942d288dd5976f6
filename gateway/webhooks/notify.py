"""Telling partners and the hub what happened: `Notify` is how other parts do it, `Outbox` what stands behind it."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.store import Store
from gateway.store.webhooks import Delivery, put, takers
from gateway.webhooks.letter import Letter, fault_of

Notify: TypeAlias = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]
"""Event type such as `statement.issued`; a partner's id, or "" for the hub; data without personal values."""

EVENT_TYPES: Final = (
    "alert.acknowledged",
    "alert.raised",
    "alert.resolved",
    "correction.acknowledged",
    "correction.fixed",
    "correction.rejected",
    "correction.reopened",
    "correction.reported",
    "credential.expiring",
    "notice.published",
    "notice.withdrawn",
    "statement.countersigned",
    "statement.disputed",
    "statement.issued",
    "suspension.begun",
    "suspension.ended",
    "task.accepted",
    "task.cancelled",
    "task.completed",
    "task.created",
    "task.overdue",
    "webhook.test",
)
"""What endpoints may ask for, also by what stands before the full stop. A type keeps its meaning for good."""


class Outbox:
    """Keeps what is to be delivered, at least once; the serving gateway delivers it. Every method raises StoreError."""

    def __init__(self, store: Store, now_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._store, self._now_us = store, now_us

    async def notify(self, event: str, partner: str, data: Mapping[str, Any]) -> None:
        """Tell an owner's endpoints that want such events; does nothing where there is none. A `Notify`."""
        async with self._store.write() as connection:
            await enqueue(connection, event, partner, data, self._now_us())

    async def mail(self, recipient: str, subject: str, text: str) -> None:
        """Send an e-mail. Raises ValueError for what would make other headers (gateway/webhooks/letter.py)."""
        letter = Letter(recipient, subject, text)
        if fault := fault_of(letter):
            raise ValueError(fault)
        body = msgspec.json.encode({"subject": subject, "text": text}).decode()
        now_us = self._now_us()
        delivery = Delivery(
            id=f"d-{token_hex(8)}",
            message=f"msg_{token_hex(16)}",
            kind="mail",
            endpoint="",
            recipient=recipient,
            partner="",
            event="mail",
            body=body,
            created_us=now_us,
            due_us=now_us,
        )
        async with self._store.write() as connection:
            await put(connection, [delivery])


async def enqueue(
    connection: AsyncConnection, event: str, partner: str, data: Mapping[str, Any], now_us: int
) -> tuple[str, ...]:
    """Tell an owner's endpoints, in the transaction that makes the change: one is not without the other.

    The ids of the deliveries.
    """
    endpoints = await takers(connection, partner, event)
    new = deliveries_of(endpoints, event, partner, data, now_us) if endpoints else ()
    await put(connection, new)
    return tuple(each.id for each in new)


def deliveries_of(
    endpoints: tuple[str, ...], event: str, partner: str, data: Mapping[str, Any], now_us: int
) -> tuple[Delivery, ...]:
    """One message for several endpoints: the payload that Standard Webhooks recommends, `type`, `timestamp`, `data`."""
    body = msgspec.json.encode({"type": event, "timestamp": rfc3339(now_us), "data": data}).decode()
    message = f"msg_{token_hex(16)}"
    return tuple(
        Delivery(
            id=f"d-{token_hex(8)}",
            message=message,
            kind="webhook",
            endpoint=endpoint,
            recipient="",
            partner=partner,
            event=event,
            body=body,
            created_us=now_us,
            due_us=now_us,
        )
        for endpoint in endpoints
    )


def rfc3339(time_us: int) -> str:
    """A time in UTC, to the microsecond."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{time_us % 10**6:06}Z"
