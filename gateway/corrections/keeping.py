"""What a serving gateway does for corrections again and again: steps that were left half taken, words to be erased."""

import time
from collections.abc import Callable
from typing import Final, NoReturn

import structlog

from gateway.corrections.life import CorrectionLife
from gateway.repeating import repeat

INTERVAL_S: Final = 10.0
WORDS_KEPT_DAYS: Final = 120
"""So long after it was closed, what a report says in words can still be read: longer than it may be reopened, and than
most contracts leave for a claim. Then record key, expected value, evidence and reasons are erased, with the salts under
which the log commits to them; what was reported when, and what came of it, stays."""
_DAY_US: Final = 86_400_000_000

_log = structlog.get_logger(__name__)


class Keeping:
    """Every worker does it; each step is taken once. Belongs to one event loop."""

    def __init__(self, life: CorrectionLife, now_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._life, self._now_us = life, now_us

    async def step(self) -> None:
        """Once. Raises StoreError, and AuthorityError where the log cannot be written."""
        await self._life.resume()
        await self._life.kept.erase_words(self._now_us() - WORDS_KEPT_DAYS * _DAY_US)

    async def follow(self, interval_s: float = INTERVAL_S) -> NoReturn:
        """Step again and again, until cancelled. A fault is said once, and again when it is over."""
        await repeat(
            self.step,
            interval_s,
            fails="corrections cannot be kept",
            again="corrections are being kept again",
        )
