"""From notices and suspensions to facts: what counts for an agreement, what is withdrawn, what is cut where."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.plan import Contract
from gateway.notices.known import Announced, Known, Suspended
from gateway.notices.windows import Bounds, covers, excluded_for, interruptions_for, joined, notices_for, unix_us
from gateway.notices.windows import windows_of as all_windows_of
from policies.settling.facts import Excluded, Span
from tests.unit.notices.announcing import (
    AGREEMENT,
    HOUR_US,
    MINUTE_US,
    PRODUCT,
    VERSION,
    announced,
    announcing_workspace,
    at_us,
    the_contract,
)

NIGHTS = """
    kind: maintenance
    from: 2026-11-05T02:00
    duration: PT2H
    rrule: FREQ=WEEKLY;BYDAY=TH
    until: 2026-12-01
"""
STORM = "{kind: force_majeure, from: 2026-11-05T02:00, to: 2026-11-06T02:00}"
NOVEMBER = (at_us("2026-11-01T00:00"), at_us("2026-12-01T00:00"))


def lines(flow: str) -> str:
    """A flow mapping as lines, so that more can stand beside it."""
    return "\n".join(part.strip() for part in flow.strip("{}").split(","))


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return the_contract(announcing_workspace(tmp_path_factory.mktemp("workspace")))


def counting(notice: Announced, contract: Contract, within: Bounds = NOVEMBER) -> list[bool]:
    return [window.counts for window in all_windows_of([notice], contract, within)]


def excluded(notices: list[Announced], contract: Contract, within: Bounds = NOVEMBER) -> tuple[Excluded, ...]:
    promise = next(each.clause for each in contract.promises if each.ref.id == "5.8")
    return excluded_for(all_windows_of(notices, contract, within), notices, contract, promise)


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("2026-11-02T02:00", [True, True, True, True]),  # three days to the minute
        ("2026-11-02T02:01", [False, True, True, True]),
        ("2026-11-20T00:00", [False, False, False, True]),
        ("2026-11-28T00:00", [False, False, False, False]),
    ],
)
def test_of_a_series_those_count_that_were_announced_early_enough(
    at: str, counts: list[bool], contract: Contract
) -> None:
    assert counting(announced(NIGHTS, at), contract) == counts


def test_what_came_too_late_names_the_clause_and_by_how_much(contract: Contract) -> None:
    first = all_windows_of([announced(NIGHTS, "2026-11-02T02:01")], contract, NOVEMBER)[0]
    assert (first.clause, first.short_us) == ("6.2", MINUTE_US)


def test_without_a_notice_clause_maintenance_is_announced_before_it_begins(contract: Contract) -> None:
    bare = replace(contract, promises=tuple(each for each in contract.promises if each.ref.kind != "notice"))
    assert counting(announced(NIGHTS, "2026-11-05T02:00"), bare) == [True, True, True, True]
    late = all_windows_of([announced(NIGHTS, "2026-11-05T02:01")], bare, NOVEMBER)
    assert [window.counts for window in late] == [False, True, True, True]
    assert (late[0].clause, late[0].short_us) == ("", MINUTE_US)


@pytest.mark.parametrize(("at", "counts"), [("2026-11-07T02:00", [True]), ("2026-11-07T02:01", [False])])
def test_force_majeure_is_told_soon_after_it_began(at: str, counts: list[bool], contract: Contract) -> None:
    assert counting(announced(lines(STORM), at), contract) == counts


def test_maintenance_that_was_withdrawn_counts_until_then_and_force_majeure_never(contract: Contract) -> None:
    early, withdrawn = "2026-10-01T00:00", "2026-11-12T03:00"
    spans = excluded([announced(NIGHTS, early, withdrawn)], contract)
    assert [(unix_us(span.from_), unix_us(span.to)) for span in spans] == [
        (at_us("2026-11-05T02:00"), at_us("2026-11-05T04:00")),
        (at_us("2026-11-12T02:00"), at_us("2026-11-12T03:00")),
    ]
    assert excluded([announced(lines(STORM), "2026-11-05T03:00", "2026-11-30T00:00")], contract) == ()


def test_a_window_cuts_spans_and_spans_that_touch_are_one(contract: Contract) -> None:
    over = "kind: maintenance\nfrom: 2026-10-31T23:00\nduration: PT2H"
    following = "notice: b\nkind: maintenance\nfrom: 2026-11-01T01:00\nduration: PT1H"
    early = "2026-10-01T00:00"
    spans = excluded([announced(over, early), announced(following, early)], contract)
    assert [(unix_us(span.from_), unix_us(span.to)) for span in spans] == [
        (at_us("2026-11-01T00:00"), at_us("2026-11-01T02:00"))
    ]


def test_what_is_about_some_products_is_left_out_of_what_is_about_no_others(contract: Contract) -> None:
    text = f"{NIGHTS}    products: [{PRODUCT}]\n"
    notice = announced(text, "2026-10-01T00:00")
    assert len(excluded([notice], contract)) == 4
    assert excluded([notice], replace(contract, products=(PRODUCT, "another"))) == ()
    assert counting(notice, replace(contract, products=("another",))) == []
    named = announced(f"{text}    agreements: [{AGREEMENT}]\n", "2026-10-01T00:00")
    assert len(excluded([named], replace(contract, products=(PRODUCT, "another")))) == 4


def test_a_side_excuses_only_itself(contract: Contract) -> None:
    theirs = announced(f"{NIGHTS}    by: partner\n    agreements: [{AGREEMENT}]\n", "2026-10-01T00:00")
    promise = next(each.clause for each in contract.promises if each.ref.id == "5.8")
    assert not covers(theirs.notice, contract, promise)
    assert covers(theirs.notice, contract, replace(promise, owed_by="partner"))


def test_an_interruption_is_planned_where_announced_maintenance_covers_it(contract: Contract) -> None:
    early = "2026-10-01T00:00"
    windows = all_windows_of([announced(NIGHTS, early)], contract, NOVEMBER)
    hour = at_us("2026-11-05T03:00")
    missing = [Span(_moment(hour), _moment(hour + 2 * HOUR_US))]
    found = interruptions_for([], missing, windows, contract, by="hub", within=NOVEMBER)
    assert [(unix_us(each.from_), unix_us(each.to), each.announced is not None) for each in found] == [
        (hour, hour + HOUR_US, True),
        (hour + HOUR_US, hour + 2 * HOUR_US, False),
    ]
    assert found[0].announced == _moment(at_us(early))
    assert interruptions_for([], missing, windows, contract, by="partner", within=NOVEMBER) == ()


def test_what_is_announced_when_it_has_begun_is_not_announced(contract: Contract) -> None:
    windows = all_windows_of([announced(NIGHTS, "2026-11-05T02:30")], contract, NOVEMBER)
    begun = at_us("2026-11-05T02:00")
    suspended = [Suspended("s-1", AGREEMENT, "hub", begun, begun + HOUR_US)]
    (found,) = interruptions_for(suspended, [], windows, contract, by="hub", within=NOVEMBER)
    assert found.announced is None


def test_suspensions_and_missing_spans_are_no_time_twice_and_an_open_one_lasts_until_the_end(
    contract: Contract,
) -> None:
    begun = at_us("2026-11-29T00:00")
    suspended = [
        Suspended("s-1", AGREEMENT, "hub", begun),
        Suspended("s-2", AGREEMENT, "partner", begun, begun + HOUR_US),
        Suspended("s-3", "another", "hub", NOVEMBER[0]),
    ]
    missing = [Span(_moment(begun - HOUR_US), _moment(begun + HOUR_US))]
    (found,) = interruptions_for(suspended, missing, [], contract, by="hub", within=NOVEMBER)
    assert (unix_us(found.from_), unix_us(found.to)) == (begun - HOUR_US, NOVEMBER[1])


DEPRECATION = f"""
    kind: deprecation
    product: {PRODUCT}
    version: {VERSION}
    deprecated: 2026-10-01
    sunset: 2026-11-15
