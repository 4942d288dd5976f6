"""Counting: every figure is exact, in the agreement's own days, and the same live as from the log."""

import random
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.plan import Plan, Plans
from gateway.audit.leaf import Exchange, Intent, Leaf, Measured, Observation, Part, Place, decode, encode
from gateway.audit.reader import COUNTED, Counted
from gateway.sla.account import Account
from gateway.sla.counts import Counts
from gateway.sla.sampled import RuleCounts
from gateway.sla.tally import Tally
from policies.clause import Meter
from tests.unit.sla.hub import NOON_S, PARTNERS, POLICY, contract_of, exchange, plan_of, plans_of

FOREVER_US = 1 << 60
SHANGHAI = ZoneInfo("Asia/Shanghai")


@cache
def compiled_once() -> Plans:
    return plans_of()


@pytest.fixture(scope="module")
def plans() -> Plans:
    return compiled_once()


def account_of(tally: Tally, plans: Plans, partner: str = "swift-logistics") -> Account:
    account = tally.of(contract_of(plans, partner))
    assert account is not None
    return account


def counted(account: Account, meter: Meter) -> tuple[int, int]:
    """All that a meter ever counted."""
    return account.window(meter, 0, FOREVER_US)


def random_traffic(plans: Plans, seed: int, count: int, days: int) -> list[Exchange]:
    """Exchanges of all partners in the order in which they end: nearly that of their times, as in a log."""
    chance = random.Random(seed)  # noqa: S311  (the same traffic in every run)
    found = []
    for _ in range(count):
        plan = chance.choice(plans.all_plans())
        status, clause = chance.choice(
            [(200, ""), (200, ""), (404, ""), (429, "4.1"), (403, "2.1"), (502, ""), (504, "")]
        )
        said = {
            "status": status,
            "clause": clause,
            "latency_us": chance.choice([1_000, 800_000, 800_001, 4_000_000]),
            "withheld": chance.choice([0, 0, 0, 3]) if status == 200 else 0,
            "observed": chance.choice(["", "", "", "4.2", "2.2 4.2"]),
            "uncounted": chance.choice(["", "", "", "4.1", "4.1 4.3"]),
        }
        if status == 200 and chance.random() < 0.1:
            said["clause"] = "4.3"
        if chance.random() < 0.05:
            said |= {"plan": "", "product": "", "operation": "", "route": ""}
        found.append(exchange(plan, NOON_S - chance.uniform(0, days * 86_400), **said))
    return sorted(found, key=lambda entry: entry.time_us + entry.latency_us)


def picture(account: Account) -> object:
    """Everything that an account holds, as plain values."""
    return {
        "days": {
            ordinal: (msgspec.to_builtins(day.counts), [day.read(index) for index, _ in enumerate(account.lanes)])
            for ordinal, day in sorted(account.days.items())
        },
        "lanes": account.lanes,
        "months": {name: msgspec.to_builtins(month) for name, month in account.months.items()},
        "times": (account.first_us, account.latest_us, account.late),
        "clients": account.clients,
        "total": msgspec.to_builtins(account.total()),
    }


def test_replaying_the_recorded_entries_gives_the_live_figures(plans: Plans) -> None:
    live = Tally(plans)
    log = []
    for entry in random_traffic(plans, seed=1, count=3_000, days=90):
        live.add(entry)
        log.append(msgspec.json.encode(entry))
    replayed = Tally(plans_of()).replay(msgspec.json.decode(line, type=Exchange) for line in log)
    assert [picture(account) for account in replayed.accounts()] == [picture(account) for account in live.accounts()]


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["exchange", "part", "observation", "intent"]),
        st.sampled_from(list(PARTNERS)),
        st.integers(0, 90 * 86_400),
        st.integers(0, 5),
        st.sampled_from(["out", "in"]),
    ),
    max_size=40,
)


