"""Remembers which credentials were used, and writes it down every few seconds, for all of them at once."""

import time
from collections.abc import Callable
from typing import Final

from gateway.credentials.noted import UNSAID, Lasting
from gateway.credentials.writing_down import WritingDown
from gateway.store.credential_uses import CredentialUses, Use
from gateway.store.store import Store

INTERVAL_S: Final = 5.0
_WAITING_MAX: Final = 10_000
"""So many credentials are not in use at once; what is beyond is let go, and noted at its next use."""
_CREDENTIAL_CHARACTERS_MAX: Final = 160


class Uses:
    """The service of one worker. Belongs to one event loop."""

    def __init__(self, store: Store, now_s: Callable[[], float] = time.time) -> None:
        self._kept, self._now_s = CredentialUses(store), now_s
        self._waiting: dict[tuple[str, str], Use] = {}
        self._down = WritingDown(self._write, fails="uses of credentials cannot be written down")

    def note(self, client_id: str, credential: str, lasting: Lasting = UNSAID, /) -> None:
        """A `NoteUse`: quick, and never raises."""
        use = (client_id, credential[:_CREDENTIAL_CHARACTERS_MAX])
        if use in self._waiting or len(self._waiting) < _WAITING_MAX:
            self._waiting[use] = Use(int(self._now_s()), lasting.begins_s, lasting.ends_s)

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Begin."""
        self._down.start(interval_s)

    async def close(self) -> None:
        """End, and write down what there is; before the store is closed."""
        await self._down.close()

    async def flush(self) -> None:
        """Write down what was noted. While the store cannot be written it is kept for the next time."""
        await self._down.flush()

    async def _write(self) -> None:
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            await self._kept.mark(waiting)
        except BaseException:  # a cancellation too: what was noted is written down at the end
            self._waiting = waiting | self._waiting
            raise
