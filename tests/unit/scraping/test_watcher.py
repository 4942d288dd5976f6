"""The watcher: cheap to tell, bounded, and what it says holds no key, no value and no person."""

import asyncio
import time
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bench.scrapers import low_and_slow
from bench.traces import DAY_US, MINUTE_US, Call, World, at, dealer, key_of, missing
from gateway.audit.leaf import Entry, Exchange, Observation
from gateway.exchange.outcome import Disclosed, Outcome
from gateway.scraping.detector import Detector, Evidence, Usual
from gateway.scraping.detectors import DETECTORS
from gateway.scraping.seen import Seen
from gateway.scraping.watcher import OBJECTS_MAX, WAITING_MAX, Watcher
from tests.unit.contracts.sample import compiled
from tests.unit.scraping.stage import Stage


def walk(world: World, begin_us: int, number: int) -> list[Call]:
    """So many records of the world, ten seconds apart."""
    return [world.get(begin_us + step * 10_000_000, key) for step, key in enumerate(world.owned[:number])]


def test_the_detectors_are_these() -> None:
    assert [detector.name for detector in DETECTORS] == [
        "distinct-subjects",
        "not-found-share",
        "off-hours",
        "sequential-keys",
        "unusual-volume",
    ]


def test_a_finding_says_whom_it_is_about_and_since_when_in_both_languages() -> None:
    stage = Stage()
    stage.play(walk(World("a", 3_000), at(0, 9), 400))
    first = stage.findings[0]
    assert (first.detector, first.agreement, first.version) == ("sequential-keys", "swift-2026", "1.2.0")
    assert (first.partner, first.resource) == ("swift", "shipments")
    assert first.from_us < first.until_us <= at(0, 12)
    assert set(first.text) == {"zh", "en"}
    assert all(type(figure) is int for figure in first.evidence.values())
    assert first.evidence["steps_threshold"] == 100


def test_no_key_and_no_person_is_in_a_finding_nor_kept_in_memory() -> None:
    stage, world = Stage(), World("secretive", 3_000)
    stage.play(walk(world, at(0, 9), 2_000))
    assert stage.findings
    said = msgspec.json.encode(stage.findings).decode()
    kept = repr(_contents(stage.watcher))
    for number in world.owned[:2_000]:
        assert key_of(number) not in said
        assert key_of(number) not in kept
        assert world.person(number).hex() not in said
        assert world.person(number).hex() not in kept


def test_who_is_read_again_and_again_is_named_once_in_a_tick_and_anew_in_the_next() -> None:
    named: list[Any] = []

    def handle(person: Any) -> bytes:
        named.append(person)
        return str(person).encode()

    watcher = Watcher(handle, lambda _: None, now_us=lambda: at(0, 9))
    plan = next(plan for plan in compiled()[1].all_plans() if plan.operation == "list")
    for tick in range(2):
        for _ in range(3):
            outcome = Outcome(200, records=2, disclosed=Disclosed(b"", frozenset({"Ann", "Bob"})))
            watcher.saw(plan, "app", at(0, 9), "", outcome)
        watcher.tick(at(0, 9) + tick)
    assert sorted(named) == ["Ann", "Ann", "Bob", "Bob"]


def test_a_finding_is_reported_once_and_again_under_the_same_id_when_it_has_grown() -> None:
    stage = Stage()
    stage.play(walk(World("b", 6_000), at(0, 9), 4_000))
    mine = [finding for finding in stage.findings if finding.detector == "sequential-keys"]
    weights = [finding.evidence["keys_with_neighbour"] for finding in mine]
    assert len({finding.id for finding in mine}) == 1
    assert 5 < len(mine) < 30
    assert sum(later < 1.1 * earlier for earlier, later in pairwise(weights)) <= 1, "only when it becomes a warning"
    assert (mine[0].severity, mine[-1].severity) == ("notice", "warning")


def test_scraping_that_goes_on_is_another_finding_on_another_day() -> None:
    stage, world = Stage(), World("c", 30_000)
    stage.play(low_and_slow(world, at(0, 9)))
    mine = [finding for finding in stage.findings if finding.detector == "sequential-keys"]
    assert len({finding.id for finding in mine}) == 2
    assert mine[-1].until_us - mine[0].until_us >= DAY_US


def test_every_worker_gives_the_same_finding_the_same_id() -> None:
    ids = []
    for _ in range(2):
        stage = Stage()
        stage.play(walk(World("d", 3_000), at(0, 9), 400))
        ids.append(stage.findings[0].id)
    assert ids[0] == ids[1]


def test_refused_calls_and_changes_are_no_reading() -> None:
    stage, world = Stage(), World("e", 3_000)
    stage.play(replace(call, status=429, records=0, people=frozenset()) for call in walk(world, at(0, 9), 600))
    assert stage.findings == []


def test_one_key_asked_for_until_it_is_there_is_no_guessing() -> None:
    stage = Stage()
    stage.play(missing(at(0, 9) + step * MINUTE_US, 77) for step in range(300))
    assert stage.findings == []
    stage.play(missing(at(0, 15) + step * MINUTE_US, 1_000 * step + 77) for step in range(1, 120))
    assert stage.detectors() == {"not-found-share"}


def test_what_it_is_told_waits_in_a_bounded_list() -> None:
    stage, world = Stage(), World("f", 10)
    call = world.get(at(0, 9), world.owned[0])
    for _ in range(WAITING_MAX + 5):
        stage.tell(call)
    assert len(stage.watcher._waiting) == WAITING_MAX
    assert stage.watcher._unwatched == 5
    stage.watcher.tick(at(0, 10))
    assert stage.watcher._waiting == []


