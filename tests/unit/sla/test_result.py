"""From counts to a verdict: exact at every boundary, and never more than was counted."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.plan import Contract
from gateway.sla.account import Account
from gateway.sla.lanes import lane_of
from gateway.sla.minutes import COLUMNS, MINUTE_US, SLOW
from gateway.sla.result import MeterResult, results
from gateway.sla.tally import Tally
from policies.clause import Meter
from tests.unit.sla.hub import POLICY, contract_of, exchange, plan_of, plans_of

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "sla-results.yaml").read_text())
PLANS = plans_of()
PLAN = plan_of(PLANS)
AVAILABILITY, RESPONSE = PLAN.meters


def judged(meter: Meter, contract: Contract, slices: Sequence[tuple[float, int, int]], now_s: int) -> MeterResult:
    """The result of one meter after (start in Unix seconds, total, good) were counted; the hub was always there."""
    lane = lane_of(meter, "", "")
    account = Account(contract, [(lane, meter)], keep_days=62)
    bad = SLOW if meter.within_us is not None else COLUMNS["hub"]
    for start_s, total, good in slices:
        day = account.turn(round(start_s * 1_000_000))
        minute = (round(start_s * 1_000_000) - day.from_us) // MINUTE_US
        day.room(0).totals[minute] += total
        day.room(0).note(minute, bad, total - good)
        day.counts.requests += total
    (result,) = results(account, contract, [meter], now_s)
    return result


def changed(contract: Contract, clause: str, **terms: Any) -> Contract:
    """The contract with other terms of one promise."""
    promises = tuple(
        msgspec.structs.replace(one, clause=msgspec.structs.replace(one.clause, **terms))
        if one.ref.id == clause
        else one
        for one in contract.promises
    )
    return msgspec.structs.replace(contract, promises=promises)


def shown(share: Fraction) -> Fraction:
    """A share as the engine says it: in percent, rounded down to six places."""
    return Fraction(share.numerator * 10**8 // share.denominator, 10**8)


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_a_month_is_judged_as_the_table_says(case: dict[str, Any]) -> None:
    policy = POLICY
    for before, after in case.get("terms", {}).items():
        assert before in policy
        policy = policy.replace(before, after)
    plans = plans_of(policy=policy)
    meter = next(meter for meter in plan_of(plans).meters if meter.clause.id == case["clause"])
    zone = ZoneInfo("Asia/Shanghai")

    def moment(text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())

    slices = [
        (moment(given["at"]) + index * meter.slice_s, given["calls"], given["good"])
        for given in case["given"]
        for index in range(given.get("slices", 1))
    ]
    result = judged(meter, contract_of(plans), slices, moment(case["now"]))
    expected = case["expect"]
    assert result.verdict == expected["verdict"]
    assert result.achieved_percent == expected["achieved_percent"]
    if "share" in expected:
        assert result.share == shown(Fraction(expected["share"]))


def test_without_any_exchange_this_month_nothing_is_known() -> None:
    tally = Tally(PLANS)
    october = datetime(2026, 10, 31, 12, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()
    tally.add(exchange(PLAN, october))
    contract = contract_of(PLANS)
    found = results(tally.of(contract), contract, PLAN.meters, int(october) + 86_400)
    assert [(result.verdict, result.period) for result in found] == [("unknown", "2026-11")] * 2
    assert [result.verdict for result in results(None, contract, PLAN.meters, int(october))] == ["unknown"] * 2


def test_an_ended_agreement_keeps_the_result_of_its_last_month() -> None:
    tally, contract = Tally(PLANS), contract_of(PLANS)
    tally.add(exchange(PLAN, contract.effective_until_s - 60))
    found = results(tally.of(contract), contract, PLAN.meters, contract.effective_until_s + 90 * 86_400)
    assert {(result.period, result.verdict, result.total) for result in found} == {("2027-12", "met", 1)}


def test_a_slow_answer_is_no_good_answer_one_microsecond_late() -> None:
    contract = contract_of(PLANS)
    verdicts = []
    for latency_us in (800_000, 800_001):
        tally = Tally(PLANS)
        tally.add(exchange(PLAN, contract.effective_from_s + 60, latency_us=latency_us))
        found = results(tally.of(contract), contract, [RESPONSE], contract.effective_from_s + 120)
        verdicts.append(found[0].verdict)
    assert verdicts == ["met", "missed"]


def test_the_achieved_percentage_is_never_rounded_up_to_the_target() -> None:
    contract = contract_of(PLANS)
    result = judged(RESPONSE, contract, [(contract.effective_from_s, 10_000_000, 9_499_999)], contract.effective_from_s)
    assert result.verdict == "missed"
    assert result.achieved_percent == "94.9999"


counts = st.lists(
    st.integers(0, 60).flatmap(lambda total: st.tuples(st.just(total), st.integers(0, total))), max_size=60
)


@given(counts, st.sampled_from(["good", "ignore"]), st.sampled_from(["99.95", "50", "100", "33.333333"]))
def test_a_verdict_is_what_exact_arithmetic_on_all_slices_says(
    slices: list[tuple[int, int]], empty: Any, target: str
) -> None:
    contract = changed(contract_of(PLANS), "5.1", empty_slice=empty, target=target)
    meter = msgspec.structs.replace(AVAILABILITY, empty_slice=empty, target_percent=target)
    placed = [(contract.effective_from_s + index * 300, *count) for index, count in enumerate(slices) if count[0]]
    now_s = contract.effective_from_s + 59 * 300
    result = judged(meter, contract, placed, now_s)
    shares = [Fraction(good, total) if total else None for total, good in slices] + [None] * (60 - len(slices))
    mine = [Fraction(1) if share is None else share for share in shares if share is not None or empty == "good"]
    if not placed:
        assert result.verdict == "unknown"
    else:
        mean = sum(mine, Fraction(0)) / len(mine)
        assert result.share == shown(mean)
        assert result.verdict == (
            "met"
            if mean * 100 >= Decimal(target).as_integer_ratio()[0] * Fraction(1, Decimal(target).as_integer_ratio()[1])
            else "missed"
        )