def entry_of(plan: Plan, kind: str, back_s: int, count: int, direction: Literal["out", "in"]) -> Counted:
    """One entry of any kind that figures are counted from."""
    contract, time_us = plan.contract, (NOON_S - back_s) * 1_000_000
    whose: dict[str, Any] = {"time_us": time_us, "partner": contract.partner, "agreement": contract.agreement}
    if kind == "exchange":
        return exchange(plan, NOON_S - back_s, withheld=count, request_id=f"request-{count}")
    if kind == "observation":
        return Observation(
            **whose,
            version=contract.version,
            contract=contract.hash,
            product=plan.resource,
            direction=direction,
            samples=count,
            records=10 * count,
            measured=(Measured(f"rule {count}", 10 * count, count, 1, count % 2),),
            drift=((f"path{count}", count),),
            undeclared=(("", count),),
        )
    made: type[Part | Intent] = Part if kind == "part" else Intent
    whole = msgspec.structs.asdict(exchange(plan, NOON_S - back_s, request_id=f"request-{count}"))
    part = {"number": 2, "last": False, "records": count, "bytes": 100 * count, "subjects": count, "withheld": count}
    return made(**{name: value for name, value in (whole | part).items() if name in made.__struct_fields__})


@given(ENTRIES)
def test_the_log_gives_the_live_figures_of_every_kind_of_entry(drawn: list[tuple[str, str, int, int, Any]]) -> None:
    """Live, each entry is counted by whoever wrote it; a replay is handed the records of the log."""
    plans = compiled_once()
    live, log = Tally(plans), list[bytes]()
    for kind, partner, back_s, count, direction in drawn:
        entry = entry_of(plan_of(plans, partner), kind, back_s, count, direction)
        log.append(encode(Leaf(1, Place("gw-1", 1, len(log), ""), entry)))
        if isinstance(entry, Exchange):
            live.add(entry)
        elif isinstance(entry, Part):
            live.add_part(entry)
        elif isinstance(entry, Observation):
            live.observe(entry)
    leaves = [decode(raw) for raw in log]
    replayed = Tally(plans).replay(leaf.entry for leaf in leaves if leaf and isinstance(leaf.entry, COUNTED))
    assert [picture(account) for account in replayed.accounts()] == [picture(account) for account in live.accounts()]


def test_a_part_adds_what_it_disclosed_and_no_request(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, request_id="request-3"))
    part = entry_of(plan, "part", 0, 3, "out")
    assert isinstance(part, Part)
    tally.add_part(part)
    total = account_of(tally, plans).total()
    assert (total.requests, total.parts) == (1, 1)
    assert (total.records, total.bytes, total.subjects, total.withheld) == (13, 1_300, 10, 3)


