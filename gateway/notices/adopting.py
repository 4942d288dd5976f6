"""Notices and suspensions between the state store and a gateway that serves: read again and again, and adopted."""

from typing import NoReturn

import structlog

from gateway.notices.in_force import InForce
from gateway.notices.known import Known
from gateway.repeating import repeat
from gateway.store.notices import read_known
from gateway.store.store import Store

INTERVAL_S = 1.0
"""So often the store is read: what is published, suspended or withdrawn is in force within two of these."""

_log = structlog.get_logger(__name__)


class NoticesAdopting:
    """Keeps a worker's InForce as the state store says. While the store cannot be read, what was adopted last stays."""

    def __init__(self, store: Store, in_force: InForce) -> None:
        self._store, self._in_force = store, in_force
        self._adopted = Known()

    async def step(self) -> None:
        """Take over what is there now. Raises StoreError."""
        known = await read_known(self._store)
        if known != self._adopted:
            self._in_force.adopt(known.notices, known.suspensions)
            for notice_id in known.unresolved:
                _log.warning("a notice cannot be read: it was written by a later version", notice=notice_id)
            self._adopted = known

    async def follow(self, interval_s: float = INTERVAL_S) -> NoReturn:
        """Step again and again, until cancelled. A fault is said once, and again when it is over."""
        await repeat(
            self.step,
            interval_s,
            fails="notices and suspensions cannot be kept up to date",
            again="notices and suspensions are being read again",
        )
