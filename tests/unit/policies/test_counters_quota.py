"""Quotas: so much of a unit in a calendar period of the agreement's zone, and of people each only once."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.limit import Charge, Moment, Quota
from tests.unit.policies.limits import MIDSUMMER_2026_US, ZONE, Desk, call, handle, quota, rate, shown

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
TO_MIDNIGHT_US = 16 * HOUR_US
"""MIDSUMMER_2026_US is eight in the morning in Shanghai."""


def test_a_day_admits_so_many_calls_and_the_next_day_as_many_again() -> None:
    desk = Desk()
    held = quota(3)
    decisions = [desk.decide(call(held)) for _ in range(4)]
    assert [decision.bound for decision in decisions] == [None, None, None, held]
    assert decisions[-1].wait_ns == TO_MIDNIGHT_US * 1000
    assert [decision.standings[0].remaining for decision in decisions] == [2, 1, 0, 0]
    desk.time_us += TO_MIDNIGHT_US - 1
    assert not desk.admits(held)
    desk.time_us += 1
    assert [desk.admits(held) for _ in range(4)] == [True, True, True, False]


def test_the_day_is_that_of_the_agreements_zone() -> None:
    desk = Desk()
    utc, shanghai = quota(1, zone="UTC"), quota(1, clause="5.2")
    desk.admits(utc, shanghai)
    desk.time_us += TO_MIDNIGHT_US
    assert (desk.admits(utc), desk.admits(shanghai)) == (False, True)


def test_calls_have_their_weight() -> None:
    desk = Desk()
    held = quota(10, cost=4)
    assert [desk.admits(held) for _ in range(3)] == [True, True, False]
    assert desk.admits(quota(10))


def test_a_call_of_which_nothing_is_known_yet_asks_only_whether_anything_is_left() -> None:
    desk = Desk()
    held = quota(10, "records", "month")
    assert all(desk.admits(held) for _ in range(100))
    assert desk.decide(shown(held, 9)).bound is None
    assert desk.admits(held)
    assert desk.decide(shown(held, 2)).bound is held
    assert desk.decide(shown(held, 1)).bound is None
    assert not desk.admits(held)


def test_bytes_are_counted_as_records_are() -> None:
    desk = Desk()
    held = quota(10**12, "bytes", "year")
    assert desk.decide(shown(held, 10**12 - 1)).standings[0].remaining == 1
    assert desk.decide(shown(held, 2)).bound is held


def test_a_person_counts_once_in_a_period_and_who_has_no_name_each_time() -> None:
    desk = Desk()
    held = quota(5, "subjects", "month")
    assert desk.decide(shown(held, 0, 1, 2, 3)).standings[0].remaining == 2
    assert desk.decide(shown(held, 0, 1, 2, 3)).standings[0].remaining == 2
    assert desk.decide(shown(held, 1, 3)).standings[0].remaining == 1
    assert desk.decide(shown(held, 1, 3)).standings[0].remaining == 0
    assert desk.decide(shown(held, 1, 3)).bound is held
    assert desk.decide(shown(held, 0, 1, 2)).bound is None


def test_a_call_is_admitted_though_nobody_new_may_be_shown_for_it_may_be_about_people_who_are_known() -> None:
    desk = Desk()
    held = quota(1, "subjects")
    desk.decide(shown(held, 0, 1))
    assert desk.admits(held)


def test_a_refusal_says_who_of_them_is_counted_already_and_counts_nobody() -> None:
    desk = Desk()
    held = quota(3, "subjects", "month")
    desk.decide(shown(held, 0, 1, 2))
    decision = desk.decide(shown(held, 0, 2, 3, 4))
    assert decision.bound is held
    (standing,) = decision.standings
    assert (standing.remaining, standing.known) == (1, {handle(2)})
    granted = desk.decide(shown(held, 0, 2, 3))
    assert (granted.bound, granted.standings[0].known) == (None, frozenset())


def test_people_are_met_anew_in_the_next_period() -> None:
    desk = Desk()
    held = quota(2, "subjects", "day")
    desk.decide(shown(held, 0, 1, 2))
    desk.time_us += DAY_US
    decision = desk.decide(shown(held, 0, 1, 3, 4))
    assert (decision.bound, decision.standings[0].known) == (held, frozenset())
    assert desk.decide(shown(held, 0, 3, 4)).bound is None


def test_less_than_nothing_gives_nothing_back() -> None:
    desk = Desk()
    people, records = quota(3, "subjects"), quota(3, "records", clause="5.2")
    desk.decide([*shown(people, 0, 1, 2), *shown(records, 2)])
    desk.decide([*shown(people, -2, 1, 2), *shown(records, -2)])
    assert [desk.left(held) for held in (people, records)] == [1, 1]


def test_a_calendar_clock_that_goes_back_over_midnight_gives_nothing_away() -> None:
    desk = Desk()
    held = quota(2)
    desk.time_us += TO_MIDNIGHT_US
    assert desk.admits(held)
    desk.time_us -= 10 * 1_000_000
    assert desk.left(held) == 1
    assert desk.admits(held)
    decision = desk.decide(call(held))
    assert (decision.bound, decision.wait_ns) == (held, (DAY_US + 10 * 1_000_000) * 1000)
    desk.time_us += 10 * 1_000_000
    assert not desk.admits(held)


def test_a_reload_that_changes_the_period_carries_over_what_was_used() -> None:
    desk = Desk()
    for _ in range(3):
        desk.admits(quota(5, period="day"))
    assert [desk.admits(quota(5, period="quarter")) for _ in range(3)] == [True, True, False]
    assert [desk.admits(quota(7, period="hour")) for _ in range(3)] == [True, True, False]
    desk.time_us += HOUR_US
    assert desk.left(quota(7, period="hour")) == 7


def test_a_reload_that_changes_the_limit_keeps_what_is_used() -> None:
    desk = Desk()
    for _ in range(3):
        desk.admits(quota(5))
    assert not desk.admits(quota(3))
    assert desk.left(quota(2)) == 0
    assert desk.left(quota(8)) == 5


def test_a_clause_that_becomes_another_kind_begins_anew() -> None:
    desk = Desk()
    held, other = quota(1, key="same"), rate(1, key="same")
    kept = call(held)
    desk.decide(kept)
    assert desk.admits(other)
    assert not desk.admits(other)
    assert desk.decide(kept).bound is None


def test_a_quota_that_watches_counts_what_fits() -> None:
    desk = Desk()
    held = quota(5, "records", enforce="observe")
    assert [desk.decide(shown(held, 3)).observed for _ in range(3)] == [(), (held,), (held,)]
    assert desk.decide(shown(held, 2)).observed == ()
    assert desk.decide(call(held)).observed == (held,)


def test_asking_does_not_begin_a_new_period() -> None:
    desk = Desk()
    held = quota(2)
    desk.admits(held)
    later = Moment(desk.time_us + DAY_US, desk.now_ns)
    assert [standing.remaining for standing in desk.counters.stand(call(held), later)] == [2]
    assert desk.left(held) == 1


def test_what_happened_in_a_period_that_is_over_is_not_charged_to_this_one() -> None:
    desk = Desk()
    held = quota(5)
    for ago_us in (HOUR_US, DAY_US, 2 * HOUR_US, 9 * HOUR_US):
        desk.counters.charge_past(call(held), Moment(desk.time_us - ago_us, 0))
    assert desk.left(held) == 3


answers = st.tuples(st.integers(0, 3), st.frozensets(st.integers(1, 12), max_size=5))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40 * HOUR_US), answers), min_size=1, max_size=60),
    st.sampled_from(["hour", "day", "week", "month"]),
    st.integers(1, 15),
)
def test_people_and_periods_are_as_a_diary_says(
    schedule: list[tuple[int, tuple[int, frozenset[int]]]], period: str, limit: int
) -> None:
    desk = Desk()
    held = quota(limit, "subjects", period)  # type: ignore[arg-type]
    diary: dict[object, tuple[int, set[int]]] = {}
    for gap_us, (nameless, people) in schedule:
        desk.time_us += gap_us
        local = datetime.fromtimestamp(desk.time_us / 1_000_000, ZoneInfo(ZONE))
        names = {"hour": (local.date(), local.hour), "day": local.date(), "week": local.isocalendar()[:2]}
        page = names.get(period, (local.year, local.month))
        unnamed, known = diary.get(page, (0, set()))
        new = nameless + len(people - known)
        used = unnamed + len(known)
        fits = new == 0 or used + new <= limit
        decision = desk.decide(shown(held, nameless, *people))
        assert (decision.bound is None) is fits
        if fits:
            diary[page] = (unnamed + nameless, known | people)
        else:
            assert decision.standings[0].known == {handle(number) for number in people & known}
        unnamed, known = diary.get(page, (0, set()))
        assert decision.standings[0].remaining == limit - unnamed - len(known)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9 * HOUR_US), st.integers(1, 4)), min_size=1, max_size=80), st.integers(4, 9))
def test_no_day_has_more_than_its_limit_and_whoever_waits_for_the_next_is_admitted(
    schedule: list[tuple[int, int]], limit: int
) -> None:
    desk = Desk(MIDSUMMER_2026_US)
    held: Quota = quota(limit)
    days: dict[object, int] = {}
    for gap_us, cost in schedule:
        desk.time_us += gap_us
        charges = [Charge(held.key, held, cost)]
        decision = desk.decide(charges)
        if decision.bound is not None:
            desk.time_us += decision.wait_ns // 1000 - 1
            assert desk.decide(charges).bound is held
            desk.time_us += 1
            assert desk.decide(charges).bound is None
        day = datetime.fromtimestamp(desk.time_us // 1_000_000, ZoneInfo(ZONE)).date()
        days[day] = days.get(day, 0) + cost
    assert max(days.values()) <= limit
