"""What limits let pass and what they cut short is counted by clause, beside what they refuse."""

import msgspec
import pytest

from contracts.plan import Plans
from gateway.audit.leaf import Part
from gateway.sla.counts import Counts, added
from gateway.sla.tally import Tally
from tests.unit.sla.hub import NOON_S, contract_of, exchange, plan_of, plans_of

DAY_S = 86_400


@pytest.fixture(scope="module")
def plans() -> Plans:
    return plans_of()


def total_of(tally: Tally, plans: Plans) -> Counts:
    account = tally.of(contract_of(plans))
    assert account is not None
    return account.total()


def a_part(plans: Plans, **said: object) -> Part:
    whole = msgspec.structs.asdict(exchange(plan_of(plans), NOON_S)) | {"number": 2, "last": True} | said
    return Part(**{name: value for name, value in whole.items() if name in Part.__struct_fields__})


def test_a_call_that_a_clause_would_have_refused_is_counted_for_it_and_is_no_refusal(plans: Plans) -> None:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, observed="4.1 4.2"))
    tally.add(exchange(plan, NOON_S, status=429, code="rate-limited", clause="4.3", observed="4.1"))
    total = total_of(tally, plans)
    assert (total.observed, total.refusals, total.good) == ({"4.1": 2, "4.2": 1}, {"4.3": 1}, 1)


def test_a_call_that_passed_uncounted_is_counted_for_each_limit(plans: Plans) -> None:
    tally = Tally(plans)
    tally.add(exchange(plan_of(plans), NOON_S, uncounted="4.1 4.2"))
    assert total_of(tally, plans).uncounted == {"4.1": 1, "4.2": 1}


@pytest.mark.parametrize("status", [200, 204])
def test_a_clause_that_cut_an_answer_short_did_not_refuse_it(plans: Plans, status: int) -> None:
    tally = Tally(plans)
    tally.add(exchange(plan_of(plans), NOON_S, status=status, clause="4.3"))
    total = total_of(tally, plans)
    assert (total.cuts, total.refusals, total.refused) == ({"4.3": 1}, {}, 0)


@pytest.mark.parametrize("code", ["", "quota-exceeded"])
def test_a_clause_that_ended_an_answer_with_or_instead_of_a_piece_cut_it_short(plans: Plans, code: str) -> None:
    tally = Tally(plans)
    tally.add_part(a_part(plans, clause="4.3", code=code, observed="4.1", uncounted="4.2"))
    total = total_of(tally, plans)
    assert (total.cuts, total.observed, total.uncounted) == ({"4.3": 1}, {"4.1": 1}, {"4.2": 1})
    assert (total.refusals, total.requests) == ({}, 0)


def test_they_are_counted_by_day_and_kept_when_days_are_folded(plans: Plans) -> None:
    tally, plan = Tally(plans, keep_days=62), plan_of(plans)
    for day in range(100):
        tally.add(exchange(plan, NOON_S + day * DAY_S, clause="4.3", observed="4.1", uncounted="4.2"))
    account = tally.of(contract_of(plans))
    assert account is not None
    today = account.local_day((NOON_S + 99 * DAY_S) * 1_000_000).ordinal
    assert account.counts(today, today).observed == {"4.1": 1}
    assert len(account.days) == 62
    total = account.total()
    assert (total.observed, total.uncounted, total.cuts) == ({"4.1": 100}, {"4.2": 100}, {"4.3": 100})


def test_a_sum_is_a_value_of_its_own(plans: Plans) -> None:
    part = Counts(observed={"4.1": 1})
    whole = added([part, part])
    part.observed["4.1"] = 5
    assert whole.observed == {"4.1": 2}
