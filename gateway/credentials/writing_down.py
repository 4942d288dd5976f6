"""What is noted in passing is written down again and again, and at the end: a fault is said once, and loses nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from gateway.store.faults import StoreError

_log = structlog.get_logger(__name__)


class WritingDown:
    """Belongs to one event loop. `write` writes what was noted since, and keeps what it could not write; it may raise
    StoreError. `fails` is what the log says then."""

    def __init__(self, write: Callable[[], Awaitable[None]], *, fails: str) -> None:
        self._write, self._fails = write, fails
        self._running: asyncio.Task[NoReturn] | None = None
        self._faulty = False

    def start(self, interval_s: float) -> None:
        """Begin."""
        self._running = asyncio.create_task(self._follow(interval_s))

    async def close(self) -> None:
        """End, and write down what there is; before the store is closed."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self.flush()

    async def flush(self) -> None:
        """Write now. While the store cannot be written it is kept for the next time."""
        try:
            await self._write()
            self._faulty = False
        except StoreError as error:
            if not self._faulty:
                _log.warning(self._fails, error=str(error))
            self._faulty = True

    async def _follow(self, interval_s: float) -> NoReturn:
        while True:
            await asyncio.sleep(interval_s)
            await self.flush()