def test_observations_add_up_by_product_and_direction_and_by_day(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    rows: list[tuple[int, int, Literal["out", "in"]]] = [(0, 2, "out"), (0, 4, "out"), (86_400, 2, "out"), (0, 1, "in")]
    for back_s, count, direction in rows:
        observation = entry_of(plan, "observation", back_s, count, direction)
        assert isinstance(observation, Observation)
        tally.observe(observation)
    account = account_of(tally, plans)
    today = account.local_day(NOON_S * 1_000_000).ordinal
    sampled, recent = account.total().sampled, account.counts(today, today).sampled
    assert {name: (one.samples, one.records) for name, one in sampled.items()} == {
        "shipments out": (8, 80),
        "shipments in": (1, 10),
    }
    assert recent["shipments out"].rules == {"rule 2": RuleCounts(20, 2, 1, 0), "rule 4": RuleCounts(40, 4, 1, 0)}
    assert sampled["shipments out"].rules["rule 2"] == RuleCounts(40, 4, 2, 0)
    assert sampled["shipments out"].drift == {"path2": 4, "path4": 4}
    assert sampled["shipments out"].undeclared == {"": 8}
    assert account.total().requests == 0


def test_a_change_without_an_outcome_is_counted_as_unfinished(plans: Plans) -> None:
    plan = plan_of(plans)
    intents = [entry_of(plan, "intent", 0, number, "out") for number in (1, 2, 3)]
    done = exchange(plan, NOON_S, request_id="request-2")
    tally = Tally(plans).replay([*intents, done])
    assert account_of(tally, plans).unfinished == 2


def test_parts_and_observations_of_no_known_agreement_change_nothing(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    for kind in ("part", "observation", "intent"):
        tally.replay([msgspec.structs.replace(entry_of(plan, kind, 0, 1, "out"), agreement="gone")])
    assert all(msgspec.to_builtins(one.total()) == msgspec.to_builtins(Counts()) for one in tally.accounts())


def test_each_figure_is_what_counting_by_hand_gives(plans: Plans) -> None:
    traffic = random_traffic(plans, seed=2, count=2_000, days=20)
    tally = Tally(plans).replay(traffic)
    for partner in plans.partners():
        mine = [entry for entry in traffic if entry.partner == partner]
        total = account_of(tally, plans, partner).total()
        assert total.requests == len(mine)
        assert total.good == sum(entry.status < 400 for entry in mine)
        assert total.faults == sum(entry.status >= 500 for entry in mine)
        assert total.refusals == Counter(entry.clause for entry in mine if entry.clause and entry.status != 200)
        assert total.cuts == Counter(entry.clause for entry in mine if entry.clause and entry.status == 200)
        assert total.observed == Counter(clause for entry in mine for clause in entry.observed.split())
        assert total.uncounted == Counter(clause for entry in mine for clause in entry.uncounted.split())
        assert total.operations == Counter(f"{entry.product} {entry.operation}" for entry in mine if entry.plan)
        assert (total.records, total.bytes, total.subjects, total.withheld) == tuple(
            sum(getattr(entry, name) for entry in mine) for name in ("records", "bytes", "subjects", "withheld")
        )
        assert total.drifted == sum(entry.withheld > 0 for entry in mine)


def test_a_day_is_the_agreements_day_and_not_utcs(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    midnight_s = datetime(2026, 11, 23, tzinfo=SHANGHAI).timestamp()
    tally.add(exchange(plan, midnight_s - 0.000001))
    tally.add(exchange(plan, midnight_s))
    tally.add(exchange(plan, midnight_s - 1))
    account = account_of(tally, plans)
    first, second = sorted(account.days)
    assert account.days[first].local.date.isoformat() == "2026-11-22"
    assert [account.counts(day, day).requests for day in (first, second)] == [2, 1]


def test_a_refusal_is_counted_under_its_clause_and_in_no_meter_that_leaves_it_out(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, status=429, clause="4.1"))
    account = account_of(tally, plans)
    assert account.total().refusals == {"4.1": 1}
    assert [counted(account, meter) for meter in plan.meters] == [(0, 0)] * 2
    (cell,) = [cell for _, cell in account.cells(0, 0, FOREVER_US)]
    assert (cell.total, cell.left_out) == (0, 1), "what was left out can be told"


def test_a_meter_that_excludes_nothing_counts_refusals() -> None:
    plans = plans_of(policy=POLICY.replace("exclude: [partner_fault]", "exclude: []"))
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, status=429, clause="4.1"))
    account = account_of(tally, plans)
    assert [counted(account, meter) for meter in plan.meters] == [(1, 1)] * 2


def test_an_exchange_without_a_plan_is_counted_but_not_metered(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, status=404, plan="", product="", operation="", route=""))
    account = account_of(tally, plans)
    assert account.total().requests == 1
    assert account.total().operations == {}


def test_an_entry_of_an_edited_agreement_counts_for_the_same_operation(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, plan="0123456789abcdef"))
    account = account_of(tally, plans)
    assert counted(account, plan.meters[0]) == (1, 1)


def test_an_exchange_of_an_agreement_in_no_document_is_told_apart(plans: Plans) -> None:
    tally = Tally(plans)
    tally.add(exchange(plan_of(plans), NOON_S, plan="", agreement="", version=""))
    assert tally.unattributed == 1
    assert all(account.total().requests == 0 for account in tally.accounts())


