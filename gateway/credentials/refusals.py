"""Remembers which calls were refused and why, for whoever asks; writes it down every second, and forgets in time."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from gateway.credentials.noted import RefusedCall
from gateway.credentials.writing_down import WritingDown
from gateway.store.refusals import KeptRefusals
from gateway.store.store import Store
from gateway.store.tables_identity import refusals

INTERVAL_S: Final = 1.0
SWEEP_S: Final = 600.0
WAITING_MAX: Final = 1_000
WAITING_OF_EACH_MAX: Final = 100
"""Of each partner, and of callers that nobody knows: who is refused all the time leaves room for the others."""

_CHARACTERS_MAX: Final = {
    name: int(refusals.c[name].type.length)  # type: ignore[attr-defined]
    for name in ("request_id", "partner", "client_id", "code", "reason", "agreement", "version", "clause")
}


class Refusals:
    """The service of one worker. Belongs to one event loop. `let_go` counts what there was no room for."""

    def __init__(self, store: Store, now_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._kept, self._now_us = KeptRefusals(store), now_us
        self._waiting: list[RefusedCall] = []
        self._of_each: Counter[str] = Counter()
        self._down = WritingDown(self._write, fails="refusals cannot be written down")
        self._sweep_us = 0
        self.let_go = 0

    def note(self, refused: RefusedCall) -> None:
        """A `NoteRefusal`: quick, and never raises."""
        if len(self._waiting) >= WAITING_MAX or self._of_each[refused.partner] >= WAITING_OF_EACH_MAX:
            self.let_go += 1
            return
        self._of_each[refused.partner] += 1
        self._waiting.append(refused)

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Begin."""
        self._down.start(interval_s)

    async def close(self) -> None:
        """End, and write down what there is; before the store is closed."""
        await self._down.close()

    async def flush(self) -> None:
        """Write down what was noted. While the store cannot be written it is kept for the next time."""
        await self._down.flush()

    async def sweep(self) -> None:
        """Forget what is too old or too much, every ten minutes. Raises StoreError."""
        if self._now_us() >= self._sweep_us:
            await self._kept.sweep(self._now_us())
            self._sweep_us = self._now_us() + int(SWEEP_S * 1_000_000)

    async def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            if waiting:
                await self._kept.keep(_fitting(each) for each in waiting)
                self._of_each = Counter(each.partner for each in self._waiting)
        except BaseException:  # a cancellation too: what was noted is written down at the end
            self._waiting = waiting + self._waiting
            raise
        await self.sweep()


def _fitting(refused: RefusedCall) -> RefusedCall:
    """No longer than the columns are: a database that is told too much keeps nothing of the whole lot."""
    cut = {name: getattr(refused, name)[:length_max] for name, length_max in _CHARACTERS_MAX.items()}
    return replace(refused, **cut)
