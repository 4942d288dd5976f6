"""The engine over a store that several gateways share: Redis 7 or Valkey, one EVALSHA a decision.

It is as exact as the engine in process, and never admits more because the store forgot: docs/limits.md says what an
outage means for each clause, and what is guaranteed when data are lost.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import structlog
from msgspec import Struct
from redis.exceptions import NoScriptError

from gateway.limits.book import Book
from gateway.limits.breaker import PROBE_S, Breaker, Transition
from gateway.limits.connection import Client
from gateway.limits.epoch import Epochs, is_of_one_key
from gateway.limits.layout import (
    agreement_of,
    charge_arguments,
    charge_keys,
    decision_of,
    read_answer,
    standings_of,
)
from gateway.limits.pipe import Late, Pipe
from gateway.limits.scripts import script_for
from policies.limit import Charge, Decision, InFlight, LimiterUnavailable, Moment, Standing
from policies.seed import Seed

DEADLINE_S: Final = 0.05
"""A decision takes no longer, whatever the store does."""
HEARTBEAT_S: Final = 0.25
"""How often a worker says that it lives, and looks whether counters are being rebuilt."""
_REBUILDING_S: Final = 0.02
"""How often it looks while they are."""
_START_S: Final = 1.0
"""How long a start waits for other workers to put back what they know."""
_CANCEL_S: Final = 0.1
_RETURNS_MAX: Final = 10_000
"""Leases that ended while the store was away, and are given back when it returns; of more, they count as used."""
_TRIES: Final = 3
_log = structlog.get_logger(__name__)


class LimiterStatus(Struct, frozen=True):
    """How the shared counter is. Counts are of this process since it began; `since_us` is Unix time, 0: it is there.

    `fault` is the sort of failure that opened the breaker. `rebuilding`: agreements whose counters are being put back.
    `evicting`: the store may drop counters when its memory is full, which no limit survives (maxmemory-policy).
    """

    reachable: bool
    since_us: int
    fault: str
    outages: int
    refused: int
    admitted: int
    rebuilding: int
    evicting: bool


class RedisLimiter:
    """A Limiter. Belongs to one event loop: `start` before the first decision, `close` after the last.

    `workers` share a limit while the store is away and the clause says `local`. `seeds` are what the log says was used.
    `events` is told of every transition. `now_us` replaces the store's clock, for tests with a simulated one.
    """

    def __init__(
        self,
        client: Client,
        *,
        workers: int = 1,
        seeds: Iterable[Seed] = (),
        events: Callable[[Transition], None] = lambda _: None,
        deadline_s: float = DEADLINE_S,
        now_us: Callable[[], int] | None = None,
    ) -> None:
        self._pipe, self._epochs = Pipe(client, deadline_s), Epochs(client)
        self._workers, self._events, self._deadline_s, self._now_us = workers, events, deadline_s, now_us
        self._breaker = Breaker(events, lambda: time.time_ns() // 1000)
        self._books: dict[str, Book] = {}
        self._refused = self._admitted = 0
        self._lost = False
        self._wake = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._returns: list[Callable[[], None]] = []
        for seed in seeds:
            book = self._book(agreement_of(seed.key))
            book.seeds += (seed,)

    async def start(self, agreements: Iterable[str] = ()) -> None:
        """Agree with other workers on the counters of these agreements, so that their first call need not wait.

        A store that is not there is an outage, not an error.
        """
        for agreement in agreements:
            self._book(agreement)
        until_s = asyncio.get_running_loop().time() + _START_S
        await self._round()
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        while not self._breaker.open and asyncio.get_running_loop().time() < until_s:
            if all(book.open for book in self._books.values()):
                break
            await asyncio.sleep(_REBUILDING_S)

    async def close(self) -> None:
        """Tell the others not to wait for this worker, and disconnect."""
        if self._keeping is not None:
            await _end(self._keeping)
            self._keeping = None
        for task in [book.joining for book in self._books.values() if book.joining is not None]:
            await _end(task)
        try:
            if not self._breaker.open:
                await self._epochs.leave()
        except Exception as error:  # it is noticed by its silence, then
            _log.info("limits: left without saying so", error=type(error).__name__)
        await self._pipe.close()

    async def decide(
        self, charges: Sequence[Charge], at: Moment, hold: str = "", began_s: float | None = None
    ) -> Decision:
        """Check every limit, then charge all that fit or, if one that refuses does not, none. Within the deadline,
        counted from `began_s` by the loop's clock if the call has waited for something else before."""
        if not charges:
            return Decision((), None, 0)
        book = self._book(charges[0].limit.clause.agreement)
        reply = await self._ask("decide", "decide", charges, (at, hold), began_s)
        if reply is None:
            return await self._without(book, charges, at, hold)
        answer = read_answer(reply, charges)
        if not answer.bound and hold:
            book.mirror.hold(charges, hold, answer.now_us)
        return decision_of(answer, charges, at)

    async def release(self, charges: Sequence[Charge], hold: str) -> None:
        """An exchange has ended. Does not wait for an answer longer than a decision would."""
        for charge in charges:
            if not isinstance(charge.limit, InFlight):
                continue
            book = self._book(charge.limit.clause.agreement)
            book.mirror.release(charge.key, hold)
            if book.outage is not None:
                await book.outage.release([charge], hold)
            key = charge_keys(book.agreement, [charge])[1]
            reply = Late() if self._breaker.open else await self._pipe.ask(partial(_zrem, key, hold))
            if isinstance(reply, Exception):
                book.remember_release(key, hold)
                self._trip(reply)

    async def standings(self, charges: Sequence[Charge], at: Moment) -> tuple[Standing, ...]:
        """How limits stand; charges nothing. Raises LimiterUnavailable."""
        if not charges:
            return ()
        reply = await self.ask("decide", "look", charges, at, "")
        if reply is None:
            raise LimiterUnavailable("the shared counter cannot be asked")
        return standings_of(read_answer(reply, charges), charges, at, known=True)

    def when_back(self, call: Callable[[], None]) -> bool:
        """Have this called when the store, which is away now, is back; False: it is not away."""
        if self._breaker.open and len(self._returns) < _RETURNS_MAX:
            self._returns.append(call)
        return self._breaker.open

    def status(self) -> LimiterStatus:
        """How the shared counter is."""
        breaker = self._breaker
        return LimiterStatus(
            reachable=not breaker.open,
            since_us=breaker.since_us,
            fault=breaker.fault,
            outages=breaker.outages,
            refused=self._refused,
            admitted=self._admitted,
            rebuilding=sum(1 for book in self._books.values() if book.seeding),
            evicting=self._epochs.evicting,
        )

    async def ask(self, script: str, mode: str, charges: Sequence[Charge], at: Moment, hold: str) -> list[Any] | None:
        """Run a script that reads its arguments as decide.lua does. Its reply from 'ok' on; None: an outage, by now."""
        return await self._ask(script, mode, charges, (at, hold), None)

    async def _ask(
        self, script: str, mode: str, charges: Sequence[Charge], call: tuple[Moment, str], began_s: float | None
    ) -> list[Any] | None:
        book = self._book(charges[0].limit.clause.agreement)
        until_s = (asyncio.get_running_loop().time() if began_s is None else began_s) + self._deadline_s
        for _ in range(_TRIES):
            if self._breaker.open:
                return None
            if not book.open and (book.seeding or not await self._joined(book, until_s, forced=False)):
                return None
            reply = await self._asked(book, (script, mode), charges, call, until_s)
            if isinstance(reply, list) and reply[0] == b"ok":
                return reply
            if isinstance(reply, NoScriptError) or (isinstance(reply, list) and reply[0] == b"lost"):
                book.open = False
                if not await self._joined(book, until_s, forced=isinstance(reply, NoScriptError)):
                    return None
            elif isinstance(reply, Exception):
                if not is_of_one_key(reply):
                    self._trip(reply)
                return None
        return None

    async def _asked(
        self, book: Book, what: tuple[str, str], charges: Sequence[Charge], call: tuple[Moment, str], until_s: float
    ) -> Any:
        """One round trip; what the store says then is known here before anything else happens."""
        (script, mode), (at, hold) = what, call
        keys, arguments = charge_keys(book.agreement, charges), charge_arguments(charges, at.time_us)
        head = (script_for(script, book.server).sha, len(keys), *keys, mode, f"open {book.epoch}")
        sent_us = 0

        def command() -> tuple[Any, ...]:
            nonlocal sent_us
            sent_us = time.monotonic_ns() // 1000
            now = "" if self._now_us is None else self._now_us()
            return ("EVALSHA", *head, now, self._deadline_us(book, sent_us), at.time_us, hold, *arguments)

        book.begins()
        try:
            reply = await self._pipe.ask(command, until_s)
            if isinstance(reply, list) and reply[0] == b"ok":
                answer = read_answer(reply, charges)
                self._hear(book, answer.now_us, sent_us)
                book.mirror.note(charges, answer)
            elif isinstance(reply, list) and reply[0] == b"late":
                self._hear(book, int(reply[1]), sent_us)
            return reply
        finally:
            book.ends()

    def _deadline_us(self, book: Book, sent_us: int) -> int:
        """Until when somebody waits, on the store's clock; 0 as long as that is not known.

        A script that begins later, because the store was busy or the wire was cut, charges nothing.
        """
        if book.offset_us is None:
            return 0
        return sent_us + book.offset_us + int(self._deadline_s * 1_000_000)

    def _hear(self, book: Book, store_us: int, sent_us: int) -> None:
        if self._now_us is None:
            book.offset_us = store_us - sent_us

    async def _without(self, book: Book, charges: Sequence[Charge], at: Moment, hold: str) -> Decision:
        decision = await book.without(self._workers).decide(charges, at, hold)
        if decision.bound is None:
            self._admitted += 1
        else:
            self._refused += 1
        return decision

    def _book(self, agreement: str) -> Book:
        book = self._books.get(agreement)
        if book is None:
            book = self._books[agreement] = Book(agreement)
        return book

    def _trip(self, error: BaseException) -> None:
        if self._breaker.trip(error):
            _log.warning("limits: the shared counter cannot be asked", error=type(error).__name__)
            self._pipe.abandon()
            for book in self._books.values():
                book.offset_us = None
            self._wake.set()

    async def _joined(self, book: Book, until_s: float, forced: bool) -> bool:
        """Whether the store's counters can be counted on, by the deadline of a decision."""
        if book.joining is None:
            book.joining = asyncio.create_task(self._join(book, forced))
        await asyncio.wait({book.joining}, timeout=max(0.0, until_s - asyncio.get_running_loop().time()))
        return book.open

    async def _join(self, book: Book, forced: bool) -> bool:
        """Whether the store answered. Never raises but when it is cancelled."""
        try:
            if await self._epochs.join(book, forced):
                self._forgotten(book)
        except Exception as error:  # whatever it is: the store cannot be counted on
            book.open = False
            self._trip(error)
            return False
        finally:
            book.joining = None
        if not book.open:
            self._wake.set()  # to tell the others
        return True

    def _forgotten(self, found: Book) -> None:
        """The store had lost an agreement's counters, most likely all of them: the others are looked at as well."""
        self._lost = True
        for book in self._books.values():
            book.open = book.open and book is found
        self._wake.set()

    async def _keep(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._wake.wait()
            except TimeoutError:
                pass
            woken = self._wake.is_set()
            self._wake.clear()
            if woken and self._breaker.open:
                continue  # it has just been found away
            try:
                await self._round()
            except Exception as error:  # a defect of ours must not end the heartbeat
                _log.exception("limits: heartbeat failed", error=type(error).__name__)

    def _pause_s(self) -> float:
        if self._breaker.open:
            return random.uniform(*PROBE_S)  # noqa: S311 - spreads load, hides nothing
        return HEARTBEAT_S if all(book.open for book in self._books.values()) else _REBUILDING_S

    async def _round(self) -> None:
        """Say that this worker lives; see to whatever is not open; close the breaker when all is well."""
        books = self._books
        try:
            presence = await self._epochs.presence([name for name, book in books.items() if book.seeding])
        except Exception as error:  # whatever it is: the store cannot be counted on
            self._trip(error)
            return
        for agreement in presence.seeding:
            self._book(agreement)
        returning = self._breaker.open
        for name, book in list(books.items()):
            owing = book.outage is not None  # a call was decided without the store although it was there
            anew = returning or owing or not book.open or not presence.known or name in presence.seeding
            if not await self._see_to(book, anew):
                return
        if returning:
            self._breaker.close()
            for book in books.values():
                book.open = book.open and book.outage is None  # admitted since it was seen to: charged first
            returns, self._returns = self._returns, []
            for call in returns:
                call()
        if self._lost and all(book.open for book in books.values()):
            self._lost = False
            self._events("counter-rebuilt")

    async def _see_to(self, book: Book, anew: bool) -> bool:
        """Whether the store answered, if there was anything to ask it."""
        if not anew:
            try:
                await self._epochs.renew(book)
            except Exception as error:  # the next decision finds out what it means
                _log.info("limits: not renewed", error=type(error).__name__)
            return True
        if book.joining is None:
            book.joining = asyncio.create_task(self._join(book, forced=False))
        return await asyncio.shield(book.joining)


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancel it until it is over: what waits inside a client library may lose a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_S)


def _zrem(key: str, hold: str) -> tuple[str, str, str]:
    return "ZREM", key, hold
