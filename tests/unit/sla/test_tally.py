"""Counting: every figure is exact, in the agreement's own days, and the same live as from the log."""

import random
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from contracts.plan import Plans
from gateway.audit.leaf import Exchange
from gateway.sla.account import Account
from gateway.sla.tally import Tally
from tests.unit.sla.hub import NOON_S, POLICY, contract_of, exchange, plan_of, plans_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def plans() -> Plans:
    return plans_of()


def account_of(tally: Tally, plans: Plans, partner: str = "swift-logistics") -> Account:
    account = tally.of(contract_of(plans, partner))
    assert account is not None
    return account


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
        }
        if chance.random() < 0.05:
            said |= {"plan": "", "product": "", "operation": "", "route": ""}
        found.append(exchange(plan, NOON_S - chance.uniform(0, days * 86_400), **said))
    return sorted(found, key=lambda entry: entry.time_us + entry.latency_us)


def picture(account: Account) -> object:
    """Everything that an account holds, as plain values."""
    return {
        "days": {
            ordinal: (msgspec.to_builtins(day.counts), [list(slices) if slices else None for slices in day.slices])
            for ordinal, day in sorted(account.days.items())
        },
        "months": {
            name: (msgspec.to_builtins(month.counts), msgspec.to_builtins(month.shares))
            for name, month in account.months.items()
        },
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


def test_each_figure_is_what_counting_by_hand_gives(plans: Plans) -> None:
    traffic = random_traffic(plans, seed=2, count=2_000, days=20)
    tally = Tally(plans).replay(traffic)
    for partner in plans.partners():
        mine = [entry for entry in traffic if entry.partner == partner]
        total = account_of(tally, plans, partner).total()
        assert total.requests == len(mine)
        assert total.good == sum(entry.status < 400 for entry in mine)
        assert total.faults == sum(entry.status >= 500 for entry in mine)
        assert total.refusals == Counter(entry.clause for entry in mine if entry.clause)
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
    today = account.local_day(NOON_S * 1_000_000).ordinal
    assert account.total().refusals == {"4.1": 1}
    assert all(account.shares(meter, today, today).total == 0 for meter in plan.meters)


def test_a_meter_that_excludes_nothing_counts_refusals() -> None:
    plans = plans_of(policy=POLICY.replace("exclude: [partner_fault]", "exclude: []"))
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, status=429, clause="4.1"))
    account = account_of(tally, plans)
    today = account.local_day(NOON_S * 1_000_000).ordinal
    assert [account.shares(meter, today, today).total for meter in plan.meters] == [1, 1]


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
    assert account.shares(plan.meters[0], 0, 10**7).total == 1


def test_an_exchange_of_an_agreement_in_no_document_is_told_apart(plans: Plans) -> None:
    tally = Tally(plans)
    tally.add(exchange(plan_of(plans), NOON_S, plan="", agreement="", version=""))
    assert tally.unattributed == 1
    assert all(account.total().requests == 0 for account in tally.accounts())


def test_a_reload_loses_no_count(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S))
    stricter = plans_of(policy=POLICY.replace('share: "95"', 'share: "99"'))
    tally.renew(stricter)
    tally.add(exchange(plan_of(stricter), NOON_S + 1))
    account = account_of(tally, stricter)
    availability, response = plan_of(stricter).meters
    assert account.total().requests == 2
    assert account.shares(availability, 0, 10**7).total == 2
    assert account.shares(response, 0, 10**7).total == 1, "a promise that was rewritten is measured from then on"


def test_old_days_fold_into_months_and_no_exchange_is_lost(plans: Plans) -> None:
    tally, plan = Tally(plans, keep_days=62), plan_of(plans)
    for day in range(200):
        tally.add(exchange(plan, NOON_S + day * 86_400, status=502 if day % 3 == 0 else 200))
    account = account_of(tally, plans)
    assert len(account.days) == 62
    assert account.total().requests == 200
    assert account.total().faults == 67
    december = account.months["2026-12"]
    assert december.counts.requests == 31
    share = december.shares["5.1"]
    assert (share.total, share.slices, share.perfect, share.imperfect) == (31, 31, share.good, {1: 0})


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


def test_slices_of_one_day_share_one_small_block(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    for minute in range(0, 1440, 5):
        tally.add(exchange(plan, NOON_S - 12 * 3600 + minute * 60))
    account = account_of(tally, plans)
    (day,) = account.days.values()
    assert [len(slices) for slices in day.slices if slices is not None] == [2 * 288, 2 * 24]


@pytest.mark.parametrize(("status", "good"), [(499, None), (500, 0), (200, 1)])
def test_the_bound_of_good_statuses_is_no_good_status(plans: Plans, status: int, good: int | None) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, status=status))
    account = account_of(tally, plans)
    shares = account.shares(plan.meters[0], 0, 10**7)
    assert (shares.total, shares.good) == ((0, 0) if good is None else (1, good))


def test_the_first_day_that_is_no_longer_kept_is_late_and_the_next_is_not(plans: Plans) -> None:
    tally, plan = Tally(plans, keep_days=62), plan_of(plans)
    tally.add(exchange(plan, NOON_S))
    tally.add(exchange(plan, NOON_S - 61 * 86_400))
    tally.add(exchange(plan, NOON_S - 62 * 86_400))
    assert account_of(tally, plans).late == 1
