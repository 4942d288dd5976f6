"""An agreement's counters as this worker knows them: whether it may count on the store's, and what it knows itself."""

import asyncio
from typing import Final

from gateway.limits.mirror import Mirror
from gateway.limits.outage import Outage
from policies.seed import Seed

_RELEASES_MAX: Final = 10_000
"""Exchanges that ended while the store was away; of more, their time in flight ends by itself."""


class Book:
    """`epoch` is the life of the counters that this worker has agreed to, 'server id'; `open`: it may count on
    them; `seeding`: other workers have yet to put back what they know.

    `seeds` is what was known before the worker began. `offset_us`: the store's clock less this process's monotonic
    one, as far as it is known.
    """

    def __init__(self, agreement: str) -> None:
        self.agreement = agreement
        self.epoch = ""
        self.server = ""
        self.open = False
        self.seeding = False
        self.offset_us: int | None = None
        self.mirror = Mirror()
        self.outage: Outage | None = None
        self.seeds: tuple[Seed, ...] = ()
        self.releases: list[tuple[str, str]] = []
        self.joining: asyncio.Task[bool] | None = None
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    def without(self, workers: int) -> Outage:
        """The outage that is now, or begins."""
        if self.outage is None:
            self.outage = Outage(self.mirror, workers)
        return self.outage

    def remember_release(self, key: str, hold: str) -> None:
        """To be told to the store when it is back."""
        if len(self.releases) < _RELEASES_MAX:
            self.releases.append((key, hold))

    def begins(self) -> None:
        """A decision is on its way to the store."""
        self._under_way += 1
        self._quiet.clear()

    def ends(self) -> None:
        """Its answer is noted, or given up."""
        self._under_way -= 1
        if not self._under_way:
            self._quiet.set()

    async def quiet(self) -> None:
        """Until nothing is on its way: then the mirror knows every call that was admitted."""
        await self._quiet.wait()
