"""Finds tasks that are overdue, in every worker of a gateway that serves; one of them records each, once."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from gateway.audit.writer import Writer
from gateway.authority import AuthorityError, record
from gateway.repeating import Repeating
from gateway.store.store import Store
from gateway.store.tasks import Task, Tasks
from gateway.tasks.authority import told

INTERVAL_S: Final = 15.0
"""So often the tasks are looked at: well within the minute in which an overdue one is to be on the log."""
_EACH_MAX: Final = 100

_log = structlog.get_logger(__name__)


class Overdue:
    """The service of one worker. Belongs to one event loop."""

    def __init__(
        self, store: Store, writer: Writer, now_us: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        self._tasks, self._writer, self._now_us = Tasks(store), writer, now_us
        self._repeating = Repeating(
            self.step,
            fails="overdue tasks cannot be found or recorded",
            again="overdue tasks are being found again",
        )

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Begin."""
        self._repeating.start(interval_s)

    async def close(self) -> None:
        """End; before the writer is closed."""
        await self._repeating.close()

    async def step(self) -> int:
        """Record what is overdue by now; how many. Raises StoreError, and AuthorityError where the log is closed."""
        found = await self._tasks.newly_overdue(self._now_us(), _EACH_MAX)
        return sum([await self._record(task) for task in found])

    async def _record(self, task: Task) -> bool:
        now_us = self._now_us()
        if not await self._tasks.claim(task, now_us):
            return False
        try:
            await record(self._writer, "task-overdue", task.subject, partner=task.partner)
        except AuthorityError:
            await self._tasks.disclaim(task)
            raise
        return await self._tasks.change(task, {"overdue_us": now_us}, told(task, "task.overdue"), now_us)
