"""Permits leased from the store of a RedisLimiter: what its scripts are asked, and what their answers mean."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from gateway.limits.layout import read_answer, standings_of
from gateway.limits.leased import Lease
from gateway.limits.redis_limiter import RedisLimiter
from policies.calendar_window import window_of
from policies.limit import Charge, Moment, Quota

_NUMBERS: Final = 5
_FOREVER_US: Final = 2**63 - 1


class RedisLeasing:
    """A Leasing. Asks as RedisLimiter does: within its deadline, not during an outage, and it knows what was leased."""

    def __init__(self, limiter: RedisLimiter) -> None:
        self._limiter = limiter
        self._returning: set[asyncio.Task[None]] = set()

    async def lease(self, charges: Sequence[Charge], at: Moment, want: int, lease_us: int) -> Lease | None:
        """As many of `want` permits as fit; None in an outage, too."""
        reply = await self._limiter.ask("lease", str(want), charges, at, str(lease_us))
        return None if reply is None else lease_of(reply, charges, at, lease_us)

    async def give_back(self, charges: Sequence[Charge], lease: Lease, unused: int) -> None:
        """While the store is away it has to wait; nobody waits for that.

        What may have got there is not said again: given back twice, a limit would be exceeded.
        """
        if self._limiter.when_back(partial(self._later, charges, lease, unused)):
            return
        at = Moment(lease.asked_us, 0)
        await self._limiter.ask("give_back", str(unused), charges, at, said_of(lease))

    def _later(self, charges: Sequence[Charge], lease: Lease, unused: int) -> None:
        returning = asyncio.create_task(self.give_back(charges, lease, unused))
        self._returning.add(returning)
        returning.add_done_callback(self._returning.discard)


def said_of(lease: Lease) -> str:
    """How give_back.lua is told which lease is meant."""
    return ",".join((lease.epoch, str(lease.lease_us), *map(str, lease.entries)))


def lease_of(reply: Sequence[Any], charges: Sequence[Charge], at: Moment, lease_us: int) -> Lease | None:
    """What a reply of lease.lua that begins with 'ok' means; None if no permit was granted."""
    numbers = 4 + _NUMBERS * len(charges)
    permits, epoch, *entries = reply[numbers:]
    if not int(permits):
        return None
    answer = read_answer(reply[:numbers], charges)
    from_us, until_us = 0, _FOREVER_US
    for charge in charges:
        if isinstance(charge.limit, Quota):
            start_s, end_s = window_of(charge.limit.period, charge.limit.zone, at.time_us)
            from_us, until_us = max(from_us, start_s * 1_000_000), min(until_us, end_s * 1_000_000)
    return Lease(
        permits=int(permits),
        standings=standings_of(answer, charges, at, known=False),
        observed=tuple(each.limit for each, stood in zip(charges, answer.stood, strict=True) if not stood.fits),
        from_us=from_us,
        until_us=until_us,
        asked_us=at.time_us,
        epoch=epoch.decode(),
        lease_us=lease_us,
        entries=tuple(map(int, entries)),
    )
