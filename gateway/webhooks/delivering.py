"""Delivers what is in the outbox, in every worker of a gateway that serves; of what is due, one attempts each.

One attempt at a time goes from a worker to each endpoint, in a lane of its own: a receiver that hangs delays its own
messages and nobody else's. A process that ends in the middle of an attempt leaves a claim that runs out: the next one
delivers again, under the same webhook-id. At least once, in no promised order.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, NoReturn, Protocol

import msgspec
import structlog
from msgspec import Struct

from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.store import Store
from gateway.store.webhooks import Deliveries, Delivery, Endpoint, Endpoints
from gateway.webhooks.letter import Letter
from gateway.webhooks.mail import Mailer
from gateway.webhooks.schedule import Again, Dead, Done, following
from gateway.webhooks.sending import Attempt, Message, Target
from gateway.webhooks.signing import Sealing

INTERVAL_S: Final = 1.0
"""So often the outbox is looked at: nothing that is told waits noticeably, and an idle gateway asks one small query."""
EACH_MAX: Final = 20
"""So many messages of one endpoint are taken at a time: its backlog is worked off, and never held in memory."""
LANES_MAX: Final = 256
"""So many endpoints are served at once: sockets are not endless. Those beyond wait for the first that is done."""
KEEP_S: Final = 30 * 86_400
"""What was delivered, or died, can be looked at and replayed for a month."""
_PRUNE_S: Final = 3_600

_log = structlog.get_logger(__name__)


class _Sends(Protocol):
    """What posts webhooks (gateway/webhooks/sending.py)."""

    async def send(self, target: Target, keys: list[Hidden[str]], message: Message, now_us: int) -> Attempt: ...

    async def close(self) -> None: ...


class Transports(Struct, frozen=True):
    """What deliveries go by; `mailer` is None where no mail server is set."""

    sender: _Sends
    sealing: Sealing
    mailer: Mailer | None = None


def signing_keys(endpoint: Endpoint, sealing: Sealing, now_us: int) -> list[Hidden[str]]:
    """The secrets that sign for an endpoint now, the current one first; [] if the store was tampered with."""
    sealed = [endpoint.secret]
    if endpoint.previous is not None and now_us < (endpoint.previous_until_us or 0):
        sealed.append(endpoint.previous)
    opened = [sealing.open(each, endpoint.id) for each in sealed]
    return [each for each in opened if each is not None] if opened[0] is not None else []


class Delivering:
    """The service of one worker. Belongs to one event loop."""

    def __init__(
        self,
        store: Store,
        transports: Transports,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._deliveries, self._endpoints = Deliveries(store), Endpoints(store)
        self._transports, self._now_us, self._chance = transports, now_us, chance
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._running: asyncio.Task[NoReturn] | None = None
        self._prune_us, self._faulty = 0, False
        self._closed: set[str] = set()

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Begin."""
        self._running = asyncio.create_task(self._follow(interval_s))

    async def close(self) -> None:
        """End: attempts under way are given up, and made again by whoever comes next."""
        tasks = [*self._lanes.values(), *([self._running] if self._running else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._transports.sender.close()

    async def step(self) -> None:
        """Begin to attempt what is due, each endpoint in its lane. Raises StoreError."""
        now_us = self._now_us()
        if now_us >= self._prune_us:
            await self._deliveries.prune(now_us - KEEP_S * 1_000_000)
            self._prune_us = now_us + _PRUNE_S * 1_000_000
        for lane, due in (await self._deliveries.due(now_us, EACH_MAX)).items():
            if lane not in self._lanes and len(self._lanes) < LANES_MAX:
                task = asyncio.create_task(self._work_off(due))
                self._lanes[lane] = task
                task.add_done_callback(partial(self._leave, lane))

    async def settled(self) -> None:
        """Wait for every attempt under way."""
        await asyncio.gather(*self._lanes.values())

    def _leave(self, lane: str, _done: asyncio.Task[None]) -> None:
        del self._lanes[lane]

    async def _follow(self, interval_s: float) -> NoReturn:
        while True:
            try:
                await self.step()
                if self._faulty:
                    _log.info("webhooks are being delivered again")
                self._faulty = False
            except StoreError as error:
                self._say(error)
            await asyncio.sleep(interval_s)

    def _say(self, error: StoreError) -> None:
        if not self._faulty:
            _log.warning("webhooks cannot be delivered", error=str(error))
        self._faulty = True

    async def _work_off(self, due: tuple[Delivery, ...]) -> None:
        """The messages of one lane, one after the other; after a failure the rest waits for the next look."""
        try:
            for delivery in due:
                if not await self._deliver(delivery):
                    return
        except StoreError as error:
            self._say(error)

    async def _deliver(self, delivery: Delivery) -> bool:
        """One attempt, if it is ours to make. False: something is wrong with the receiver."""
        claimed_us = self._now_us()
        if not await self._deliveries.claim(delivery, claimed_us):
            return True
        attempt = await self._attempt(delivery, claimed_us)
        number = delivery.attempts + 1
        next_step = following(attempt, number, self._now_us(), self._chance())
        values: dict[str, Any] = {"attempts": number, "status": attempt.status, "fault": attempt.fault}
        match next_step:
            case Done():
                values |= {"state": "delivered", "ended_us": self._now_us()}
            case Again(due_us):
                values |= {"due_us": due_us}
            case Dead():
                values |= {"state": "dead", "ended_us": self._now_us()}
                _log.warning("a delivery is dead", delivery=delivery.id, told=delivery.event, fault=attempt.fault)
        await self._deliveries.settle(delivery.id, claimed_us, values)
        self._say_closed(delivery.endpoint, attempt)
        if isinstance(next_step, Again) and next_step.hold:
            await self._endpoints.hold(delivery.endpoint, next_step.due_us)
        if isinstance(next_step, Dead) and next_step.gone:
            await self._endpoints.gone(delivery.endpoint, self._now_us())
        return isinstance(next_step, Done)

    def _say_closed(self, endpoint: str, attempt: Attempt) -> None:
        """Say once that an endpoint's address is not admitted: settings are the operator's, and else its owner alone
        would see it until the delivery is dead, days later."""
        if attempt.fault != "address":
            self._closed.discard(endpoint)
        elif endpoint not in self._closed:
            self._closed.add(endpoint)
            _log.warning("a webhook leads nowhere, or to an address that no setting admits", endpoint=endpoint)

    async def _attempt(self, delivery: Delivery, now_us: int) -> Attempt:
        if delivery.kind == "mail":
            return await self._mail(delivery, now_us)
        endpoint = await self._endpoints.find(delivery.endpoint)
        if endpoint is None or endpoint.state == "gone":
            return Attempt(fault="removed", permanent=True)
        keys = signing_keys(endpoint, self._transports.sealing, now_us)
        if not keys:
            return Attempt(fault="secret")
        message = Message(delivery.message, delivery.body)
        target = Target(endpoint.url, endpoint.partner)
        return await self._transports.sender.send(target, keys, message, now_us)

    async def _mail(self, delivery: Delivery, now_us: int) -> Attempt:
        if self._transports.mailer is None:
            return Attempt(fault="no-mail-server")
        with suppress(msgspec.DecodeError):
            words = msgspec.json.decode(delivery.body, type=dict[str, str])
            letter = Letter(delivery.recipient, words.get("subject", ""), words.get("text", ""))
            return await self._transports.mailer.send(letter, delivery.message, now_us)
        return Attempt(fault="letter", permanent=True)
