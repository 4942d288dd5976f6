"""Work that a gateway does again and again beside its calls: a fault is said once, and again when it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from gateway.authority_record import AuthorityError
from gateway.store.faults import StoreError

_log = structlog.get_logger(__name__)

Step = Callable[[], Awaitable[object]]


async def repeat(step: Step, interval_s: float, *, fails: str, again: str) -> NoReturn:
    """Step at once and after each interval, until cancelled. `fails` and `again` are what the log says.

    A store that cannot be used and a log that cannot be written are faults that pass: whatever the step does must be
    such that the next one makes it good. Anything else that is raised ends it.
    """
    faulty = False
    while True:
        try:
            await step()
            if faulty:
                _log.info(again)
            faulty = False
        except (StoreError, AuthorityError) as error:
            if not faulty:
                _log.warning(fails, error=str(error))
            faulty = True
        await asyncio.sleep(interval_s)


class Repeating:
    """That, begun and ended. Belongs to one event loop."""

    def __init__(self, step: Step, *, fails: str, again: str) -> None:
        self._step, self._fails, self._again = step, fails, again
        self._running: asyncio.Task[NoReturn] | None = None

    def start(self, interval_s: float) -> None:
        """Begin, at once."""
        self._running = asyncio.create_task(repeat(self._step, interval_s, fails=self._fails, again=self._again))

    async def close(self) -> None:
        """End."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
