"""Sequencing in the background: a loop that keeps the trees as far behind the records as the settings allow.

It takes nothing down with it. What is wrong is logged, shown by `clausegate status`, and tried again later unless no
trying could help. A gateway that has lost to another sequencer stands by: when nobody has committed anything for a
while it tries again, so that trees grow on when the other one has ended.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol, TypeAlias

import structlog
from msgspec import Struct

from gateway.tlog.sequencer import Done, Lost, SequencerFault, Step

_log = structlog.get_logger(__name__)

RETRY_S_MAX: Final = 30.0
STANDBY_DELAYS: Final = 10
"""After so many delays without a commit of its own, one that has lost tries again."""

Ended: TypeAlias = Literal["closed", "lost", "fault"]


class Stepper(Protocol):
    """A Sequencer."""

    async def step(self) -> Done: ...

    async def anchor(self) -> Done: ...

    async def close(self) -> None: ...


class Pace(Struct, frozen=True):
    """How often trees grow, and how often their checkpoints are anchored."""

    tree_delay_ms: int
    root_delay_ms: int

    @property
    def tick_s(self) -> float:
        """A step begins half a delay after the one before ended, which leaves it the other half to be done in."""
        return self.tree_delay_ms / 2000

    @property
    def root_s(self) -> float:
        """From one anchoring to the next."""
        return self.root_delay_ms / 1000 - self.tick_s if self.root_delay_ms / 1000 > self.tick_s else self.tick_s


class SequencerService:
    """Runs a sequencer until it is closed. `stands_by` False: one that loses ends instead.

    `report` is told of every step that did something.
    """

    def __init__(
        self,
        sequencer: Stepper,
        pace: Pace,
        *,
        monotonic_s: Callable[[], float],
        stands_by: bool = True,
        report: Callable[[Step], None] = lambda _: None,
        wait: Callable[[asyncio.Event, float], Awaitable[None]] | None = None,
    ) -> None:
        self._sequencer, self._pace, self._report = sequencer, pace, report
        self._monotonic_s, self._stands_by = monotonic_s, stands_by
        self._wait = wait or _wait
        self._closing = asyncio.Event()
        self._task: asyncio.Task[Ended] | None = None
        self._anchored_s = float("-inf")
        self._failures = 0

    def start(self) -> None:
        """Begin in a task of its own."""
        self._task = asyncio.create_task(self.run())

    async def close(self) -> None:
        """Do what is left to do, once, and end."""
        self._closing.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def stop(self) -> None:
        """Have `run` end after the step that it is at."""
        self._closing.set()

    async def run(self) -> Ended:
        """The loop. Raises nothing but cancellation."""
        try:
            while not self._closing.is_set():
                pause_s = await self._turn()
                if isinstance(pause_s, str):
                    return pause_s
                await self._wait(self._closing, pause_s)
            return ending(await self._catch_up())
        finally:
            await self._close_sequencer()

    async def run_once(self) -> Done:
        """Put in everything there is now, the root log included, and end. Raises nothing but cancellation."""
        try:
            return await self._catch_up()
        finally:
            await self._close_sequencer()

    async def _catch_up(self) -> Done:
        try:
            done = await self._grow(finish=True)
            return done if not isinstance(done, Step) else self._told(await self._sequencer.anchor())
        except Exception as error:
            return _unexpected(error)

    async def _turn(self) -> float | Ended:
        """One tick: how long to wait for the next one, or how the loop ends."""
        try:
            done = await self._grow(finish=False)
            now_s = self._monotonic_s()
            if isinstance(done, Step) and now_s - self._anchored_s >= self._pace.root_s:
                done = self._told(await self._sequencer.anchor())
                self._anchored_s = now_s
        except Exception as error:
            done = _unexpected(error)
        if isinstance(done, Step):
            self._failures = 0
            return self._pace.tick_s
        return self._setback(done)

    def _setback(self, done: Lost | SequencerFault) -> float | Ended:
        if isinstance(done, Lost):
            if not self._stands_by:
                return "lost"
            _log.info("another sequencer is at work; standing by")
            return max(self._pace.tick_s, 1.0) * STANDBY_DELAYS
        if done.kind != "unwritable":
            return "fault"
        self._failures += 1
        return float(min(self._pace.tick_s * 2 ** min(self._failures, 16), RETRY_S_MAX))

    async def _grow(self, *, finish: bool) -> Done:
        """Steps until none has more to do; on closing only those that are under way, unless it is to be finished."""
        while True:
            done = self._told(await self._sequencer.step())
            if not isinstance(done, Step) or not done.more or (self._closing.is_set() and not finish):
                return done

    def _told(self, done: Done) -> Done:
        if isinstance(done, Step) and (done.records or done.anchored):
            self._report(done)
        return done

    async def _close_sequencer(self) -> None:
        try:
            await self._sequencer.close()
        except Exception as error:
            _unexpected(error)


def ending(done: Done) -> Ended:
    """What a last step says of the whole."""
    if isinstance(done, Step):
        return "closed"
    return "lost" if isinstance(done, Lost) else "fault"


def _unexpected(error: Exception) -> SequencerFault:
    """A mistake of ours must not take the gateway down. Its text could hold values, so its type alone is told."""
    _log.error("sequencer failed", error=type(error).__name__)
    return SequencerFault("unwritable", "sequencer", type(error).__name__)


async def _wait(closing: asyncio.Event, pause_s: float) -> None:
    try:
        await asyncio.wait_for(closing.wait(), pause_s)
    except TimeoutError:
        return
