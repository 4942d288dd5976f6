"""The sampler: few bodies, measured in the background, written down as counts; it never hurts serving."""

import asyncio
import json
from functools import cache
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json as msgspec_json

from adapters.base import Field
from contracts.plan import Plan, Plans
from gateway.audit.faults import LogFault
from gateway.audit.frames import LEAF_BYTES_MAX
from gateway.audit.leaf import Measured, Observation, Receipt
from gateway.quality.account import Account
from gateway.quality.measure import Found
from gateway.quality.sampler import SAMPLE_BYTES_MAX, WAITING_MAX, Sampler
from tests.unit.quality.goods import goods_plans, plan_of
from tests.unit.sla.hub import NOON_S

RECEIPT = Receipt("0" * 64, "gw-test", 1, 0)
BODY = json.dumps({"data": [{"id": "1", "kind": "a"}, {"id": "2", "kind": "d", "canary": "canary"}]}).encode()


@pytest.fixture(scope="module")
def plans() -> Plans:
    return goods_plans()


class Bench:
    """A sampler with a log in a list and a clock that tests move."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.log: list[Observation] = []
        self.counted: list[Observation] = []
        self.fault: LogFault | None = None
        self.sampler = Sampler(
            self._append,
            self.counted.append,
            monotonic_ns=lambda: self.now_ns,
            now_us=lambda: NOON_S * 1_000_000 + self.now_ns // 1000,
            interval_ms=1000,
            flush_s=30,
        )

    async def _append(self, observation: Observation) -> Receipt | LogFault:
        if self.fault is not None:
            return self.fault
        self.log.append(observation)
        return RECEIPT

    async def observed(self) -> list[Observation]:
        """What is written down of all that was taken."""
        before = len(self.log)
        await self.sampler.measure_waiting()
        await self.sampler.flush()
        return self.log[before:]


async def test_a_body_becomes_counts_of_its_agreement_and_product(plans: Plans) -> None:
    bench, plan = Bench(), plan_of(plans)
    bench.sampler.offer(plan, BODY, None, complete=True)
    (seen,) = await bench.observed()
    assert (seen.partner, seen.agreement, seen.version) == ("swift-logistics", "swift-logistics-2026", "1.0.0")
    assert (seen.contract, seen.product, seen.direction) == (plan.contract.hash, "goods", "out")
    assert (seen.time_us, seen.samples, seen.records) == (NOON_S * 1_000_000, 1, 2)
    assert Measured("kind invalidValues", 2, 1, 1, 1) in seen.measured
    assert Measured("rowCount", 2, 0, 1, 0) in seen.measured
    assert seen.undeclared == (("", 1),)
    assert b"canary" not in msgspec_json.encode(seen)
    assert bench.counted == bench.log


async def test_one_body_of_each_plan_is_taken_in_an_interval(plans: Plans) -> None:
    bench = Bench()
    for step in range(25):
        bench.now_ns = step * 100_000_000
        for partner in ("swift-logistics", "delta-repair"):
            bench.sampler.offer(plan_of(plans, partner), BODY, None, complete=True)
    assert [seen.samples for seen in await bench.observed()] == [3, 3]


async def test_a_body_that_is_too_large_is_not_taken_and_the_next_one_is(plans: Plans) -> None:
    bench, plan = Bench(), plan_of(plans)
    bench.sampler.offer(plan, BODY + b" " * SAMPLE_BYTES_MAX, None, complete=True)
    assert await bench.observed() == []
    bench.sampler.offer(plan, BODY, None, complete=True)
    assert len(await bench.observed()) == 1


async def test_no_more_bodies_wait_than_there_is_room_for(plans: Plans) -> None:
    bench, plan = Bench(), plan_of(plans)
    for step in range(WAITING_MAX + 10):
        bench.now_ns = step * 10**9
        bench.sampler.offer(plan, BODY, None, complete=True)
    assert [seen.samples for seen in await bench.observed()] == [WAITING_MAX]


async def test_large_bodies_that_wait_are_bounded_by_their_bytes(plans: Plans) -> None:
    bench, plan = Bench(), plan_of(plans)
    for step in range(10):
        bench.now_ns = step * 10**9
        bench.sampler.offer(plan, BODY + b" " * (SAMPLE_BYTES_MAX - len(BODY)), None, complete=True)
    assert [seen.samples for seen in await bench.observed()] == [8]


@pytest.mark.parametrize(
    ("partner", "operation", "complete", "counts"),
    [
        ("swift-logistics", "list", True, True),
        ("swift-logistics", "list", False, False),
        ("swift-logistics", "get", True, False),
        ("delta-repair", "list", True, False),
    ],
    ids=["all of it", "a page", "one record", "some partner's rows"],
)
async def test_rows_are_counted_only_where_all_are_there(
    plans: Plans, partner: str, operation: str, complete: bool, counts: bool
) -> None:
    bench = Bench()
    body = BODY if operation == "list" else b'{"id":"1"}'
    bench.sampler.offer(plan_of(plans, partner, operation), body, None, complete)
    (seen,) = await bench.observed()
    assert ("rowCount" in [one.rule for one in seen.measured]) is counts


async def test_what_a_partner_wrote_is_counted_by_itself(plans: Plans) -> None:
    bench, plan = Bench(), plan_of(plans)
    bench.sampler.wrote(plan, ((Field(("kind",), "kind", "string"), "d"),))
    (seen,) = await bench.observed()
    assert (seen.direction, seen.samples, seen.records) == ("in", 1, 1)
    assert Measured("kind invalidValues", 1, 1, 1, 1) in seen.measured


async def test_a_body_that_cannot_be_measured_hurts_nobody(plans: Plans, capsys: pytest.CaptureFixture[str]) -> None:
    bench, plan = Bench(), plan_of(plans)
    for body in (b'{"canary":', b'"canary"', b'{"data":"canary"}', b'{"canary":[]}', b"\xff"):
        bench.sampler.offer(plan, body, None, complete=True)
        bench.now_ns += 10**9
    bench.sampler.offer(plan, BODY, None, complete=True)
    assert sum(seen.samples for seen in await bench.observed()) >= 1
    said = "".join(capsys.readouterr())
    assert said.count("sample not measured") >= 3
    assert "canary" not in said


async def test_drift_is_counted_by_path_and_said(plans: Plans, capsys: pytest.CaptureFixture[str]) -> None:
    bench, plan = Bench(), plan_of(plans)
    bench.sampler.drifted(plan, ("person.phone", "weight", "person.phone"))
    bench.sampler.drifted(plan, ("weight",))
    said = "".join(capsys.readouterr())
    assert said.count("person.phone") == 1
    (seen,) = await bench.observed()
    assert dict(seen.drift) == {"person.phone": 1, "weight": 2}
    assert (seen.samples, seen.records) == (0, 0)


async def test_a_backend_that_always_drifts_does_not_fill_the_disk(
    plans: Plans, capsys: pytest.CaptureFixture[str]
) -> None:
    bench, plan = Bench(), plan_of(plans)
    for _ in range(1_000):
        bench.sampler.drifted(plan, ("weight",))
    assert len("".join(capsys.readouterr()).splitlines()) == 60
    bench.now_ns += 60 * 10**9
    bench.sampler.drifted(plan, ("weight",))
    said = "".join(capsys.readouterr()).splitlines()
    assert len(said) == 2
    assert "940" in said[0]
    (seen,) = await bench.observed()
    assert dict(seen.drift) == {"weight": 1_001}


async def test_what_the_log_does_not_take_is_written_later_and_counted_once(plans: Plans) -> None:
    bench, plan = Bench(), plan_of(plans)
    bench.fault = LogFault("disk-full", "")
    bench.sampler.offer(plan, BODY, None, complete=True)
    assert await bench.observed() == []
    assert bench.counted == []
    bench.fault = None
    bench.sampler.drifted(plan, ("weight",))
    kept, new = await bench.observed()
    assert (kept.samples, new.samples) == (1, 0)
    assert bench.counted == [kept, new]
    assert await bench.observed() == []


@pytest.mark.parametrize("kind", ["too-large", "unencodable"])
async def test_what_the_log_will_never_take_is_not_kept(
    plans: Plans, kind: Literal["too-large", "unencodable"]
) -> None:
    bench, plan = Bench(), plan_of(plans)
    bench.fault = LogFault(kind, "")
    bench.sampler.drifted(plan, ("weight",))
    assert await bench.observed() == []
    bench.fault = None
    assert await bench.observed() == []


async def test_closing_writes_what_was_seen_last(plans: Plans) -> None:
    bench, plan = Bench(), plan_of(plans)
    bench.sampler.start()
    bench.sampler.offer(plan, BODY, None, complete=True)
    await bench.sampler.close()
    assert [seen.samples for seen in bench.log] == [1]
    assert bench.counted == bench.log


async def test_closing_waits_for_no_log_forever(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: Observation) -> Receipt | LogFault:
        await asyncio.Event().wait()
        return RECEIPT

    monkeypatch.setattr("gateway.quality.sampler._CLOSE_S", 0.05)
    sampler = Sampler(never, lambda _: None)
    sampler.drifted(plan_of(plans), ("weight",))
    async with asyncio.timeout(5):
        await sampler.close()


async def test_the_background_task_measures_and_writes(plans: Plans) -> None:
    written = asyncio.Event()
    counted: list[Observation] = []

    async def append(_: Observation) -> Receipt | LogFault:
        return RECEIPT

    def observe(observation: Observation) -> None:
        counted.append(observation)
        written.set()

    sampler = Sampler(append, observe, interval_ms=10, flush_s=0)
    sampler.start()
    sampler.offer(plan_of(plans), BODY + b" " * 10_000, None, complete=True)  # large enough for a thread
    async with asyncio.timeout(10):
        await written.wait()
    await sampler.close()
    assert counted[0].samples == 1


@cache
def compiled_once() -> Plan:
    return plan_of(goods_plans())


PRINTABLE = st.characters(exclude_categories=["C", "Z"], exclude_characters='"\\')
NAMES = st.lists(st.text(PRINTABLE, min_size=1, max_size=3_000), max_size=80, unique=True)


@given(rules=NAMES, paths=NAMES)
def test_however_long_the_names_every_count_is_written_once_in_records_that_fit(
    rules: list[str], paths: list[str]
) -> None:
    account = Account(compiled_once(), "out")
    account.add(Found(7, dict.fromkeys(rules, (1, 2, 3, 4)), dict.fromkeys(paths, 5)))
    written = list(account.observations(0))
    assert [one for seen in written for one in seen.measured] == [Measured(rule, 1, 2, 3, 4) for rule in rules]
    assert [one for seen in written for one in seen.undeclared] == [(path, 5) for path in paths]
    assert (sum(seen.samples for seen in written), sum(seen.records for seen in written)) == (1, 7)
    assert all(len(msgspec_json.encode(seen)) < LEAF_BYTES_MAX for seen in written)
