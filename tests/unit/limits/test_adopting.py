"""What the store says is adopted by every worker; what ends or is found is recorded by one of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
from msgspec import structs
from sqlalchemy import text

from contracts.plan import Plan
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.writer import Writer
from gateway.authority import AuthorityError
from gateway.limits.adopting import Adopting, kept_finding
from gateway.limits.charging import Charging
from gateway.store.allowances import Allowances
from gateway.store.faults import StoreError
from gateway.store.findings import Findings, ImposedMeasure, Measures
from gateway.store.store import Store
from gateway.workspace import Workspace
from tests.flows.limited import AGREEMENT, PARTNER, allowance, finding, limited_workspace

NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
GRANTED = allowance(NOW_US, NOW_US + HOUR_US)
MEASURE = ImposedMeasure(
    id="m-1",
    finding="f1",
    partner=PARTNER,
    agreement=AGREEMENT,
    clause="9.2",
    product="shipments",
    from_us=NOW_US,
    until_us=NOW_US + HOUR_US,
    reason="copied it",
)


class Clock:
    """Unix microseconds that a test moves."""

    def __init__(self) -> None:
        self.now_us = NOW_US

    def __call__(self) -> int:
        return self.now_us


class Counting(Charging):
    """Knows how often it was told something new."""

    adopted = 0

    def adopt(self, *found: object) -> None:
        super().adopt(*found)  # type: ignore[arg-type]
        self.adopted += 1


class Worker:
    """One process: its end of the log, what its calls are held against, and what keeps that up to date."""

    def __init__(self, workspace: Workspace, store: Store, name: str, clock: Clock) -> None:
        opened = Writer.open(workspace.settings.log_path(workspace.folder), name)
        assert isinstance(opened, Writer), opened
        self.writer, self.charging = opened, Counting()
        self.adopting = Adopting(store, opened, self.charging, clock)
        self._plans = workspace.plans

    @property
    def plan(self) -> Plan:
        """The plan of a list of shipments."""
        (plan,) = self._plans.by_route[PARTNER, "shipments", "list"]
        return plan

    def limit(self, now_us: int) -> int:
        """What clause 4.2 admits."""
        return next(limit.limit for limit in self.charging.limits(self.plan, now_us) if limit.clause.id == "4.2")

    def suspended(self, now_us: int) -> bool:
        """Whether a measure admits nothing."""
        return self.charging.of(self.plan, "app", now_us).suspended is not None


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return limited_workspace(tmp_path / "workspace")


@pytest.fixture
async def store(workspace: Workspace) -> AsyncIterator[Store]:
    opened = await Store.open(workspace.settings.database_url(workspace.folder))
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def workers(workspace: Workspace, store: Store, clock: Clock) -> AsyncIterator[list[Worker]]:
    made = [Worker(workspace, store, f"gw-{number}", clock) for number in (1, 2, 3)]
    yield made
    for worker in made:
        worker.writer.close()


@pytest.fixture
def said() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is told to the operator."""
    with structlog.testing.capture_logs() as told:
        yield told


def events(workspace: Workspace) -> list[tuple[str, str]]:
    entries = read_as(workspace.settings.log_path(workspace.folder), Authority)
    return [(entry.event, entry.subject) for entry in entries]


async def step(workers: list[Worker]) -> None:
    await asyncio.gather(*(worker.adopting.step() for worker in workers))


async def test_every_worker_takes_over_what_was_granted_until_it_ends(
    workspace: Workspace, store: Store, clock: Clock, workers: list[Worker]
) -> None:
    await step(workers)
    assert [worker.limit(NOW_US) for worker in workers] == [5, 5, 5]
    await Allowances(store).add(GRANTED)
    await step(workers)
    assert [worker.limit(NOW_US) for worker in workers] == [12, 12, 12]
    assert [worker.limit(GRANTED.until_us) for worker in workers] == [5, 5, 5]
    assert events(workspace) == []


async def test_its_end_is_recorded_once_whoever_notices(
    workspace: Workspace, store: Store, clock: Clock, workers: list[Worker]
) -> None:
    await Allowances(store).add(GRANTED)
    await step(workers)
    clock.now_us = GRANTED.until_us
    for _ in range(3):
        await step(workers)
    assert events(workspace) == [("allowance-ended", f"a-1 {AGREEMENT} 4.2 expired")]
    assert await Allowances(store).unended() == ()


