"""Figures when the disk hangs: what was taken back counts nowhere, live as from the log."""

import asyncio
import tempfile
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.plan import Plans
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Exchange, Observation, Part, Undelivered
from gateway.audit.reader import read_counted
from gateway.sla.tally import Tally
from tests.unit.audit.doubles import QUIET, GatedDisk, opened
from tests.unit.sla.hub import NOON_S, PARTNERS, exchange, plan_of, plans_of
from tests.unit.sla.test_tally import account_of, entry_of, picture

TURN = st.lists(
    st.tuples(
        st.sampled_from(["exchange", "part", "observation", "intent"]),
        st.sampled_from(list(PARTNERS)),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=6,
)
TRAFFIC = st.lists(st.tuples(TURN, st.booleans()), min_size=1, max_size=6)


@cache
def compiled_once() -> Plans:
    return plans_of()


class Serving:
    """Counts live what is acknowledged, as the exchange, exports and the sampler do, on a disk that hangs at times."""

    def __init__(self, log: Path) -> None:
        self.plans = compiled_once()
        self.tally, self.disk = Tally(self.plans), GatedDisk()
        options = msgspec.structs.replace(QUIET, commit_timeout_ms=5, segment_bytes=4000)
        self.writer = opened(log, disk=self.disk, options=options, on_undelivered=self.tally.take_back)
        self.told = 0

    async def turn(self, drawn: list[tuple[str, str, int]], hangs: bool) -> None:
        """Some entries at once; on a disk that hangs until all of them were told so, or not."""
        if hangs:
            self.disk.gate.clear()
        await asyncio.gather(*(self.one(*each) for each in drawn))
        self.disk.gate.set()
        while self.writer.state.stalled:  # noqa: ASYNC110  # what ends it comes from another thread
            await asyncio.sleep(0)

    async def one(self, kind: str, partner: str, count: int) -> None:
        """One entry, counted when it is on the log."""
        entry = entry_of(plan_of(self.plans, partner), kind, 60 * count, count, "out")
        if isinstance(await self.writer.append_durable(entry), LogFault):
            self.told += 1
        elif isinstance(entry, Exchange):
            self.tally.add(entry)
        elif isinstance(entry, Part):
            self.tally.add_part(entry)
        elif isinstance(entry, Observation):
            self.tally.observe(entry)


@settings(max_examples=25, deadline=None)
@given(TRAFFIC)
def test_the_log_gives_the_live_figures_when_the_disk_hangs_at_times(
    drawn: list[tuple[list[tuple[str, str, int]], bool]],
) -> None:
    with tempfile.TemporaryDirectory(prefix="clausegate-tally-") as folder:
        log = Path(folder)
        serving = Serving(log)

        async def all_turns() -> None:
            for turn, hangs in drawn:
                await serving.turn(turn, hangs)

        asyncio.run(all_turns())
        serving.writer.close()
        replayed = Tally(serving.plans).replay(read_counted(log))
        live = list(serving.tally.accounts())
        assert [picture(account) for account in replayed.accounts()] == [picture(account) for account in live]
        assert [account.undelivered for account in replayed.accounts()] == [account.undelivered for account in live]
        assert sum(account.undelivered for account in live) <= serving.told


@pytest.mark.parametrize(("retracted", "unfinished"), [("exchange", 0), ("part", 1)])
def test_a_change_whose_answer_was_not_sent_is_not_unfinished(retracted: str, unfinished: int) -> None:
    """Its outcome is on the log; that an answer was broken off later says nothing of it."""
    plans = compiled_once()
    plan = plan_of(plans)
    done = exchange(plan, NOON_S, request_id="request-1")
    intent = entry_of(plan, "intent", 0, 1, "out")
    back = Undelivered(1, "request-1", done.partner, done.agreement, done.version, "ab" * 32, retracted)
    account = account_of(Tally(plans).replay([intent, back]), plans)
    assert (account.unfinished, account.undelivered) == (unfinished, 1)
    assert account.total().requests == 0


def test_what_is_taken_back_of_no_known_agreement_changes_nothing() -> None:
    plans = compiled_once()
    tally = Tally(plans).replay([Undelivered(1, "", "", "gone", "1", "ab" * 32, "exchange")])
    assert all(account.undelivered == 0 for account in tally.accounts())
