"""Facts say exactly what was counted: the same as going through the records one by one, with each rule for itself."""

import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.leaf import Authority, Entry, Exchange, Pulse
from gateway.sla.facts import microseconds, moment, traffic_facts
from gateway.sla.ledger import Ledger, from_log
from gateway.sla.minutes import MINUTE_US
from policies.settling.facts import Delivery, Excluded, Facts, Span
from tests.unit.sla.hub import exchange
from tests.unit.sla.measured import NAME, leaves, measured_plans, outbound, put, the_contract, the_plan, us

PLANS = measured_plans()
APRIL = (us(2026, 3, 31, 22), us(2026, 4, 30, 22))
"""In Berlin."""
ACTIVATED = Authority(us(2026, 1, 1), "agreement-activated", " ".join(NAME), "", "measured")
LATER_US = us(2026, 6, 1)


def counted(tmp_path: Path, entries: list[Entry]) -> Ledger:
    put(tmp_path, "gw-1", 1, leaves("gw-1", entries))
    return from_log(tmp_path, PLANS)


def facts_of(
    ledger: Ledger, clause: str, window: tuple[int, int] = APRIL, now_us: int = LATER_US, **said: Any
) -> Facts:
    contract = the_contract(PLANS)
    (promised,) = (one for one in contract.promises if one.ref.id == clause)
    account = ledger.tally.of(contract)
    found = traffic_facts(
        account, ledger.presence, contract, promised, from_us=window[0], until_us=window[1], now_us=now_us, **said
    )
    assert found is not None
    return found


def call(operation: str, time_us: int, **said: Any) -> Exchange:
    return exchange(the_plan(PLANS, operation), time_us / 1e6, time_us=time_us, **said)


