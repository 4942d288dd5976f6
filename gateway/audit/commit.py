"""Group commit: one fdatasync in flight, in a thread of its own; whoever arrives meanwhile shares the next one."""

import asyncio
import contextlib
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeAlias

from msgspec import Struct

from gateway.audit.faults import LogFault

_Waiter: TypeAlias = "asyncio.Future[LogFault | None]"


class _Batch(Struct, frozen=True):
    """Those who wait for one sync. No loop and no waiters: a sync that nobody waits for."""

    loop: asyncio.AbstractEventLoop | None = None
    waiters: tuple[_Waiter, ...] = ()


class GroupCommit:
    """Turns many waits for durability into few syncs. All methods belong to one thread, the event loop's.

    `sync` makes everything durable that was written before it was called; it runs in the commit thread only,
    and says what went wrong. It also runs once every `flush_ms` when nobody asks, which bounds how
    long a record that was only written can stay in memory.
    """

    def __init__(self, sync: Callable[[], LogFault | None], flush_ms: int, name: str) -> None:
        self._sync = sync
        self._flush_s = flush_ms / 1000
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._waiting: list[_Waiter] = []
        self._in_flight = False
        # A daemon: a process that ends without closing its writer must end, not hang.
        self._thread = Thread(target=self._run, name=f"commit-{name}", daemon=True)
        self._thread.start()

    async def durable(self) -> LogFault | None:
        """Return when everything written before this call is durable, or with the reason why it is not."""
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        self._waiting.append(waiter)
        if not self._in_flight:
            self._in_flight = True
            # Not at once: all who are ready in this turn of the loop write first and share the sync.
            loop.call_soon(self._next_batch, loop)
        return await waiter

    def nudge(self) -> None:
        """Ask for a sync that nobody waits for."""
        if self._batches.empty():
            self._batches.put(_Batch())

    def close(self) -> None:
        """End the thread after what it has begun. Those who still wait are served by a last sync."""
        self._batches.put(None)
        self._thread.join()
        waiters, self._waiting = tuple(self._waiting), []
        if waiters:
            _wake(waiters, self._sync())

    def _next_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        waiters, self._waiting = tuple(self._waiting), []
        self._in_flight = bool(waiters)
        if waiters:
            self._batches.put(_Batch(loop, waiters))

    def _finished(self, batch: _Batch, fault: LogFault | None) -> None:
        _wake(batch.waiters, fault)
        if batch.loop is not None:
            self._next_batch(batch.loop)

    def _run(self) -> None:
        while True:
            try:
                batch = self._batches.get(timeout=self._flush_s)
            except Empty:
                batch = _Batch()
            if batch is None:
                return
            fault = self._sync()
            if batch.loop is not None:
                # A loop that is closed has nobody left who could be told.
                with contextlib.suppress(RuntimeError):
                    batch.loop.call_soon_threadsafe(self._finished, batch, fault)


def _wake(waiters: tuple[_Waiter, ...], fault: LogFault | None) -> None:
    for waiter in waiters:
        # A caller that went away has cancelled its wait; its record stands all the same.
        if not waiter.done():
            waiter.set_result(fault)
