"""Every counter of a partner has its row, once, with what is granted and imposed."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from contracts.plan import Plan, Plans
from gateway.limits.charging import Allowance, Charging, Measure
from gateway.limits.overview import counters_of, current_plans, gate_rows, limit_rows
from policies.gate import Call, Gate, Held
from policies.limit import Standing
from tests.flows.limited import AGREEMENT, PARTNER, allowance, limited_workspace

NOW_US = int(datetime(2026, 11, 28, tzinfo=UTC).timestamp()) * 1_000_000
HOUR_US = 3_600_000_000
GRANTED = allowance(NOW_US, NOW_US + HOUR_US)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Plans:
    return limited_workspace(tmp_path_factory.mktemp("overview")).plans


@pytest.fixture
def current(plans: Plans) -> tuple[Plan, ...]:
    return current_plans(plans, PARTNER, None, NOW_US // 1_000_000)


def test_there_is_a_counter_for_the_partner_each_client_and_each_operation(current: tuple[Plan, ...]) -> None:
    asked = counters_of(current, ("app", "batch"), Charging(), NOW_US)
    assert [(each.charge.limit.clause.id, each.counter) for each in asked] == [
        ("4.1", ""),
        ("4.2", "app"),
        ("4.2", "batch"),
        ("4.3", "list shipments"),
        ("4.3", "get shipments"),
    ]
    assert [each.charge.key for each in asked[1:3]] == ["swift-2026/4.2@app", "swift-2026/4.2@batch"]
    assert {each.charge.amount for each in asked} == {0}


def test_agreements_that_are_not_in_force_have_no_counters(plans: Plans) -> None:
    after_s = int(datetime(2120, 1, 2, tzinfo=UTC).timestamp())
    assert current_plans(plans, PARTNER, None, after_s) == ()
    assert current_plans(plans, PARTNER, "another", NOW_US // 1_000_000) == ()
    assert current_plans(plans, "nobody", None, NOW_US // 1_000_000) == ()


def test_a_row_says_what_is_used_left_granted_and_until_when(current: tuple[Plan, ...]) -> None:
    charging = Charging()
    charging.adopt([Allowance(AGREEMENT, "4.2", 7, GRANTED.until_us)], [])
    asked = counters_of(current, ("app",), charging, NOW_US)[1:2]
    standings = [Standing(asked[0].charge.limit, 9, 1_500_000_000)]
    (row,) = limit_rows(asked, standings, [GRANTED], NOW_US)
    assert (row.limit, row.used, row.left, row.resets_in_s) == (12, 3, 9, 2)
    assert (row.extra, row.extra_until_us, row.period, row.zone) == (7, GRANTED.until_us, "day", "Asia/Shanghai")
    (after,) = limit_rows(asked, standings, [GRANTED], GRANTED.until_us)
    assert after.extra_until_us is None


def test_what_nobody_can_know_is_not_made_up(current: tuple[Plan, ...]) -> None:
    asked = counters_of(current, (), Charging(), NOW_US)
    rows = limit_rows(asked, [None] * len(asked), [], NOW_US)
    assert {(row.used, row.left, row.resets_in_s) for row in rows} == {(None, None, None)}
    assert [row.kind for row in rows] == ["rate", "in-flight", "in-flight"]


def test_a_measure_has_a_row_as_long_as_it_binds(current: tuple[Plan, ...]) -> None:
    charging = Charging()
    charging.adopt([], [Measure(AGREEMENT, "9.1", "shipments", NOW_US + HOUR_US)])
    asked = counters_of(current, (), charging, NOW_US)
    rows = limit_rows(asked, [None] * len(asked), [], NOW_US)
    assert [(row.clause, row.limit, row.extra, row.window_s) for row in rows if row.measure] == [("9.1", 1, 0, 86_400)]
    assert not any(each.measure for each in counters_of(current, (), charging, NOW_US + HOUR_US))


class Shut(Gate, frozen=True, gc=False, kw_only=True):
    """Holds every call, for half a minute."""

    def check(self, call: Call) -> Held | None:
        return Held("outside-hours", 30 if call.time_us == NOW_US else None)


def test_hours_say_whether_they_are_open_and_other_gates_do_not(current: tuple[Plan, ...]) -> None:
    rows = {row.clause: row for row in gate_rows(current, NOW_US)}
    assert sorted(rows) == ["2.1", "4.4"]
    assert (rows["4.4"].open_now, rows["4.4"].opens_in_s) == (True, None)
    assert rows["2.1"].open_now is None
    assert "delivery" in rows["2.1"].text
    hours = next(gate for gate in current[0].gates if gate.clause.id == "4.4")
    shut = replace(current[0], gates=(Shut(clause=hours.clause),))
    (row,) = gate_rows([shut], NOW_US)
    assert (row.open_now, row.opens_in_s) == (False, 30)