def test_of_too_many_objects_the_one_longest_ago_makes_room() -> None:
    stage, world = Stage(), World("g", 10)
    plan = stage.plans["get"]
    for number in range(OBJECTS_MAX + 3):
        stage.plans["get"] = replace(plan, contract=replace(plan.contract, agreement=f"agreement-{number}"))
        stage.tell(world.get(at(0, 9), world.owned[0]))
    stage.watcher.tick(at(0, 9))
    assert len(stage.watcher._watched) == OBJECTS_MAX
    assert ("agreement-2", "shipments") not in stage.watcher._watched
    assert (f"agreement-{OBJECTS_MAX + 2}", "shipments") in stage.watcher._watched


class Failing(Detector[None]):
    """Has a defect."""

    name = "failing"

    def begin(self) -> None:
        return None

    def fold(self, state: None, seen: Seen) -> None:
        raise ValueError(seen.key)

    def judge(self, state: None, usual: Usual) -> Evidence | None:
        raise ValueError


def test_a_defect_of_one_detector_ends_neither_the_watching_nor_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage()
    stage.watcher = Watcher(lambda _: b"", stage.findings.append, detectors=(*DETECTORS, Failing()))
    stage.play(walk(World("h", 3_000), at(0, 9), 400))
    assert "sequential-keys" in stage.detectors()
    assert "SHP-" not in capsys.readouterr().out


async def test_it_folds_and_judges_in_the_background_and_once_more_when_it_is_closed() -> None:
    stage = Stage()
    now_us = at(0, 12)
    stage.watcher = Watcher(lambda _: b"one", stage.findings.append, now_us=lambda: now_us)
    stage.watcher.start()
    for call in walk(World("i", 3_000), at(0, 9), 400):
        stage.tell(call)
    await asyncio.wait_for(stage.watcher.close(), 5)
    assert stage.detectors() == {"sequential-keys"}


def exchange(call: Call, plan: str) -> Exchange:
    """As the audit log has it."""
    return Exchange(
        time_us=call.time_us,
        request_id="r",
        partner="swift",
        client=call.client,
        agreement="swift-2026",
        version="1.2.0",
        contract="",
        plan=plan,
        product="shipments",
        operation=call.operation,
        route="",
        method="GET",
        status=call.status,
        code="",
        clause="",
        latency_us=1,
        bytes=0,
        records=call.records,
        subjects=len(call.people),
        withheld=0,
        mask="",
    )


def night_reading(world: World, day: int) -> list[Call]:
    return [world.get(at(day, 2) + step * 5_000_000, number) for step, number in enumerate(world.owned[::5][:400])]


def test_normal_use_is_learnt_again_from_the_log_after_a_restart() -> None:
    world, stage = World("j", 6_000), Stage()
    plan_id = stage.plans["get"].id
    observation = Observation(0, "swift", "swift-2026", "1.2.0", "", "shipments", "out", 0, 0, (), (), ())
    log: list[Entry] = [observation]
    for day in range(14):
        log += [exchange(call, plan_id) for call in sorted(dealer(world, day), key=lambda call: call.time_us)]
    log.append(exchange(world.get(at(13, 9), 1), "a plan that is gone"))
    stage.watcher.replay(log, compiled()[1])
    stage.play(night_reading(world, 14))
    assert "off-hours" in stage.detectors()
    forgetful = Stage()
    forgetful.play(night_reading(world, 14))
    assert "off-hours" not in forgetful.detectors()


def test_after_a_restart_people_read_before_are_not_taken_for_new_ones() -> None:
    world, stage = World("k", 6_000), Stage()
    plan_id = stage.plans["get"].id
    log = [exchange(call, plan_id) for day in range(12) for call in dealer(world, day)]
    stage.watcher.replay(sorted(log, key=lambda entry: entry.time_us), compiled()[1])
    for day in range(12, 16):
        stage.play(sorted(dealer(world, day), key=lambda call: call.time_us))
    assert stage.findings == []


def test_telling_it_takes_a_few_microseconds() -> None:
    stage, world = Stage(), World("l", 200)
    page = world.page(at(0, 9), world.owned)
    outcome = Outcome(200, records=200, disclosed=None)
    begin = time.process_time()
    for _ in range(10_000):
        stage.watcher.saw(stage.plans["list"], "app", page.time_us, "", outcome)
    assert (time.process_time() - begin) / 10_000 < 50e-6, "generous: other processes share the caches"


def _contents(found: Any, depth: int = 0) -> Any:
    """Everything reachable from an object of ours, for looking through."""
    if depth > 12:
        return None
    if isinstance(found, dict):
        return [(_contents(key, depth + 1), _contents(value, depth + 1)) for key, value in found.items()]
    if isinstance(found, list | tuple | set | frozenset):
        return [_contents(one, depth + 1) for one in found]
    names = [name for kind in type(found).__mro__ for name in getattr(kind, "__slots__", ())]
    if type(found).__module__.startswith("gateway.scraping"):
        slots = [getattr(found, name) for name in names if hasattr(found, name)]
        return [_contents(one, depth + 1) for one in [*slots, *getattr(found, "__dict__", {}).values()]]
    return found


@pytest.mark.parametrize("at_once", [1, 10])
def test_a_walk_through_keys_by_a_filter_of_a_list_is_found_as_one_record_by_record_is(at_once: int) -> None:
    stage = Stage()
    keys = [f"SH-{number:06}" for number in range(300)]
    for number in range(0, len(keys), at_once):
        looked_up = tuple(keys[number : number + at_once])
        stage.watcher.saw(
            stage.plans["list"], "app", at(0, 9) + number * 1_000_000, looked_up, Outcome(200, records=at_once)
        )
    stage.watcher.tick(at(0, 10))
    assert "sequential-keys" in stage.detectors()
