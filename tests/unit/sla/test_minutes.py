"""Minutes are the same packed and unpacked, and add up whatever was counted where."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sla.minutes import SLOW, Cell, Minutes

counted = st.lists(st.tuples(st.integers(0, 1499), st.integers(0, SLOW + 3), st.integers(0, 10**6)), max_size=40)


def made(found: list[tuple[int, int, int]], size: int = 1500) -> Minutes:
    minutes = Minutes(size)
    for minute, column, count in found:
        minutes.totals[minute] += count
        minutes.note(minute, column, count)
    return minutes


@given(counted)
def test_minutes_are_the_same_after_packing(found: list[tuple[int, int, int]]) -> None:
    assert Minutes.unpack(made(found).pack()) == made(found)


@given(counted, counted)
def test_adding_is_counting_both(first: Any, second: Any) -> None:
    whole = made(first)
    whole.add(made(second))
    assert whole == made(first + second)


@pytest.mark.parametrize("packed", [b"", b"x" * 20, Minutes(10).pack()[:-3]])
def test_what_is_no_packed_minutes_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="packed minutes"):
        Minutes.unpack(packed)


def test_a_minute_says_whose_fault_its_bad_answers_were() -> None:
    minutes = Minutes(3)
    minutes.totals[1] = 10
    for column, count in enumerate((1, 2, 3, 7, 1, 4)):
        minutes.note(1, column, count)
    assert minutes.cell(1, 2) == Cell(10, 1, 2, 3, 7, (1, 4))
    assert minutes.cell(1, 2).good == 4
    assert minutes.cell(0).total == 0
    assert list(minutes.cells(2)) == [(1, minutes.cell(1, 2))]


def test_an_empty_day_and_a_busy_one_are_small() -> None:
    busy = Minutes(1440)
    for minute in range(1440):
        busy.totals[minute] = 500 + minute * 7919 % 101
    assert len(Minutes(1440).pack()) < 64
    assert len(busy.pack()) < 3_000
