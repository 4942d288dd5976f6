"""What is read of whole days at once is what its minutes say one by one."""

import random

import pytest

from contracts.plan import Contract
from gateway.sla.account import Account
from gateway.sla.calendar import day_of
from gateway.sla.lanes import lane_of
from gateway.sla.minutes import COLUMNS, LEFT_OUT, MINUTE_US, SLOW
from gateway.sla.result import FRESH_S, MANY_SLICES, results
from policies.clause import Meter
from tests.unit.sla.hub import contract_of, plan_of, plans_of

PLANS = plans_of()
CONTRACT = contract_of(PLANS)
METERS = plan_of(PLANS).meters
FROM_US = CONTRACT.effective_from_s * 1_000_000


def filled(meter: Meter, minutes: int, seed: int = 4, contract: Contract = CONTRACT) -> Account:
    """Some calls in each of the first minutes of an agreement, some of them bad."""
    chance = random.Random(seed)  # noqa: S311  (the same in every run)
    account = Account(contract, [(lane_of(meter, "", ""), meter)], keep_days=62)
    for minute in range(minutes):
        day = account.turn(FROM_US + minute * MINUTE_US)
        at, total = (FROM_US - day.from_us) // MINUTE_US + minute, chance.randrange(4)
        cells, day.counts.requests = day.room(0), day.counts.requests + total
        cells.totals[at] += total
        for column in (COLUMNS["hub"], COLUMNS["partner"], SLOW)[: total if chance.random() < 0.2 else 0]:
            cells.note(at, column)
        if chance.random() < 0.1:
            cells.note(at, LEFT_OUT, 2)
    return account


@pytest.mark.parametrize("meter", METERS)
@pytest.mark.parametrize("span", [(0, 10), (-5, 3), (1435, 1445), (17, 4000), (0, 1), (3, 3), (-9, 0), (2.5, 7.5)])
def test_a_window_is_the_sum_of_its_minutes(meter: Meter, span: tuple[float, float]) -> None:
    account = filled(meter, 3 * 1440)
    from_us, until_us = (FROM_US + round(each * MINUTE_US) for each in span)
    cells = [cell for _, cell in account.cells(0, from_us, until_us)]
    slow = sum(cell.slow[0] for cell in cells) if meter.within_us is not None else 0
    expected = sum(cell.total for cell in cells), sum(cell.good for cell in cells) - slow
    assert account.window(meter, from_us, until_us) == expected


def test_a_result_of_many_slices_is_shown_again_for_some_seconds_and_one_of_few_is_not() -> None:
    meter = next(meter for meter in METERS if meter.basis == "slices")
    assert meter.slice_s == 300
    for slices in (MANY_SLICES - 200, MANY_SLICES + 800):
        account, now_s = filled(meter, slices * 5), CONTRACT.effective_from_s + slices * 300
        (first,) = results(account, CONTRACT, [meter], now_s)
        account.days[day_of(FROM_US, account.zone).ordinal].room(0).totals[0] += 100
        (again,) = results(account, CONTRACT, [meter], now_s + FRESH_S - 1)
        (later,) = results(account, CONTRACT, [meter], now_s + FRESH_S)
        assert (first.slices >= MANY_SLICES) == (again.total == first.total) == (slices > MANY_SLICES)
        assert later.total == first.total + 100
