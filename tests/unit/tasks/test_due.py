"""Due times, as the parties of an agreement mean them."""

from datetime import datetime

import pytest

from gateway.tasks.due import DueFault, due_of

NOW_US = int(datetime.fromisoformat("2026-11-16T12:00:00+08:00").timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "zone", "due"),
    [
        ("2026-11-30", "Asia/Shanghai", "2026-12-01T00:00:00+08:00"),
        ("2026-11-16", "Asia/Shanghai", "2026-11-17T00:00:00+08:00"),
        ("2026-11-30T12:30", "Asia/Shanghai", "2026-11-30T12:30:00+08:00"),
        ("2026-11-30T12:30Z", "Asia/Shanghai", "2026-11-30T20:30:00+08:00"),
        ("2027-03-28", "Europe/Berlin", "2027-03-29T00:00:00+02:00"),
        ("PT4H", "UTC", "2026-11-16T16:00:00+08:00"),
        ("P3D", "UTC", "2026-11-19T12:00:00+08:00"),
    ],
)
def test_a_day_is_until_its_end_and_times_are_those_of_the_zone(text: str, zone: str, due: str) -> None:
    assert due_of(text, NOW_US, zone) == int(datetime.fromisoformat(due).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-15", "in the future"),
        ("2026-11-16T12:00+08:00", "in the future"),
        ("PT0S", "in the future"),
        ("P1200D", "within three years"),
        ("2099-01-01", "within three years"),
        ("tomorrow", "expected 2026-11-30"),
        ("2026-02-30", "expected 2026-11-30"),
        ("P9999999999999D", "expected 2026-11-30"),
        ("9999-12-31", "expected|within"),
        ("", "expected 2026-11-30"),
    ],
)
def test_what_is_no_due_time_is_said_in_one_line(text: str, words: str) -> None:
    fault = due_of(text, NOW_US, "Asia/Shanghai")
    assert isinstance(fault, DueFault)
    assert any(word in fault.words["en"] for word in words.split("|"))
    assert "tomorrow" not in fault.words["en"]
