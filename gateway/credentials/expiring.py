"""Tells of credentials that end soon, partners of theirs and the hub of all: 30, 14, 7 and 1 day ahead, each once, on
the log and by webhook.

It is told when nothing newer is there in its place: what was replaced is meant to end. After an outage only the nearest
threshold is told, and of what lasts no longer than a threshold not that one.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog

from contracts.agreement import HUB
from gateway.audit.writer import Writer
from gateway.authority_record import AuthorityError, record
from gateway.credentials.shown import rfc3339
from gateway.repeating import Repeating
from gateway.store.credential_uses import CredentialUses
from gateway.store.expiries import HUBS_KINDS, Expiries, Held
from gateway.store.store import Store

DAYS: Final = (1, 7, 14, 30)
INTERVAL_S: Final = 600.0
_DAY_S: Final = 86_400

_log = structlog.get_logger(__name__)


class Expiring:
    """The service of the first worker. Belongs to one event loop."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        own: Callable[[], tuple[Held, ...]] = tuple,
    ) -> None:
        """`own` says what the hub itself relies on; it may wait for the disk."""
        self._expiries, self._writer, self._now_us, self._own = Expiries(store), writer, now_us, own
        self._uses = CredentialUses(store)
        self._repeating = Repeating(
            self.step,
            fails="expiring credentials cannot be told of",
            again="expiring credentials are being told of again",
        )

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Begin, at once."""
        self._repeating.start(interval_s)

    async def close(self) -> None:
        """End; before the writer is closed."""
        await self._repeating.close()

    async def step(self) -> int:
        """Tell what is to be told now; how much. Raises StoreError, and AuthorityError where the log is closed."""
        now_s = self._now_us() // 1_000_000
        await self._uses.sweep(now_s)
        of_clients = (*await self._expiries.held(), *await self._expiries.seen(now_s))
        found = due((*of_clients, *await asyncio.to_thread(self._own)), now_s)
        return sum([await self._tell(held, days) for held, days in found])

    async def _tell(self, held: Held, days: int) -> bool:
        if not await self._expiries.claim(held, days, self._now_us()):
            return False
        subject = f"{held.client_id} {held.kind} {held.id} {days}"
        try:
            await record(
                self._writer, "credential-expiring", subject, partner="" if held.partner == HUB else held.partner
            )
        except AuthorityError:
            await self._expiries.disclaim(held, days)
            raise
        told = await self._expiries.tell(held, days, told_of(held, days), self._now_us())
        if told and held.kind in HUBS_KINDS:
            _log.warning("the gateway's own certificate ends soon", certificate=held.place, days=days)
        return told


def due(held: Iterable[Held], now_s: int) -> list[tuple[Held, int]]:
    """What ends within a threshold and was not replaced, each with the nearest one: so many days ahead."""
    by_place: dict[tuple[str, str, str], list[Held]] = defaultdict(list)
    for each in held:
        by_place[each.client_id, each.kind, each.place].append(each)
    found = []
    for together in by_place.values():
        for each in together:
            days = nearest(each.ends_s, now_s, each.begins_s)
            if days is not None and not any(_replaces(other, each) for other in together):
                found.append((each, days))
    return found


def nearest(ends_s: int | None, now_s: int, begins_s: int | None = None) -> int | None:
    """The nearest threshold that is passed, in days; None before the first, and from the end on.

    What began after a threshold has none there: of certificates for a day nobody wants to hear daily.
    """
    if ends_s is None or ends_s <= now_s:
        return None
    days = next((days for days in DAYS if ends_s - now_s <= days * _DAY_S), None)
    if days is not None and begins_s is not None and ends_s - begins_s <= days * _DAY_S:
        return None
    return days


def told_of(held: Held, days: int) -> dict[str, Any]:
    """What a webhook of type credential.expiring says."""
    return {
        "client": held.client_id,
        "kind": held.kind,
        "credential": held.id,
        "expires": rfc3339(held.ends_s or 0),
        "days": days,
        "href": "" if held.kind in HUBS_KINDS else f"/partner/clients/{held.client_id}",
    }


def _replaces(other: Held, this: Held) -> bool:
    """Whether it came later and lasts longer."""
    if this.ends_s is None or other.created_s <= this.created_s:
        return False
    return other.ends_s is None or other.ends_s > this.ends_s
