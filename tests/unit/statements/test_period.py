"""Periods of statements: what names one, and what months it has in an agreement's own zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.statements.period import Month, months_between, read_period


@pytest.mark.parametrize(
    ("name", "months"),
    [
        ("2026-10", ["2026-10"]),
        ("2026-Q1", ["2026-01", "2026-02", "2026-03"]),
        ("2026-Q4", ["2026-10", "2026-11", "2026-12"]),
        ("2026", [f"2026-{number:02d}" for number in range(1, 13)]),
    ],
)
def test_a_month_a_quarter_or_a_year_names_its_months(name: str, months: list[str]) -> None:
    period = read_period(name)
    assert period is not None
    assert [str(month) for month in period.months] == months


@pytest.mark.parametrize(
    "name",
    [
        "",
        "2026-13",
        "2026-00",
        "2026-Q0",
        "2026-Q5",
        "2026-q3",
        "2026-1",
        "26-01",
        "2026-10 ",
        "2026-10\n",
        "9999",
        "٢٠٢٦",
    ],
)
def test_anything_else_names_none(name: str) -> None:
    assert read_period(name) is None


def test_a_month_begins_and_ends_at_midnight_of_its_zone() -> None:
    begins, ends = Month(2026, 12).bounds(ZoneInfo("Asia/Shanghai"))
    assert begins.astimezone(UTC) == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert ends.astimezone(UTC) == datetime(2026, 12, 31, 16, tzinfo=UTC)


def test_a_month_in_which_clocks_change_has_an_hour_less() -> None:
    begins, ends = Month(2026, 3).bounds(ZoneInfo("Europe/Berlin"))
    assert (ends.astimezone(UTC) - begins.astimezone(UTC)).total_seconds() == 31 * 86_400 - 3_600


def test_months_between_two_count_both() -> None:
    assert [str(month) for month in months_between(Month(2026, 11), Month(2027, 1))] == [
        "2026-11",
        "2026-12",
        "2027-01",
    ]
    assert months_between(Month(2026, 2), Month(2026, 1)) == []
