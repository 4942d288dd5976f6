"""A gateway that starts again counts as if it had never stopped: by its log, and of people by its sidecar."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.memory import MemoryAdapter
from contracts.plan import Plan, Plans
from gateway.audit.erasing import destroy, find
from gateway.audit.leaf import Exchange
from gateway.audit.reader import Counted, read_counted
from gateway.audit.sidecar_people import handles_of
from gateway.limits.charging import Charging
from gateway.limits.replay import BEFORE_LIMITS, BY_LIMITS, replay
from gateway.problems import PROBLEMS
from gateway.problems_partner import PARTNER_PROBLEMS
from policies.counters import Counters
from policies.limit import Charge, Limit, Moment
from tests.unit.exchange.stage import SECRET, Stage
from tests.unit.exchange.wares import WARES, Database, ware, wares
from tests.unit.policies.limits import quota, rate

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
NAMED = (
    "- {name: hidden, logicalType: string}",
    "- {name: hidden, logicalType: string, customProperties: [{property: subject, value: true}]}",
)
LINES = "application/x-ndjson"

AFTER_LIMITS = frozenset(
    {
        "record-not-found",
        "invalid-idempotency-key",
        "conflict",
        "idempotency-in-flight",
        "idempotency-unknown",
        "idempotency-mismatch",
        "precondition-failed",
        "body-too-large",
        "body-incomplete",
        "unsupported-media-type",
        "invalid-body",
        "digest-mismatch",
        "signature-required",
        "signature-invalid",
        "outside-rows",
        "backend-refused",
        "backend-unreachable",
        "backend-error",
        "backend-invalid",
        "backend-timeout",
        "log-unavailable",
        "state-unavailable",
        "internal",
    }
)
"""What ends an exchange that was charged, or may have been."""
OF_NO_EXCHANGE = frozenset(
    {"too-many-requests", "invalid-leaf-hash", "receipt-not-found", "log-empty", "log-file-not-found", "log-unreadable"}
)
"""What nobody is told in an exchange: other pages say it."""


def test_of_every_problem_it_is_known_whether_its_call_was_charged() -> None:
    sides = (BEFORE_LIMITS, BY_LIMITS, AFTER_LIMITS, OF_NO_EXCHANGE, frozenset(PARTNER_PROBLEMS))
    assert sum(map(len, sides)) == len(frozenset().union(*sides))
    assert frozenset().union(*sides) == PROBLEMS.keys(), "put a new code where it ends an exchange, see replay.py"


LIMITS: tuple[Limit, ...] = (
    rate(40, 600, burst=20, clause="7.1", per="client"),
    rate(30, 3600, clause="7.2", enforce="observe"),
    quota(120, "calls", "day", clause="7.3"),
    quota(90, "records", "day", clause="7.4"),
    quota(20, "subjects", "week", clause="7.5"),
    quota(30_000, "bytes", "hour", clause="7.6"),
    quota(50, "records", "month", clause="7.7", enforce="observe"),
)


def limited(plans: Plans, limits: tuple[Limit, ...]) -> Plans:
    """With these limits; a list weighs more than a record."""

    def weighed(plan: Plan) -> Plan:
        weight = 3 if plan.operation == "list" else 1
        mine = tuple(replace(limit, cost=weight * limit.cost) for limit in limits)
        return replace(plan, limits=plan.limits + mine)

    return replace(plans, by_route={route: tuple(map(weighed, each)) for route, each in plans.by_route.items()})


def opened(folder: Path, *limits: Limit, people: int = 30, records: int = 40) -> Stage:
    held = [ware(f"W-{number:02}", hidden=f"P-{number % people}") for number in range(records)]
    adapter = MemoryAdapter({"ware": held}, (), writable=True)
    stage = Stage(folder / "log", limited(wares(Database(), NAMED), limits), adapter)
    stage.grant = WARES
    return stage


def started_again(stage: Stage) -> Counters:
    """What another process finds, whose monotonic clock began when the machine did."""

    def people(wanted: set[bytes], since_s: float) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
        return handles_of(stage.folder / "sidecar", wanted, 0)

    def read() -> Iterator[Counted]:
        return read_counted(stage.folder)

    return replay(read, stage.gateway.serving.plans, Charging(), now_elsewhere(stage), people)


def now(stage: Stage) -> Moment:
    return Moment(stage.now_us, stage.now_ns)


def now_elsewhere(stage: Stage) -> Moment:
    return Moment(stage.now_us, 17_000)


def everything(stage: Stage) -> list[Charge]:
    """Every counter of both clients, once."""
    charging = Charging()
    found: dict[str, Charge] = {}
    for plan in stage.gateway.serving.plans.all_plans():
        for client in ("swift-app", "other-app"):
            found |= {each.key: each for each in charging.of(plan, client, stage.now_us).admission}
    return [found[key] for key in sorted(found)]


def stands(counters: Counters, charges: list[Charge], at: Moment) -> list[tuple[str, int, int]]:
    found = counters.stand(charges, at)
    return [(charge.key, each.remaining, each.reset_ns) for charge, each in zip(charges, found, strict=True)]


def assert_same(stage: Stage) -> None:
    live = stage.settling.limiter
    assert isinstance(live, Counters)
    charges = everything(stage)
    assert stands(started_again(stage), charges, now_elsewhere(stage)) == stands(live, charges, now(stage))


async def one_call(stage: Stage, dice: random.Random, known: list[str]) -> None:
    """A call of any sort, good or bad."""
    key = f"W-{dice.randrange(45):02}"
    tag = dice.choice(known) if known else "none"
    match dice.randrange(12):
        case 0 | 1:
            reply = await stage.get(f"/v1/wares?limit={dice.randrange(1, 12)}")
        case 2 | 3 | 4:
            reply = await stage.get(f"/v1/wares/{key}")
            known += [reply.headers["etag"]] if "etag" in reply.headers else []
        case 5:
            reply = await stage.get(
                "/v1/wares/W-01", dice.choice(["GET", "HEAD"]), if_none_match=dice.choice([tag, "*"])
            )
        case 6:
            reply = await stage.ask("PATCH", f"/v1/wares/{key}", {"pieces": dice.randrange(9)})
        case 7:
            reply = await stage.get(
                dice.choice(["/v1/wares?limit=x", "/v1/nothing", "/v1/wares?colour=1", "/v1/a/b/c/d"])
            )
        case 8:
            reply = await stage.ask(dice.choice(["OPTIONS", "PUT"]), "/v1/wares", None)
        case 9:
            reply = await stage.get("/v1/wares?limit=30", dice.choice(["GET", "HEAD"]), accept=LINES)
        case 10:
            reply = await stage.get("/v1/wares", clausegate_purpose="curiosity")
        case _:
            reply = await stage.ask("PATCH", "/v1/wares/W-01", {"pieces": "many"})
    assert reply.status < 500, reply


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.sets(st.sampled_from(range(len(LIMITS))), min_size=1))
def test_after_any_traffic_every_counter_stands_where_it_stood(dice: random.Random, chosen: set[int]) -> None:
    async def main(folder: Path) -> None:
        stage = opened(folder, *(LIMITS[index] for index in sorted(chosen)))
        known: list[str] = []
        for _ in range(dice.randrange(5, 60)):
            stage.grant = replace(WARES, client=dice.choice(["swift-app", "other-app"]))
            waited_us = dice.choice([0, 1, SECOND_US, 20 * SECOND_US, HOUR_US // 2, 11 * HOUR_US])
            stage.now_us += waited_us
            stage.now_ns += waited_us * 1000
            await one_call(stage, dice, known)
        assert_same(stage)
        stage.writer.close()

    with TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


async def test_who_is_sent_away_because_nothing_is_left_is_charged_no_calls(tmp_path: Path) -> None:
    calls, records = quota(20, clause="7.1"), quota(5, "records", clause="7.2")
    stage = opened(tmp_path, calls, records)
    assert (await stage.get("/v1/wares?limit=5")).status == 200
    assert {(await stage.get("/v1/wares?limit=5")).code for _ in range(15)} == {"quota-exceeded"}
    counters = started_again(stage)
    assert [each.remaining for each in counters.stand(of(calls, records), now_elsewhere(stage))] == [17, 0]
    assert_same(stage)


async def test_a_call_whose_answer_does_not_fit_was_made_and_shows_nothing(tmp_path: Path) -> None:
    calls, size = quota(20, clause="7.1"), quota(10, "bytes", clause="7.2")
    stage = opened(tmp_path, calls, size)
    assert (await stage.get("/v1/wares/W-01")).code == "quota-exceeded"
    counters = started_again(stage)
    assert [each.remaining for each in counters.stand(of(calls, size), now_elsewhere(stage))] == [19, 10]
    assert_same(stage)


async def test_somebody_who_was_erased_still_counts_and_is_somebody_new(tmp_path: Path) -> None:
    people = quota(5, "subjects", clause="7.1")
    stage = opened(tmp_path, people, people=3)
    for key in ("W-00", "W-01", "W-03"):  # two people, one of them twice
        await stage.get(f"/v1/wares/{key}")
    assert_same(stage)
    places = find(stage.folder / "sidecar", ["P-0"], SECRET).places
    for what in ("keys", "handles"):
        destroy(places, what)
    counters = started_again(stage)
    (standing,) = counters.stand(of(people), now_elsewhere(stage))
    assert standing.remaining == 2  # P-1, and P-0 once for each answer


async def test_people_of_a_sidecar_that_is_gone_count_by_their_number(tmp_path: Path) -> None:
    people = quota(50, "subjects", clause="7.1")
    stage = opened(tmp_path, people)
    for _ in range(2):
        await stage.get("/v1/wares?limit=7")
    (stage.folder / "sidecar").rename(tmp_path / "gone")
    (standing,) = started_again(stage).stand(of(people), now_elsewhere(stage))
    assert standing.remaining == 50 - 14


async def test_a_burst_that_was_used_is_used_after_the_start_too(tmp_path: Path) -> None:
    held = rate(100, 100, burst=3, clause="7.1")
    stage = opened(tmp_path, held)
    for waited_s in (0, 0, 0, 1, 1, 1, 30, 0, 0):
        stage.now_us += waited_s * SECOND_US
        stage.now_ns += waited_s * SECOND_US * 1000
        assert (await stage.get("/v1/wares/W-01")).status == 200
    call = [Charge(held.key, held, 1)]
    decisions = [
        await started_again(stage).decide(call, now_elsewhere(stage)),
        await stage.settling.limiter.decide(call, now(stage)),
    ]
    assert [(decision.bound, decision.wait_ns) for decision in decisions] == [(held, SECOND_US * 1000)] * 2


async def test_what_did_not_fit_into_limits_that_only_watch_is_not_counted_there(tmp_path: Path) -> None:
    def watching(limit: int) -> tuple[Limit, ...]:
        made = (rate(limit, 3600, clause="7.1"), quota(limit, clause="7.2"), quota(limit, "records", clause="7.3"))
        return tuple(replace(each, enforce="observe") for each in made)

    stage = opened(tmp_path, *watching(2))
    for _ in range(5):
        assert (await stage.get("/v1/wares/W-01")).status == 200
    assert [entry.observed for entry in stage.records()] == ["", ""] + ["7.1 7.2 7.3"] * 3
    stage.gateway.serving = replace(stage.gateway.serving, plans=limited(wares(Database(), NAMED), watching(10)))
    found = started_again(stage).stand(of(*watching(10)), now_elsewhere(stage))
    assert [standing.remaining for standing in found] == [8, 8, 8]


async def test_a_reload_before_the_start_counts_what_was_by_the_limits_as_they_are_now(tmp_path: Path) -> None:
    stage = opened(tmp_path, quota(20, period="hour", clause="7.1"))
    for _ in range(3):
        await stage.get("/v1/wares/W-01")
        stage.now_us += HOUR_US
    month = quota(20, period="month", clause="7.1")
    stage.gateway.serving = replace(stage.gateway.serving, plans=limited(wares(Database(), NAMED), (month,)))
    (standing,) = started_again(stage).stand(of(month), now_elsewhere(stage))
    assert standing.remaining == 17


async def test_an_agreement_that_is_gone_and_a_clock_that_went_back_stop_nobody(tmp_path: Path) -> None:
    held = quota(20, period="year", clause="7.1")
    stage = opened(tmp_path, held)
    await stage.get("/v1/wares/W-01")
    (entry,) = stage.records()
    entries = [entry, replace(entry, agreement="gone-2025"), replace(entry, time_us=entry.time_us + 9 * HOUR_US)]
    plans, at = stage.gateway.serving.plans, now_elsewhere(stage)
    counters = replay(lambda: entries, plans, Charging(), at, lambda wanted, since_s: ())
    (standing,) = counters.stand(of(held), at)
    assert standing.remaining == 18


async def test_the_log_is_read_once_where_no_people_are_counted(tmp_path: Path) -> None:
    for limit, reads in ((quota(9, "records", clause="7.1"), 1), (quota(9, "subjects", clause="7.1"), 2)):
        stage = opened(tmp_path / limit.unit, limit)
        await stage.get("/v1/wares/W-01")
        read: list[int] = []

        def entries(stage: Stage = stage, read: list[int] = read) -> list[Exchange]:
            read.append(1)
            return stage.records()

        plans, at = stage.gateway.serving.plans, now_elsewhere(stage)
        replay(entries, plans, Charging(), at, lambda wanted, since_s: ())
        assert len(read) == reads


def of(*limits: Limit) -> list[Charge]:
    """A look at each."""
    return [Charge(limit.key, limit, 0) for limit in limits]


def with_a_later_version(plans: Plans, clause: str, from_s: int) -> Plans:
    """The same agreement has a version to come, in which a clause has another number."""

    def later(plan: Plan) -> Plan:
        contract = replace(plan.contract, version="2.0.0", hash="f" * 64, effective_from_s=from_s)
        (limit,) = (each for each in plan.limits if each.clause.id == "7.1")
        ref = replace(limit.clause, version="2.0.0", id=clause)
        other = replace(limit, clause=ref, key=f"{ref.agreement}/{clause}")
        return replace(plan, id=f"{plan.id}-2", contract=contract, limits=(other,))

    both = {route: (*each, *map(later, each)) for route, each in plans.by_route.items()}
    return replace(plans, by_route=both)


async def test_a_version_that_is_to_come_takes_nothing_from_the_counters_of_the_one_in_force(tmp_path: Path) -> None:
    held = quota(20, clause="7.1")
    stage = opened(tmp_path, held)
    serving = stage.gateway.serving
    begins_s = stage.now_us // SECOND_US + 2 * 3_600
    stage.gateway.serving = replace(serving, plans=with_a_later_version(serving.plans, "8.1", begins_s))
    for _ in range(3):
        assert (await stage.get("/v1/wares/W-01")).status == 200
    (standing,) = started_again(stage).stand(of(held), now_elsewhere(stage))
    assert standing.remaining == 17
    stage.now_us += 3 * HOUR_US
    other = replace(held, key=held.key.replace("7.1", "8.1"))
    (standing,) = started_again(stage).stand(of(other), now_elsewhere(stage))
    assert standing.remaining == 17, "what was used under the version before counts where the clause is now"
