"""Rolls up what the log holds: counts what has come since the last time, and keeps it with the place it got to.

Each step is one transaction of the state store, so that a process that dies in between leaves nothing half done, and of
two that do the same one does it in vain. The youngest records wait: they may still be taken back.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from contracts.plan import Plans
from gateway.audit.faults import CorruptLogError
from gateway.sla.account import Account
from gateway.sla.lanes import encode_lane
from gateway.sla.ledger import (
    Ledger,
    RetractedTooLateError,
    count,
    empty_tally,
    holds,
    positions_of,
    terms_by_name,
)
from gateway.sla.minutes import Minutes
from gateway.sla.presence import Presence
from gateway.sla.scan import extent
from gateway.store.faults import StoreError
from gateway.store.rollups import Named, Rolled, RolledAgreement, RolledDay, RolledPosition, Rollups
from gateway.store.store import Store

INTERVAL_S: Final = 60.0
HOLD_US: Final = 120_000_000
"""Younger records wait. One that is taken back later all the same makes everything be counted again."""
_STEP_BYTES: Final = 256 * 1024 * 1024
"""So much of the log is rolled up in one step."""
_CLOSE_S: Final = 10.0

_log = structlog.get_logger(__name__)


class Rolling:
    """Keeps the rollups of a state store up with a log. Made and used on one event loop.

    `plans` gives what is in force when it is asked; `now_us` is the clock, Unix microseconds.
    """

    def __init__(
        self,
        store: Store,
        log: Path,
        plans: Callable[[], Plans],
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        hold_us: int = HOLD_US,
        step_bytes: int = _STEP_BYTES,
    ) -> None:
        self._rollups, self._log, self._plans, self._now_us = Rollups(store), log, plans, now_us
        self._hold_us, self._step_bytes = hold_us, step_bytes
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Roll up in the background from now on."""
        self._task = asyncio.create_task(self._run(interval_s))

    async def close(self) -> None:
        """Roll up a last time if that takes no more than some seconds: whoever comes next goes on from there."""
        self._closing.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                if self._task is not None:
                    await self._task

    async def catch_up(self) -> int:
        """Step until nothing is left to be rolled up; gives how many records that were."""
        rolled = 0
        while done := await self.step():
            rolled += done
        return rolled

    async def step(self) -> int:
        """Roll up some of what has come; gives how many records that were, 0: nothing, or somebody else was faster.

        Raises StoreError, CorruptLogError and OSError.
        """
        plans = self._plans()
        terms, rolled = terms_by_name(plans), await self._rollups.state()
        if rolled.positions and not all(holds(rolled, name, each) for name, each in terms.items()):
            return await self._begin_anew(rolled, "an agreement counts otherwise than before")
        try:
            ledger = await asyncio.to_thread(self._count, plans, rolled)
        except RetractedTooLateError:
            return await self._begin_anew(rolled, "a record was taken back after it had been rolled up")
        gone = {name: one for name, one in rolled.agreements.items() if one.terms and name not in terms}
        if not ledger.records and not gone:
            return 0
        days = [day for account in ledger.tally.accounts() for day in await self._days(account)]
        change = Rolled(
            rolled.generation,
            tuple(
                RolledPosition(writer, at.segment, at.offset, at.epoch, at.seq, " ".join(sorted(at.skipped)))
                for writer, at in ledger.positions.items()
            ),
            _agreements(rolled, ledger, terms),
            {day: bits | rolled.presence.get(day, 0) for day, bits in ledger.presence.days.items()},
        )
        return ledger.records if await self._rollups.put(change, days, gone) else 0

    def _count(self, plans: Plans, rolled: Rolled) -> Ledger:
        positions = positions_of(rolled)
        tally, settled_us = empty_tally(plans, Presence()), self._now_us() - self._hold_us
        found = extent(self._log, positions)
        return count(found, positions, tally, settled_us=settled_us, bytes_max=self._step_bytes)

    async def _days(self, account: Account) -> list[RolledDay]:
        """The days that were counted in, joined with what is kept of them."""
        name = (account.contract.agreement, account.contract.version)
        counted = {
            (encode_lane(lane).decode(), ordinal): minutes
            for ordinal, day in account.days.items()
            for index, lane in enumerate(account.lanes)
            if (minutes := day.read(index)) is not None
        }
        if not counted:
            return []
        kept = await self._rollups.days(name, min(ordinal for _, ordinal in counted))
        for one in kept:
            if (minutes := counted.get((one.lane, one.day))) is not None:
                minutes.add(Minutes.unpack(one.packed))
        return [RolledDay(*name, lane, ordinal, minutes.pack()) for (lane, ordinal), minutes in counted.items()]

    async def _begin_anew(self, rolled: Rolled, why: str) -> int:
        if await self._rollups.reset(rolled.generation):
            _log.info("the log is rolled up anew", reason=why)
            return await self.step()
        return 0

    async def _run(self, interval_s: float) -> None:
        faulty = False
        while True:
            closing = self._closing.is_set()
            try:
                await self.catch_up()
                faulty = False
            except (StoreError, CorruptLogError, OSError) as error:
                if not faulty:
                    _log.warning("the log cannot be rolled up", error=str(error))
                faulty = True
            except Exception as error:  # a defect of ours must not end the rolling up, nor the serving
                _log.error("rolling up failed", error=type(error).__name__)
            if closing:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), interval_s)


def _agreements(rolled: Rolled, ledger: Ledger, terms: dict[Named, str]) -> dict[Named, RolledAgreement]:
    """What is known of each agreement now: of those in force, of those that are gone, and of those on the log alone."""
    accounts = {(one.contract.agreement, one.contract.version): one for one in ledger.tally.accounts()}
    activated = {(name.rpartition(" ")[0], name.rpartition(" ")[2]): at for name, at in ledger.activated.items()}
    found = {}
    for name in {*terms, *rolled.agreements, *activated}:
        known = rolled.agreements.get(name)
        times = [at for at in (known.activated_us if known else None, activated.get(name)) if at is not None]
        called = set(known.called) if known else set[Named]()
        called |= accounts[name].called if name in accounts else set()
        found[name] = RolledAgreement(
            *name, terms.get(name, ""), min(times, default=None), tuple(sorted(called)) if name in terms else ()
        )
    return found
