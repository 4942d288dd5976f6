"""access_hours: open and closed minute by minute, over clocks that jump, weekends and holidays."""

from bisect import bisect_left
from datetime import date, datetime, timedelta
from itertools import accumulate
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.hours import FOREVER_US, Hours, Weekly, clock, day_names, minute_of
from policies.kinds.access_hours import HoursGate
from policies.library import render
from tests.unit.policies.clauses import HOURS, binding, clause

MINUTE_US = 60 * 1_000_000
DAY_MINUTES = 24 * 60


def moment(text: str, zone: str = "Asia/Shanghai", fold: int = 0) -> int:
    """Unix microseconds of a time on that zone's clocks."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1_000_000


def shown(time_us: int, zone: str) -> datetime:
    """What clocks show, without their offset."""
    return datetime.fromtimestamp(time_us // 1_000_000, ZoneInfo(zone)).replace(tzinfo=None)


def gate_of(zone: str = "Asia/Shanghai", **changes: Any) -> HoursGate:
    gate = clause(HOURS, **changes).effect(binding(zone=zone))
    assert isinstance(gate, HoursGate)
    return gate


def wait_s(gate: HoursGate, time_us: int) -> int | None:
    """Seconds until calls are admitted; None when they are."""
    call: Any = SimpleNamespace(time_us=time_us)
    held = gate.check(call)
    if held is None:
        return None
    assert held.reason == "outside-hours"
    assert held.retry_after_s is not None
    return held.retry_after_s


HOUR_S = 3_600


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T08:30", None),  # a Monday
        ("2026-11-23T17:59:59", None),
        ("2026-11-23T18:00", 14 * HOUR_S + 1800),
        ("2026-11-23T08:29:59", 1),
        ("2026-11-27T18:00", 62 * HOUR_S + 1800),  # Friday: until Monday
        ("2026-11-28T12:00", 44 * HOUR_S + 1800),
    ],
)
def test_a_call_outside_the_hours_is_told_when_they_begin_again(at: str, expected: int | None) -> None:
    assert wait_s(gate_of(), moment(at)) == expected


def test_the_time_told_is_never_too_early() -> None:
    gate = gate_of()
    almost_us = moment("2026-11-23T08:29:59") + 1
    assert wait_s(gate, almost_us) == 1
    assert wait_s(gate, almost_us + 1_000_000) is None


def test_on_a_holiday_nothing_begins_and_what_began_the_day_before_ends_at_midnight() -> None:
    gate = gate_of(days=["wed", "thu", "fri"], from_="22:00", to="06:00", holidays=["2026-10-01"])
    assert wait_s(gate, moment("2026-09-30T23:59:59")) is None  # a Wednesday
    assert wait_s(gate, moment("2026-10-01T00:00")) == 46 * HOUR_S
    assert wait_s(gate, moment("2026-10-01T22:30")) == 23 * HOUR_S + 1800
    assert wait_s(gate, moment("2026-10-02T22:00")) is None
    assert wait_s(gate, moment("2026-10-03T05:59:59")) is None  # Saturday, of Friday's hours
    assert wait_s(gate, moment("2026-10-03T06:00")) is not None


def test_hours_of_the_whole_day_are_open_all_day() -> None:
    for closing in ("24:00", "00:00"):
        gate = gate_of(days=["mon"], from_="00:00", to=closing)
        assert wait_s(gate, moment("2026-11-23T00:00")) is None
        assert wait_s(gate, moment("2026-11-23T23:59:59")) is None
        assert wait_s(gate, moment("2026-11-24T00:00")) == 6 * 24 * HOUR_S
    always = gate_of(days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"], from_="08:00", to="08:00")
    assert all(wait_s(always, moment("2026-11-23T00:00") + hour * 60 * MINUTE_US) is None for hour in range(200))


def test_an_hour_that_clocks_skip_begins_when_they_have_jumped() -> None:
    """Berlin, 29 March 2026: 01:59 is followed by 03:00."""
    berlin = "Europe/Berlin"
    gate = gate_of(berlin, days=["sun"], from_="02:30", to="05:00")
    assert wait_s(gate, moment("2026-03-29T01:59:59", berlin)) == 1
    assert wait_s(gate, moment("2026-03-29T03:00", berlin)) is None
    before = gate_of(berlin, days=["sun"], from_="01:00", to="02:30")
    assert wait_s(before, moment("2026-03-29T01:59:59", berlin)) is None
    assert wait_s(before, moment("2026-03-29T03:00", berlin)) is not None


def test_an_hour_that_clocks_show_twice_counts_the_first_time() -> None:
    """Berlin, 25 October 2026: 02:59 is followed by 02:00."""
    berlin = "Europe/Berlin"
    gate = gate_of(berlin, days=["sun"], from_="02:30", to="05:00")
    assert wait_s(gate, moment("2026-10-25T02:29:59", berlin)) == 1
    assert wait_s(gate, moment("2026-10-25T02:00", berlin, fold=1)) is None  # opened already
    closing = gate_of(berlin, days=["sun"], from_="01:00", to="02:30")
    assert wait_s(closing, moment("2026-10-25T02:29:59", berlin)) is None
    assert wait_s(closing, moment("2026-10-25T02:00", berlin, fold=1)) is not None  # closed already


class Watched:
    """A clock that was looked at every minute for seven days, from three days before `day` on."""

    def __init__(self, zone: str, day: date) -> None:
        start_us = round(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000
        self.day_us = start_us
        self._times_us = [start_us + number * MINUTE_US for number in range(-3 * DAY_MINUTES, 4 * DAY_MINUTES)]
        seen = (shown(time_us, zone) for time_us in self._times_us)
        self._latest = list(accumulate(seen, max))
        self.days = [day + timedelta(days=number) for number in range(-3, 6)]

    def first(self, wall: datetime) -> int:
        """The first minute that showed this time or a later one."""
        place = bisect_left(self._latest, wall)
        return self._times_us[place] if place < len(self._times_us) else FOREVER_US

    def spans(self, weekly: Weekly) -> list[tuple[int, int]]:
        """When these hours were open."""
        found = []
        for day in self.days:
            midnight = datetime.combine(day, datetime.min.time())
            later = timedelta(days=int(weekly.until_minute <= weekly.from_minute))
            ends = midnight + timedelta(minutes=weekly.until_minute) + later
            if day + timedelta(days=1) in weekly.holidays:
                ends = min(ends, midnight + timedelta(days=1))
            if day.weekday() in weekly.days and day not in weekly.holidays:
                found.append((self.first(midnight + timedelta(minutes=weekly.from_minute)), self.first(ends)))
        return found


ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe")
EDGES = [date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 9, 6), date(2026, 10, 4), date(2026, 10, 25)]
"""Days on which clocks jump somewhere, over the night where they do."""
HALF_HOURS = st.integers(0, 12).map(lambda number: number * 30)


@st.composite
def hours_near(draw: st.DrawFn) -> tuple[Weekly, date]:
    """Hours, and a day on which to look at them."""
    day = draw(st.sampled_from(EDGES) | st.dates(date(2025, 1, 1), date(2027, 12, 31)))
    weekly = Weekly(
        days=draw(st.frozensets(st.integers(0, 6), min_size=1)),
        from_minute=draw(HALF_HOURS | st.integers(0, DAY_MINUTES - 1)),
        until_minute=draw(HALF_HOURS | st.integers(0, DAY_MINUTES)),
        zone=draw(st.sampled_from(ZONES)),
        holidays=draw(st.frozensets(st.integers(-1, 2).map(lambda number: day + timedelta(days=number)))),
    )
    return weekly, day


EVERY_DAY = frozenset(range(7))


@settings(deadline=None)
@given(hours_near(), st.lists(st.integers(-DAY_MINUTES, DAY_MINUTES), min_size=1, max_size=12))
@example((Weekly(EVERY_DAY, 0, 60, "America/Santiago"), date(2026, 9, 6)), [-1, 0, 59, 60])
@example((Weekly(EVERY_DAY, 150, 300, "Europe/Berlin"), date(2026, 3, 29)), [119, 120, 300])
@example((Weekly(EVERY_DAY, 150, 300, "Europe/Berlin"), date(2026, 10, 25)), [149, 150, 180, 359, 360])
def test_hours_are_open_as_watching_the_clock_finds(given_hours: tuple[Weekly, date], probes: list[int]) -> None:
    weekly, day = given_hours
    watched = Watched(weekly.zone, day)
    spans = watched.spans(weekly)
    hours = Hours(weekly)
    for minute in sorted(probes) + probes:  # also back in time: what is remembered must not be believed then
        now_us = watched.day_us + minute * MINUTE_US
        span = hours.at(now_us)
        assert span.from_us <= now_us < span.until_us
        assert span.open == any(begins <= now_us < ends for begins, ends in spans)
        if not span.open:
            following = [begins for begins, ends in spans if now_us < begins < ends]
            assert not following or span.until_us == min(following)


def test_holidays_on_every_day_that_could_open_for_a_year_do_not_stop_the_search() -> None:
    mondays = frozenset(date(2026, 1, 5) + timedelta(weeks=number) for number in range(366))
    weekly = Weekly(frozenset({0}), 0, 60, "UTC", mondays)
    span = weekly.span_at(moment("2026-01-01T00:00", "UTC"))
    assert shown(span.until_us, "UTC") == datetime(2026, 1, 5) + timedelta(weeks=366)  # noqa: DTZ001 - a clock's face


def test_the_sentence_says_the_days_the_times_and_the_dates() -> None:
    words = clause(
        HOURS, days=["sun", "mon", "tue", "wed", "fri"], to="06:00", holidays=["2027-01-01", "2026-10-01"]
    ).words()
    assert words["days"] == {"zh": "周一至周三、周五、周日", "en": "Monday to Wednesday, Friday, Sunday"}
    assert words["to"] == {"zh": "次日 06:00", "en": "06:00 the next day"}
    assert words["holidays"]["en"] == "2026-10-01, 2027-01-01"
    assert clause(HOURS).words()["holidays"] == {"zh": "无", "en": "none"}
    assert render(clause(HOURS))["en"] == "Monday to Friday, 08:30 to 18:00, else refused"
    assert clause(HOURS, days=["sat", "sun"]).words()["days"]["zh"] == "周六、周日"
    assert clause(HOURS, days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"]).words()["days"]["en"] == "every day"


def test_times_are_written_as_they_are_read() -> None:
    assert [clock(minute_of(text)) for text in ("00:00", "08:05", "24:00")] == ["00:00", "08:05", "24:00"]
    assert day_names(frozenset({6, 0})) == ["mon", "sun"]


def test_gates_of_the_same_hours_are_equal_whatever_they_were_asked() -> None:
    one, other = gate_of(), gate_of()
    wait_s(one, moment("2026-11-23T12:00"))
    assert one == other
    assert hash(one.hours) == hash(other.hours)
    assert one != gate_of(to="18:01")
