"""Opens what a gateway counts in: counters as the log says they stood, in this process or in a store that is shared."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import NoReturn

import structlog
from msgspec import Struct

from contracts.plan import Plans
from gateway.audit.events import Event
from gateway.audit.faults import CorruptLogError
from gateway.audit.reader import read_counted
from gateway.audit.writer import Writer
from gateway.authority import AuthorityError, record
from gateway.exchange.settle import Handle, Settling
from gateway.limits.adopting import Adopting
from gateway.limits.charging import Charging
from gateway.limits.connection import BadRedisUrl, connect
from gateway.limits.leased import LeasedLimiter
from gateway.limits.redis_leasing import RedisLeasing
from gateway.limits.redis_limiter import RedisLimiter
from gateway.limits.replay import replayed
from gateway.scraping.watcher import Watcher
from gateway.settings import Settings
from gateway.store.store import Store
from gateway.workspace import Workspace
from policies.counters import Counters
from policies.limit import Limiter, Moment
from policies.seed import Seed

_log = structlog.get_logger(__name__)


class LimitsError(Exception):
    """Nothing can be counted; the text is for the operator."""


class Limits(Struct, frozen=True):
    """What calls are counted in, and who watches them. `shared` None: they are counted in this process."""

    settling: Settling
    watcher: Watcher
    shared: RedisLimiter | None

    async def prepare(self, plans: Plans) -> None:
        """Agree with other workers on the counters of new agreements, so that their first call need not wait."""
        if self.shared is not None:
            await self.shared.start(plans.agreements())


async def open_limits(
    workspace: Workspace, store: Store, handle: Handle, writer: Writer, stack: AsyncExitStack
) -> Limits:
    """What calls are counted in, with what is granted and imposed now; and who watches them. Closed by `stack`.

    Raises LimitsError, StoreError.
    """
    charging = Charging()
    adopting = Adopting(store, writer, charging)
    await adopting.adopt()
    now = Moment(time.time_ns() // 1000, time.monotonic_ns())
    counters = await asyncio.to_thread(_replayed, workspace, charging, now)
    limiter: Limiter = counters
    shared: RedisLimiter | None = None
    if workspace.settings.redis_url:
        shared = await _shared(workspace, counters.dump(now), writer, stack)
        limiter = _leased(workspace.settings, shared, stack)
    watcher = Watcher(handle, adopting.keep)
    await asyncio.to_thread(_recall, workspace, watcher)
    following = asyncio.create_task(adopting.follow())
    stack.push_async_callback(_cancel, following)
    watcher.start()
    stack.push_async_callback(watcher.close)
    return Limits(Settling(charging, limiter, handle), watcher, shared)


async def _shared(workspace: Workspace, seeds: Iterable[Seed], writer: Writer, stack: AsyncExitStack) -> RedisLimiter:
    """The engine over a store that several processes count in."""
    settings = workspace.settings
    try:
        client = connect(settings.redis_url)
    except BadRedisUrl as error:
        raise LimitsError(f"clausegate.toml, redis_url: {error}") from None
    transitions = Transitions(writer, settings.writer)
    stack.push_async_callback(transitions.close)
    exact = RedisLimiter(client, workers=settings.workers, seeds=seeds, events=transitions.note)
    stack.push_async_callback(exact.close)
    await exact.start(workspace.plans.agreements())
    return exact


def _leased(settings: Settings, exact: RedisLimiter, stack: AsyncExitStack) -> Limiter:
    if settings.limits == "exact":
        return exact
    leased = LeasedLimiter(exact, RedisLeasing(exact), workers=settings.workers, lease_ms=settings.lease_ms)
    stack.push_async_callback(leased.close)
    return leased


def _replayed(workspace: Workspace, charging: Charging, now: Moment) -> Counters:
    """Counters as the log says they stand. Blocking. Raises LimitsError."""
    try:
        return replayed(workspace, charging, now)
    except (CorruptLogError, OSError) as error:
        raise LimitsError(_unreadable(error)) from None


def _recall(workspace: Workspace, watcher: Watcher) -> None:
    """Let it learn from the log what normal use was. Blocking. Raises LimitsError."""
    try:
        watcher.replay(read_counted(workspace.settings.log_path(workspace.folder)), workspace.plans)
    except (CorruptLogError, OSError) as error:
        raise LimitsError(_unreadable(error)) from None


def _unreadable(error: CorruptLogError | OSError) -> str:
    return f"the audit log cannot be read: {error}; `clausegate verify` says more"


async def _cancel(task: asyncio.Task[NoReturn]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Transitions:
    """Puts on the log that the shared counters cannot be reached, or can again: in order, and off the hot path."""

    def __init__(self, writer: Writer, subject: str) -> None:
        self._writer, self._subject = writer, subject
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def note(self, event: Event) -> None:
        """Take a transition."""
        self._waiting.put_nowait(event)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write down what waits."""
        if self._task is not None:
            self._waiting.put_nowait(None)
            await self._task

    async def _run(self) -> None:
        while (event := await self._waiting.get()) is not None:
            _log.warning("shared counters", transition=event)
            try:
                await record(self._writer, event, self._subject)
            except AuthorityError as error:
                _log.error("a transition is not on the log", transition=event, error=str(error))