def test_a_reload_loses_no_count(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S))
    stricter = plans_of(policy=POLICY.replace('share: "95"', 'share: "99"').replace("PT0.8S", "PT0.7S"))
    tally.renew(stricter)
    tally.add(exchange(plan_of(stricter), NOON_S + 1))
    account = account_of(tally, stricter)
    availability, response = plan_of(stricter).meters
    assert account.total().requests == 2
    assert counted(account, availability)[0] == 2
    assert counted(account, response)[0] == 1, "a promise that counts otherwise is measured from then on"


def test_a_promise_of_another_share_goes_on_with_what_was_counted(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S))
    stricter = plans_of(policy=POLICY.replace('share: "95"', 'share: "99"'))
    tally.renew(stricter)
    tally.add(exchange(plan_of(stricter), NOON_S + 1))
    assert counted(account_of(tally, stricter), plan_of(stricter).meters[1]) == (2, 2)


def test_old_days_fold_into_months_and_no_exchange_is_lost(plans: Plans) -> None:
    tally, plan = Tally(plans, keep_days=62), plan_of(plans)
    for day in range(200):
        tally.add(exchange(plan, NOON_S + day * 86_400, status=502 if day % 3 == 0 else 200))
    account = account_of(tally, plans)
    assert len(account.days) == 62
    assert account.total().requests == 200
    assert account.total().faults == 67
    assert account.months["2026-12"].requests == 31


def test_an_exchange_of_a_folded_day_is_counted_and_named_late(plans: Plans) -> None:
    tally, plan = Tally(plans, keep_days=62), plan_of(plans)
    tally.add(exchange(plan, NOON_S))
    old = NOON_S - timedelta(days=70).total_seconds()
    tally.add(exchange(plan, old))
    tally.add(exchange(plan, old + 1))
    tally.add(exchange(plan, NOON_S + 1))
    account = account_of(tally, plans)
    assert account.total().requests == 4
    assert account.late == 2
    assert len(account.days) == 1


def test_past_days_are_packed_and_read_the_same(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    for minute in range(0, 4 * 1440, 7):
        tally.add(exchange(plan, NOON_S - 12 * 3600 + minute * 60, status=502 if minute % 5 == 0 else 200))
    account = account_of(tally, plans)
    days = [day for _, day in sorted(account.days.items())]
    assert [sorted(day.packed) for day in days] == [[0, 1], [0, 1], [], []], "yesterday may still be added to"
    for index, meter in enumerate(plan.meters):
        cells = list(account.cells(index, 0, FOREVER_US))
        assert [start_us for start_us, _ in cells] == sorted(start_us for start_us, _ in cells)
        assert sum(cell.total for _, cell in cells) == counted(account, meter)[0] == len(range(0, 4 * 1440, 7))
        assert sum(cell.backend for _, cell in cells) == len(range(0, 4 * 1440, 35))


def test_a_late_exchange_is_counted_in_a_day_that_was_packed(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    for day in (3, 2, 1, 0, 3, 0):
        tally.add(exchange(plan, NOON_S - day * 86_400))
    account = account_of(tally, plans)
    oldest = account.days[min(account.days)]
    assert sorted(oldest.packed) == [0, 1]
    assert oldest.minutes == [None, None]
    assert counted(account, plan.meters[0]) == (6, 6)
    assert [cell.total for _, cell in account.cells(0, 0, FOREVER_US)] == [2, 1, 1, 2]


@pytest.mark.parametrize(("status", "good"), [(499, None), (500, 0), (200, 1)])
def test_the_bound_of_good_statuses_is_no_good_status(plans: Plans, status: int, good: int | None) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, status=status))
    account = account_of(tally, plans)
    assert counted(account, plan.meters[0]) == ((0, 0) if good is None else (1, good))


def test_the_first_day_that_is_no_longer_kept_is_late_and_the_next_is_not(plans: Plans) -> None:
    tally, plan = Tally(plans, keep_days=62), plan_of(plans)
    tally.add(exchange(plan, NOON_S))
    tally.add(exchange(plan, NOON_S - 61 * 86_400))
    tally.add(exchange(plan, NOON_S - 62 * 86_400))
    assert account_of(tally, plans).late == 1
