"""Says on the log that this gateway is there: a Pulse every 20 seconds, whether or not anybody calls."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Entry, Pulse, Receipt

INTERVAL_S: Final = 20.0
"""Three in each minute: one may come late without a minute being taken for one in which nobody was there."""

_log = structlog.get_logger(__name__)


class Pulsing:
    """Writes pulses until closed. `append` puts one on the log (as Writer does), `hear` is told once it is there.

    While the log cannot be written there are none: then the gateway answers nobody either.
    """

    def __init__(
        self,
        append: Callable[[Pulse], Awaitable[Receipt | LogFault]],
        hear: Callable[[Entry], None],
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._append, self._hear, self._now_us = append, hear, now_us
        self._task: asyncio.Task[None] | None = None

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Write the first one at once, and go on in the background."""
        self._task = asyncio.create_task(self._run(interval_s))

    async def close(self) -> None:
        """Write no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def beat(self) -> bool:
        """Write one; False if the log did not take it."""
        pulse = Pulse(self._now_us())
        if isinstance(await self._append(pulse), LogFault):
            return False
        self._hear(pulse)
        return True

    async def _run(self, interval_s: float) -> None:
        while True:
            try:
                await self.beat()
            except Exception as error:  # a defect of ours must not end the pulses: the hub would seem to be away
                _log.error("pulse failed", error=type(error).__name__)
            await asyncio.sleep(interval_s)