def test_slices_and_causes_are_what_going_through_the_records_gives(tmp_path: Path) -> None:
    chance = random.Random(11)  # noqa: S311  (the same traffic in every run)
    window = Excluded(
        datetime(2026, 4, 10, tzinfo=UTC), datetime(2026, 4, 12, 3, 7, tzinfo=UTC), "announced_maintenance"
    )
    calls = []
    for _ in range(400):
        status, code = chance.choice([(200, ""), (404, "not-found"), (502, "backend-error"), (500, "internal")])
        time_us = chance.randrange(APRIL[0] - 10**11, APRIL[1] + 10**11)
        calls.append(call(chance.choice(["list", "get"]), time_us, status=status, code=code))
    found = facts_of(counted(tmp_path, [ACTIVATED, *calls]), "5.1", excluded=[window])
    slices: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    causes = {"hub": 0, "backend": 0, "partner": 0, "excluded": 0}
    for one in calls:
        if not APRIL[0] <= one.time_us < APRIL[1]:
            continue
        out = microseconds(window.from_) <= one.time_us < microseconds(window.to)
        if one.status == 404:
            causes["partner"] += 1
            continue
        slice_ = slices[(one.time_us - APRIL[0]) // 300_000_000]
        slice_[0] += 1
        slice_[1] += one.status == 200 and not out
        slice_[2] += out
        if one.status != 200:
            causes["excluded" if out else "backend" if one.status == 502 else "hub"] += 1
    assert found.slices is not None
    assert [
        ((microseconds(one.start) - APRIL[0]) // 300_000_000, one.total, one.good, one.excluded) for one in found.slices
    ] == [(index, *numbers) for index, numbers in sorted(slices.items())]
    assert found.causes == causes


def test_an_excluded_span_takes_whole_minutes_and_only_for_a_cause_that_the_clause_names(tmp_path: Path) -> None:
    at = us(2026, 4, 8, 10)
    ledger = counted(tmp_path, [ACTIVATED, *(call("list", at + minute * MINUTE_US) for minute in range(4))])
    span = (moment(at + MINUTE_US), moment(at + 2 * MINUTE_US + 1))
    (slice_,) = facts_of(ledger, "5.1", excluded=[Excluded(*span, "announced_maintenance")]).slices or ()
    assert (slice_.total, slice_.good, slice_.excluded) == (4, 2, 2)
    other = facts_of(ledger, "5.1", excluded=[Excluded(*span, "force_majeure")])
    assert other.excluded == ()
    assert [(one.total, one.excluded) for one in other.slices or ()] == [(4, 0)]


def test_thresholds_are_counted_to_the_microsecond(tmp_path: Path) -> None:
    latencies = (1, 500_000, 500_001, 2_000_000, 2_000_001)
    entries = [call("list", us(2026, 4, 8), latency_us=each) for each in latencies]
    entries.append(call("list", us(2026, 4, 8), latency_us=1, status=500, code="internal"))
    found = facts_of(counted(tmp_path, [ACTIVATED, *entries]), "5.2")
    assert found.within == {"PT0.5S": 2, "PT2S": 4}
    assert [(one.total, one.good) for one in found.slices or ()] == [(6, 2)]
    assert found.causes == {"hub": 1, "backend": 0, "partner": 0, "slow": 3}


def test_operations_are_kept_apart_where_the_clause_says_so(tmp_path: Path) -> None:
    at = us(2026, 4, 8)
    entries = [call("list", at), call("list", at), call("get", at, status=500, code="internal")]
    found = facts_of(counted(tmp_path, [ACTIVATED, *entries]), "5.3")
    assert sorted((one.operation, one.total, one.good) for one in found.slices or ()) == [("get", 1, 0), ("list", 2, 2)]


def test_an_agreement_is_deployed_from_the_minute_in_which_it_first_came_into_force(tmp_path: Path) -> None:
    activated = Authority(us(2026, 4, 9, 8) + 30_000_000, "agreement-activated", " ".join(NAME))
    again = Authority(us(2026, 4, 20), "agreement-activated", " ".join(NAME))
    found = facts_of(counted(tmp_path, [again, activated, call("list", us(2026, 4, 9, 8) + 1)]), "5.1")
    assert found.deployed == Span(datetime(2026, 4, 9, 8, tzinfo=UTC), moment(APRIL[1]))
    assert [one.total for one in found.slices or ()] == [1]


def test_a_window_in_which_the_agreement_was_never_in_force_has_no_facts(tmp_path: Path) -> None:
    ledger, contract = counted(tmp_path, [call("list", us(2026, 4, 9))]), the_contract(PLANS)
    said: dict[str, Any] = {"from_us": APRIL[0], "until_us": APRIL[1], "now_us": LATER_US}
    account = ledger.tally.of(contract)
    assert traffic_facts(account, ledger.presence, contract, contract.promises[0], **said) is None
    assert traffic_facts(account, None, contract, contract.promises[0], **said) is not None, "always there, as declared"


def test_a_running_window_is_measured_up_to_the_slice_that_has_begun(tmp_path: Path) -> None:
    now_us = us(2026, 4, 2, 0, 7)
    ledger = counted(tmp_path, [ACTIVATED, Pulse(us(2026, 4, 2)), call("list", now_us + 3)])
    found = facts_of(ledger, "5.1", now_us=now_us + 9)
    assert found.deployed == Span(moment(APRIL[0]), datetime(2026, 4, 2, 0, 10, tzinfo=UTC))
    assert found.missing[-1] == Span(datetime(2026, 4, 2, 0, 1, tzinfo=UTC), moment(now_us)), "this minute is not over"
    assert [one.total for one in found.slices or ()] == [1]


def test_minutes_without_any_record_are_missing_and_those_with_one_are_not(tmp_path: Path) -> None:
    begin = us(2026, 4, 2)
    pulses = [Pulse(APRIL[0] + minute * MINUTE_US) for minute in range((begin - APRIL[0]) // MINUTE_US + 30)]
    left_out = {10, 11, 12, 20}
    kept = [one for one in pulses if (one.time_us - begin) // MINUTE_US not in left_out]
    found = facts_of(counted(tmp_path, [ACTIVATED, *kept]), "5.1", (APRIL[0], begin + 30 * MINUTE_US))
    assert [
        ((microseconds(one.from_) - begin) // MINUTE_US, (microseconds(one.to) - begin) // MINUTE_US)
        for one in found.missing
    ] == [
        (10, 13),
        (20, 21),
    ]


DUE = datetime(2026, 4, 8, 6, tzinfo=UTC)
"""A Wednesday, 08:00 in Berlin."""


@pytest.mark.parametrize(
    ("arrivals", "arrived"),
    [
        ([("07:10", 3)], "07:11"),
        ([("07:59", 3)], "08:00"),
        ([("08:00", 3)], "08:01"),
        ([("07:00", 2), ("09:30", 1)], "09:31"),
        ([("07:00", 2)], None),
    ],
)
def test_a_delivery_has_arrived_at_the_end_of_the_minute_that_completes_it(
    tmp_path: Path, arrivals: list[tuple[str, int]], arrived: str | None
) -> None:
    def at(clock: str) -> int:
        hour, minute = map(int, clock.split(":"))
        return us(2026, 4, 8, hour - 2, minute)

    entries: list[Entry] = [call("create", us(2026, 4, 7, 5), status=201) for _ in range(9)]
    entries += [call("create", at(clock) + 30, status=201) for clock, count in arrivals for _ in range(count)]
    entries += [call("create", at("07:00"), status=422, code="invalid-body"), call("list", at("07:00"))]
    found = facts_of(counted(tmp_path, [ACTIVATED, *entries]), "6.1", (us(2026, 4, 7, 22), us(2026, 4, 8, 22)))
    expected = None if arrived is None else moment(at(arrived))
    assert found.deliveries == (Delivery(DUE, expected),), "what came before the time due before counts for that"


def test_due_times_follow_the_clocks_of_the_agreement(tmp_path: Path) -> None:
    window = (us(2026, 3, 26, 23), us(2026, 3, 31, 22))
    found = facts_of(counted(tmp_path, [ACTIVATED]), "6.1", window)
    assert [one.due.hour for one in found.deliveries or ()] == [7, 6, 6], "Friday, Monday and Tuesday"


def test_calls_of_the_partners_api_count_for_what_the_partner_owes_and_for_nothing_else(tmp_path: Path) -> None:
    at = us(2026, 4, 8)
    calls = [
        outbound(at, latency_us=1_000_000),
        outbound(at, latency_us=1_000_001),
        outbound(at, status=500),
        outbound(at, status=0, code="partner-timeout"),
        outbound(at, status=200, code="partner-error"),
        outbound(at, status=0, code="partner-failing", attempts=0),
        outbound(at, status=404),
    ]
    ledger = counted(tmp_path, [ACTIVATED, *calls])
    found = facts_of(ledger, "6.2")
    assert [(one.total, one.good) for one in found.slices or ()] == [(6, 2)], "one was never sent"
    assert found.causes == {"hub": 0, "backend": 0, "partner": 3, "slow": 1}
    assert facts_of(ledger, "5.1").slices == ()


def test_fee_and_currency_are_the_agreements(tmp_path: Path) -> None:
    found = facts_of(counted(tmp_path, [ACTIVATED]), "5.1")
    assert (str(found.fee), found.currency, found.zone) == ("20000.00", "EUR", "Europe/Berlin")
