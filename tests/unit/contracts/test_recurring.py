"""Recurrence rules: what RFC 5545 says of them, day by day, and that no rule takes long whatever it says."""

import time
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.recurring import OCCURRENCES_MAX, occurrences, rule_fault

FIRST = datetime.fromisoformat("2026-01-01T02:30")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@pytest.mark.parametrize(
    ("rule", "until", "expected"),
    [
        ("FREQ=DAILY;COUNT=3", "2026-12-31", ["2026-01-01", "2026-01-02", "2026-01-03"]),
        ("FREQ=WEEKLY;BYDAY=SU", "2026-01-18T02:31", ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ("FREQ=WEEKLY;BYDAY=SU", "2026-01-18T02:30", ["2026-01-04", "2026-01-11"]),
        ("FREQ=MONTHLY;BYDAY=1SU", "2026-04-01", ["2026-01-04", "2026-02-01", "2026-03-01"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2026-03-01", ["2026-01-30", "2026-02-27"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-06-01", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-03-01", ["2026-01-31", "2026-02-28"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2030-01-01", ["2028-02-29"]),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=MO;BYDAY=TH", "2026-02-01", ["2026-01-01", "2026-01-15", "2026-01-29"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2026-03-01", ["2026-01-30", "2026-02-27"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "2027-01-01", ["2026-05-11"]),
    ],
)
def test_a_rule_happens_when_the_rfc_says(rule: str, until: str, expected: list[str]) -> None:
    assert rule_fault(rule, FIRST, datetime.fromisoformat(until)) == ""
    found = occurrences(rule, FIRST, datetime.fromisoformat(until))
    assert [at.isoformat(timespec="minutes") for at in found] == [f"{day}T02:30" for day in expected]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("", "a rule has the parts"),
        ("FREQ=HOURLY", "FREQ has a value"),
        ("FREQ=SECONDLY", "FREQ has a value"),
        ("freq=daily", "a rule has the parts"),
        ("BYDAY=MO", "FREQ is missing"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ is given twice"),
        ("FREQ=DAILY;UNTIL=20270101T000000Z", "UNTIL is said by the notice"),
        ("FREQ=DAILY;BYSECOND=1", "a rule has the parts"),
        ("FREQ=DAILY;BYEASTER=1", "a rule has the parts"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR has a value"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY has a value"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL has a value"),
        ("FREQ=DAILY;INTERVAL=99999", "INTERVAL has a value"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS needs another part"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "a rule has the parts"),
        ("FREQ=DAILY;BYMINUTE=" + ",".join(["1"] * 600), "at most 500 characters"),
    ],
)
def test_what_is_no_rule_is_said(rule: str, words: str) -> None:
    assert words in rule_fault(rule, FIRST, datetime.fromisoformat("2027-01-01"))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "never happens"),
        ("FREQ=YEARLY;BYMONTH=2;BYYEARDAY=300", "never happens"),
        ("FREQ=WEEKLY;INTERVAL=999;BYMONTH=2;BYMONTHDAY=30", "never happens"),
        ("FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))), f"more than {OCCURRENCES_MAX:,} times"),
    ],
)
def test_a_hostile_rule_is_refused_and_takes_no_time(rule: str, words: str) -> None:
    before = time.process_time()
    assert words in rule_fault(rule, FIRST, datetime.fromisoformat("2030-12-31"))
    assert time.process_time() - before < 2


@st.composite
def simple_rules(draw: st.DrawFn) -> tuple[str, datetime, datetime]:
    frequency = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY")))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 4))}"]
    if draw(st.booleans()):
        days = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True))
        parts.append(f"BYDAY={','.join(days)}")
    if frequency != "WEEKLY" and draw(st.booleans()):
        numbers = draw(st.lists(st.integers(1, 31) | st.integers(-31, -1), min_size=1, max_size=3, unique=True))
        parts.append(f"BYMONTHDAY={','.join(map(str, numbers))}")
    if draw(st.booleans()):
        parts.append(f"BYMONTH={draw(st.integers(1, 12))}")
    first = datetime.fromisoformat("2026-01-01") + timedelta(minutes=draw(st.integers(0, 366 * 1440)))
    return ";".join(parts), first, first + timedelta(minutes=draw(st.integers(1, 400 * 1440)))


def happens(rule: str, first: date, day: date) -> bool:
    """The rule, as one would check a calendar by hand."""
    parts = dict(part.split("=") for part in rule.split(";"))
    frequency, interval = parts["FREQ"], int(parts["INTERVAL"])
    monday = first - timedelta(days=first.weekday())
    passed = {
        "DAILY": (day - first).days,
        "WEEKLY": (day - monday).days // 7,
        "MONTHLY": day.year * 12 + day.month - first.year * 12 - first.month,
    }[frequency]
    following = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    fits = passed % interval == 0
    if "BYDAY" in parts:
        fits &= DAYS[day.weekday()] in parts["BYDAY"].split(",")
    elif frequency == "WEEKLY":
        fits &= day.weekday() == first.weekday()
    if "BYMONTHDAY" in parts:
        from_end = day.day - 1 - (following - day.replace(day=1)).days
        fits &= bool({day.day, from_end} & {int(number) for number in parts["BYMONTHDAY"].split(",")})
    elif frequency == "MONTHLY" and "BYDAY" not in parts:
        fits &= day.day == first.day
    return fits and ("BYMONTH" not in parts or day.month == int(parts["BYMONTH"]))


@settings(max_examples=50)
@given(simple_rules())
def test_a_rule_is_what_a_calendar_says_day_by_day(given_rule: tuple[str, datetime, datetime]) -> None:
    rule, first, until = given_rule
    days = [first.date() + timedelta(days=number) for number in range((until.date() - first.date()).days + 1)]
    expected = [datetime.combine(day, first.time()) for day in days if happens(rule, first.date(), day)]
    assert occurrences(rule, first, until) == [at for at in expected if first <= at < until]
