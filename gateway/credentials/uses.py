"""Remembers which credentials were used, and writes it down every few seconds, for all of them at once."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, NoReturn

import structlog

from gateway.store.credential_uses import CredentialUses
from gateway.store.faults import StoreError
from gateway.store.store import Store

INTERVAL_S: Final = 5.0
_WAITING_MAX: Final = 10_000
"""So many credentials are not in use at once; what is beyond is let go, and noted at its next use."""
_CREDENTIAL_CHARACTERS_MAX: Final = 160

_log = structlog.get_logger(__name__)


class Uses:
    """The service of one worker. Belongs to one event loop."""

    def __init__(self, store: Store, now_s: Callable[[], float] = time.time) -> None:
        self._kept, self._now_s = CredentialUses(store), now_s
        self._waiting: dict[tuple[str, str], int] = {}
        self._running: asyncio.Task[NoReturn] | None = None
        self._faulty = False

    def note(self, client_id: str, credential: str) -> None:
        """A `NoteUse`: quick, and never raises."""
        use = (client_id, credential[:_CREDENTIAL_CHARACTERS_MAX])
        if use in self._waiting or len(self._waiting) < _WAITING_MAX:
            self._waiting[use] = int(self._now_s())

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Begin."""
        self._running = asyncio.create_task(self._follow(interval_s))

    async def close(self) -> None:
        """End, and write down what there is; before the store is closed."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self.flush()

    async def flush(self) -> None:
        """Write down what was noted. While the store cannot be written it is kept for the next time."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            await self._kept.mark(waiting)
            self._faulty = False
        except BaseException as error:  # a cancellation too: what was noted is written down at the end
            self._waiting = waiting | self._waiting
            if not isinstance(error, StoreError):
                raise
            if not self._faulty:
                _log.warning("uses of credentials cannot be written down", error=str(error))
            self._faulty = True

    async def _follow(self, interval_s: float) -> NoReturn:
        while True:
            await asyncio.sleep(interval_s)
            await self.flush()