"""


@pytest.mark.parametrize(
    ("text", "withdrawn", "versions", "count"),
    [
        (DEPRECATION, None, {PRODUCT: VERSION}, 1),
        (DEPRECATION, None, {PRODUCT: "3.0.0"}, 0),
        (DEPRECATION, "2026-11-14T23:59", {PRODUCT: VERSION}, 0),
        (DEPRECATION, "2026-11-15T00:01", {PRODUCT: VERSION}, 1),
        (DEPRECATION.replace("2026-11-15", "2026-12-01"), None, {PRODUCT: VERSION}, 0),
        ("kind: change\neffective: 2026-11-01", None, {}, 1),
        ("kind: change\neffective: 2026-11-01\nagreements: [another]", None, {}, 0),
        (NIGHTS, None, {}, 0),
    ],
)
def test_a_notice_is_settled_in_the_month_in_which_it_takes_effect(
    text: str, withdrawn: str | None, versions: dict[str, str], count: int, contract: Contract
) -> None:
    notice = announced(text, "2026-09-01T00:00", withdrawn)
    found = notices_for([notice], contract, versions, by="hub", within=NOVEMBER)
    assert len(found) == count
    assert all(each.announced == _moment(at_us("2026-09-01T00:00")) for each in found)
    assert notices_for([notice], contract, versions, by="partner", within=NOVEMBER) == ()


CLOCKS_CHANGE = (at_us("2026-10-30T00:00"), at_us("2026-11-06T00:00"))
"""In New York on 1 November."""
ZONES = ("Asia/Shanghai", "America/New_York", "UTC")


@settings(max_examples=15)
@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    minutes=st.integers(1, 1500),
    day=st.integers(1, 31),
    withdrawn=st.none() | st.integers(0, 40),
)
def test_what_is_left_out_is_what_a_look_at_every_minute_finds(
    contract: Contract, *, zone: str, hour: int, minutes: int, day: int, withdrawn: int | None
) -> None:
    """Minute by minute: is it within so many minutes of a Thursday's (or Sunday's) beginning, by the zone's clocks?"""
    text = (
        f"kind: maintenance\ntime_zone: {zone}\nfrom: 2026-10-{day:02}T{hour:02}:15\nduration: PT{minutes}M\n"
        "rrule: FREQ=WEEKLY;BYDAY=TH,SU\nuntil: 2026-11-20"
    )
    notice = announced(text, "2026-01-01T00:00")
    ended = None if withdrawn is None else at_us("2026-10-15T00:00") + withdrawn * 12 * HOUR_US
    notice = replace(notice, withdrawn_us=ended)
    found = {
        minute
        for span in excluded([notice], contract, CLOCKS_CHANGE)
        for minute in range(unix_us(span.from_), unix_us(span.to), MINUTE_US)
    }
    begins = [
        at_us(f"{month}-{number:02}T{hour:02}:15", zone)
        for month, last in (("2026-10", 31), ("2026-11", 19))
        for number in range(1, last + 1)
        if _weekday(f"{month}-{number:02}") in (3, 6) and (month, number) >= ("2026-10", day)
    ]
    expected = {
        minute
        for minute in range(*CLOCKS_CHANGE, MINUTE_US)
        if any(begin <= minute < begin + minutes * MINUTE_US for begin in begins) and (ended is None or minute < ended)
    }
    assert found == expected


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8))
def test_joined_spans_hold_the_same_minutes_and_never_touch(given_spans: list[tuple[int, int]]) -> None:
    spans = [(begin, begin + length) for begin, length in given_spans]
    found = joined(spans)
    assert {at for span in found for at in range(*span)} == {at for span in spans for at in range(*span)}
    assert all(earlier[1] < later[0] for earlier, later in pairwise(found))


def test_nothing_known_is_nothing_left_out(contract: Contract) -> None:
    assert Known().notices == ()
    assert excluded([], contract) == ()


def _moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


def _weekday(day: str) -> int:
    return date.fromisoformat(day).weekday()
