"""Keeps the workers of a gateway: starts them, starts those again that die, has all of them reload, ends them.

Only the first worker starts while nothing else runs: it brings the state store up to date and records which agreements
come into force, and the others find that done. It is also the last one to end.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final

import structlog

from gateway.workers.backoff import Backoff
from gateway.workers.messages import Failed, Message, Ready, Reloaded
from gateway.workers.process import Worker

STOP_S: Final = 60.0
"""How long a worker may take to end in good order: answers in flight have 30 s, then the log is closed."""
RELOAD_S: Final = 120.0

_log = structlog.get_logger(__name__)


class WorkerError(Exception):
    """A worker cannot start; the text is for the operator."""


class _Member:
    """One worker's number, through all the lives of its process."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: Worker | None = None
        self.is_ready = False
        self.is_behind = False
        self.documents = self.reason = ""
        self.reloading: asyncio.Future[bool | None] | None = None


class Supervisor:
    """The workers 1 to `workers`. `start` makes the process of a number; `pause` waits between two of its lives."""

    def __init__(
        self,
        start: Callable[[int], Awaitable[Worker]],
        workers: int,
        *,
        pause: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
        stop_s: float = STOP_S,
    ) -> None:
        self._start, self._pause, self._stop_s = start, pause, stop_s
        self._members = [_Member(number) for number in range(1, workers + 1)]
        self._stopping, self._reload_wanted, self._changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._started = False
        self._url = ""

    def stop(self) -> None:
        """Have `run` end: answers in flight are finished. A second time, they are not."""
        if self._stopping.is_set():
            for member in self._members:
                _send(member, signal.SIGINT)
        self._stopping.set()
        self._changed.set()
        for member in self._members:
            _settle(member, None)

    def reload(self) -> None:
        """Have every worker read the documents again."""
        self._reload_wanted.set()
        self._changed.set()

    async def run(self, ready: Callable[[str], None]) -> None:
        """Serve until stopped. `ready` is called once, with the URL, when all workers serve. Raises WorkerError."""
        keeping: dict[int, asyncio.Task[None]] = {}
        first, others = self._members[:1], self._members[1:]
        try:
            for group in (first, others):
                for member in group:
                    keeping[member.number] = asyncio.create_task(self._keep(member))
                await self._until_ready(group)
            self._started = True
            if not self._stopping.is_set():
                ready(self._url)
            await self._tend()
        finally:
            self._stopping.set()
            await self._end(others, keeping)
            await self._end(first, keeping)

    async def _tend(self) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            if self._reload_wanted.is_set():
                self._reload_wanted.clear()
                await self._reload_all()
                continue
            await self._changed.wait()

    async def _until_ready(self, group: Iterable[_Member]) -> None:
        """Return when all of them serve, or it is to end. Raises WorkerError as soon as one cannot start."""
        waiting = list(group)
        while not self._stopping.is_set():
            self._changed.clear()
            for member in waiting:
                if member.reason:
                    raise WorkerError(member.reason)
            if all(member.is_ready for member in waiting):
                return
            await self._changed.wait()

    async def _keep(self, member: _Member) -> None:
        """Start the worker, and again whenever it ends, until it is to stay so."""
        backoff = Backoff()
        while not self._stopping.is_set():
            backoff.began()
            status = await self._live(member)
            if self._stopping.is_set():
                return
            if not self._started:
                member.reason = member.reason or f"worker {member.number} ended with status {status}"
                self._changed.set()
                return
            pause_s = backoff.ended()
            _log.error(
                "worker ended",
                worker=member.number,
                status=status,
                again_in_s=pause_s,
                **({"reason": member.reason} if member.reason else {}),
            )
            await self._pause_or_stop(pause_s)

    async def _live(self, member: _Member) -> int | str:
        """One life of a worker's process; its exit status, or why there was no process."""
        member.reason = ""
        try:
            process = await self._start(member.number)
        except OSError as error:
            return error.strerror or type(error).__name__
        member.process = process
        try:
            if self._stopping.is_set():
                process.send(signal.SIGTERM)
            async for message in process.messages():
                self._heard(member, message)
            return await process.ended()
        finally:
            member.process, member.is_ready = None, False
            _settle(member, None)
            self._changed.set()

    def _heard(self, member: _Member, message: Message) -> None:
        if isinstance(message, Failed):
            member.reason = message.reason
        elif isinstance(message, Ready):
            member.is_ready, member.documents = True, message.documents
            self._url = message.url
            if self._started:
                _log.info("worker serves again", worker=member.number)
            if member.is_behind:  # it may have read the documents before they were edited
                member.is_behind = False
                _send(member, signal.SIGHUP)
            self._compare()
        elif isinstance(message, Reloaded):
            member.documents = message.documents
            _settle(member, message.done)
            if member.reloading is None:
                self._compare()
        self._changed.set()

    def _compare(self) -> None:
        """Say so when workers serve different agreements: one that was started again reads what is there now."""
        serving = [member for member in self._members if member.is_ready]
        if len({member.documents for member in serving}) > 1 and not any(member.reloading for member in serving):
            _log.warning("workers serve different documents; SIGHUP has all of them read the same")

    async def _reload_all(self) -> None:
        """The first alone: it records what comes into force, which the others then find on the log.

        If it finds a mistake, they are not asked, and it is said once.
        """
        for member in self._members:
            member.is_behind = not member.is_ready
        led: bool | None = None
        waiting = [member for member in self._members if member.is_ready]
        while waiting and led is None and not self._stopping.is_set():  # None: it died of something; the next one leads
            led = await self._reloaded(waiting.pop(0))
        if led:
            await asyncio.gather(*map(self._reloaded, waiting))
            self._compare()

    async def _reloaded(self, member: _Member) -> bool | None:
        """Have one worker reload; whether it did, None when it ended or said nothing."""
        if not member.is_ready:
            return None
        member.reloading = asyncio.get_running_loop().create_future()
        _send(member, signal.SIGHUP)
        try:
            return await asyncio.wait_for(member.reloading, RELOAD_S)
        except TimeoutError:
            _log.error("worker did not reload", worker=member.number)
            return None
        finally:
            member.reloading = None

    async def _pause_or_stop(self, pause_s: float) -> None:
        pausing, stopping = asyncio.create_task(self._pause(pause_s)), asyncio.create_task(self._stopping.wait())
        _, pending = await asyncio.wait({pausing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()

    async def _end(self, members: Iterable[_Member], keeping: dict[int, asyncio.Task[None]]) -> None:
        """Stop these workers and wait for their end; one that does not end is killed."""
        members = [member for member in members if member.number in keeping]
        for member in members:
            _send(member, signal.SIGTERM)
        tasks = [keeping[member.number] for member in members]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._stop_s)
        for member in members:
            if keeping[member.number] in late:
                _log.error("worker killed: it did not end", worker=member.number)
                _send(member, signal.SIGKILL)
        if late:
            await asyncio.wait(late)


def _send(member: _Member, number: signal.Signals) -> None:
    if member.process is not None:
        member.process.send(number)


def _settle(member: _Member, done: bool | None) -> None:
    if member.reloading is not None and not member.reloading.done():
        member.reloading.set_result(done)
