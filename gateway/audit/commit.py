"""Group commit: one fdatasync in flight, in a thread of its own; whoever arrives meanwhile shares the next one.

Nobody waits longer than a timeout: a disk that hangs is a fault to those who wait, and their records are remembered
as `told` until the disk answers.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Literal, Protocol, TypeAlias, cast

from msgspec import Struct

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Entry, Promised, Receipt

Told: TypeAlias = tuple[Receipt, Entry]
"""A record that is written, whose caller was told that it is not."""

_Outcome: TypeAlias = "asyncio.Future[Receipt | LogFault | None]"


class Listener(Protocol):
    """What a group commit tells; both on the event loop's thread."""

    def stalled(self, told: Sequence[Told]) -> None:
        """These waited for too long, and were told so."""

    def synced(self) -> None:
        """A sync that somebody waited for has succeeded: what was `told` before is durable, or in the next one."""


class CommitOptions(Struct, frozen=True, kw_only=True):
    """`flush_ms`: a sync also runs so often when nobody asks. `timeout_ms`: the longest that anybody waits."""

    flush_ms: int
    timeout_ms: int
    monotonic_ns: Callable[[], int] = time.monotonic_ns


class _Batch:
    """Those who wait for one sync, and the timer that ends their patience."""

    __slots__ = ("loop", "timer", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.timer: asyncio.TimerHandle | None = None
        self.waiting: list[tuple[_Outcome, Told | None]] = []


class GroupCommit:
    """Turns many waits for durability into few syncs. All methods belong to one thread, the event loop's.

    `sync` makes everything durable that was written before it was called; it runs in the commit thread only,
    and says what went wrong. It also runs once every `flush_ms` when nobody asks, which bounds how
    long a record that was only written can stay in memory. With `promise` receipts are signed there as well.
    """

    def __init__(
        self,
        sync: Callable[[], LogFault | None],
        name: str,
        options: CommitOptions,
        listener: Listener | None = None,
        promise: Callable[[Sequence[Receipt]], list[Promised]] | None = None,
    ) -> None:
        self._sync, self._listener, self._promise = sync, listener, promise
        self._flush_s, self._timeout_s = options.flush_ms / 1000, options.timeout_ms / 1000
        self._timeout_ns, self._monotonic_ns = options.timeout_ms * 1_000_000, options.monotonic_ns
        self._batches: SimpleQueue[_Batch | Literal["sync", "end"]] = SimpleQueue()
        self._gathering: _Batch | None = None
        self._in_flight: _Batch | None = None
        self._late = False
        self._since_ns = 0  # when the sync that runs began, 0 while none does; written by the commit thread
        # A daemon: a process that ends without closing its writer must end, not hang.
        self._thread = Thread(target=self._run, name=f"commit-{name}", daemon=True)
        self._thread.start()

    def is_stalled(self, now_ns: int) -> bool:
        """Whether a sync has been running for longer than the timeout."""
        since_ns = self._since_ns
        return self._late or (since_ns != 0 and now_ns - since_ns > self._timeout_ns)

    def durable(self, receipt: Receipt, entry: Entry) -> "asyncio.Future[Receipt | LogFault]":
        """Done when this record is durable: its receipt, promised where promises are made; or why it is not."""
        # No coroutine of its own: this is awaited once for each record. An outcome is None for `synced` alone.
        return cast("asyncio.Future[Receipt | LogFault]", self._wait((receipt, entry)))

    async def synced(self) -> LogFault | None:
        """Return when everything written before this call is durable, or with the reason why it is not."""
        outcome = await self._wait(None)
        return outcome if isinstance(outcome, LogFault) else None

    def nudge(self) -> None:
        """Ask for a sync that nobody waits for."""
        if self._batches.empty():
            self._batches.put("sync")

    def close(self) -> None:
        """End the thread after what it has begun. Those who still wait are served by a last sync."""
        self._batches.put("end")
        self._thread.join()
        batch, self._gathering = self._gathering, None
        if batch is not None:
            waiting = tuple(batch.waiting)
            self._finish(batch, waiting, *self._work(waiting))

    def _wait(self, told: Told | None) -> _Outcome:
        loop = asyncio.get_running_loop()
        batch = self._gathering
        if batch is None or batch.loop is not loop:
            if self._in_flight is not None and self._in_flight.loop is not loop:
                self._in_flight = None  # its loop was closed: nobody will be called back
            batch = self._gathering = _Batch(loop)
            if self._in_flight is None:
                # Not at once: all who are ready in this turn of the loop write first and share the sync.
                loop.call_soon(self._next_batch)
        if batch.timer is None:
            batch.timer = loop.call_later(self._timeout_s, self._time_is_up, batch)
        waiter: _Outcome = loop.create_future()
        batch.waiting.append((waiter, told))
        return waiter

    def _next_batch(self) -> None:
        self._in_flight, self._gathering = self._gathering, None
        if self._in_flight is not None:
            self._batches.put(self._in_flight)

    def _time_is_up(self, batch: _Batch) -> None:
        waiting, batch.waiting, batch.timer = batch.waiting, [], None
        self._late = True
        late = [(waiter, told) for waiter, told in waiting if not waiter.done()]
        fault = LogFault("stalled", f"the disk has not answered within {self._timeout_s:g} s")
        for waiter, _ in late:
            waiter.set_result(fault)
        if self._listener is not None:
            self._listener.stalled([told for _, told in late if told is not None])

    def _finished(
        self,
        batch: _Batch,
        waiting: Sequence[tuple[_Outcome, Told | None]],
        fault: LogFault | None,
        given: list[Promised],
    ) -> None:
        self._late = False
        self._finish(batch, waiting, fault, given)
        if self._in_flight is batch:
            self._next_batch()

    def _finish(
        self,
        batch: _Batch,
        waiting: Sequence[tuple[_Outcome, Told | None]],
        fault: LogFault | None,
        given: list[Promised],
    ) -> None:
        if batch.timer is not None:
            batch.timer.cancel()
        promised = iter(given)
        for waiter, told in waiting:
            outcome = fault if told is None or fault is not None else next(promised, told[0])
            # A caller that went away has cancelled its wait; its record stands all the same.
            if not waiter.done():
                waiter.set_result(outcome)
        if fault is None and self._listener is not None:
            self._listener.synced()

    def _work(self, waiting: Sequence[tuple[_Outcome, Told | None]]) -> tuple[LogFault | None, list[Promised]]:
        """Sync; then sign what may be signed."""
        self._since_ns = self._monotonic_ns()
        fault = self._sync()
        self._since_ns = 0
        receipts = [told[0] for _, told in waiting if told is not None] if self._promise and fault is None else []
        return fault, self._promise(receipts) if self._promise and receipts else []

    def _run(self) -> None:
        while True:
            try:
                batch = self._batches.get(timeout=self._flush_s)
            except Empty:
                batch = "sync"
            if batch == "end":
                return
            if batch == "sync":
                self._work(())
                continue
            waiting = tuple(batch.waiting)
            fault, given = self._work(waiting)
            try:
                batch.loop.call_soon_threadsafe(self._finished, batch, waiting, fault, given)
            except RuntimeError:
                # A loop that is closed has nobody left who could be told.
                self._late = False