async def test_a_revoked_allowance_is_forgotten_at_the_next_step(store: Store, workers: list[Worker]) -> None:
    await Allowances(store).add(GRANTED)
    await step(workers)
    await Allowances(store).end("a-1", NOW_US)
    await step(workers)
    assert [worker.limit(NOW_US) for worker in workers] == [5, 5, 5]


async def test_a_measure_binds_in_every_worker_until_it_runs_out(
    workspace: Workspace, store: Store, clock: Clock, workers: list[Worker]
) -> None:
    await Findings(store).keep(kept_finding(finding(), NOW_US))
    await Findings(store).report("f1", "{}")
    await Measures(store).impose(MEASURE, "{}")
    await step(workers)
    assert [worker.suspended(NOW_US) for worker in workers] == [True] * 3
    clock.now_us = MEASURE.until_us
    assert [worker.suspended(clock.now_us) for worker in workers] == [False] * 3
    await step(workers)
    assert events(workspace) == [("measure-lifted", f"m-1 {AGREEMENT} 9.2 expired")]


async def test_a_finding_of_all_workers_is_one_record_with_the_latest_evidence_in_the_store(
    workspace: Workspace, store: Store, clock: Clock, workers: list[Worker]
) -> None:
    for number, worker in enumerate(workers):
        clock.now_us = NOW_US + number
        worker.adopting.keep(finding(keys=number))
    for _ in range(2):
        await step(workers)
    assert events(workspace) == [("finding-reported", f"f1 {AGREEMENT} shipments sequential-keys")]
    (kept,) = await Findings(store).all()
    assert '"keys":2' in kept.json
    assert kept.reported is not None


async def test_nothing_new_costs_the_calls_nothing(store: Store, workers: list[Worker]) -> None:
    await Allowances(store).add(GRANTED)
    for _ in range(5):
        await step(workers)
    assert [worker.charging.adopted for worker in workers] == [1, 1, 1]


async def test_what_cannot_be_recorded_is_recorded_by_the_next(
    workspace: Workspace, store: Store, clock: Clock, workers: list[Worker]
) -> None:
    await Allowances(store).add(GRANTED)
    clock.now_us = GRANTED.until_us
    workers[0].writer.close()
    with pytest.raises(AuthorityError):
        await workers[0].adopting.step()
    assert events(workspace) == []
    await workers[1].adopting.step()
    assert events(workspace) == [("allowance-ended", f"a-1 {AGREEMENT} 4.2 expired")]


async def test_a_finding_waits_while_the_store_cannot_be_written(
    workspace: Workspace, store: Store, workers: list[Worker]
) -> None:
    async with store.write() as connection:
        await connection.execute(text("ALTER TABLE findings RENAME TO lost"))
    workers[0].adopting.keep(finding())
    with pytest.raises(StoreError):
        await workers[0].adopting.step()
    async with store.write() as connection:
        await connection.execute(text("ALTER TABLE lost RENAME TO findings"))
    await workers[0].adopting.step()
    assert [event for event, _ in events(workspace)] == ["finding-reported"]


async def test_it_goes_on_by_itself_and_keeps_what_it_knows_while_the_store_is_away(
    store: Store, workers: list[Worker], said: list[MutableMapping[str, Any]]
) -> None:
    await Allowances(store).add(GRANTED)
    following = asyncio.create_task(workers[0].adopting.follow(0.01))
    try:
        await until(lambda: workers[0].limit(NOW_US) == 12)
        async with store.write() as connection:
            await connection.execute(text("ALTER TABLE allowances RENAME TO lost"))
        await until(lambda: [line["event"] for line in said] == ["allowances and measures cannot be kept up to date"])
        assert workers[0].limit(NOW_US) == 12
        async with store.write() as connection:
            await connection.execute(text("ALTER TABLE lost RENAME TO allowances"))
        await Allowances(store).add(structs.replace(GRANTED, id="a-2"))
        await until(lambda: workers[0].limit(NOW_US) == 19)
        await until(lambda: [line["event"] for line in said[1:]] == ["allowances and measures are being read again"])
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
