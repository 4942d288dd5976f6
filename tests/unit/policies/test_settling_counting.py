"""Slices that stand alike are counted together, and come to the same as one by one."""

from datetime import timedelta, timezone

import pytest

from policies.settling.facts import Slice, Span
from tests.unit.policies.settling import AVAILABILITY, FEBRUARY, JANUARY, SLICE, facts, fault, promise, settled


@pytest.mark.parametrize(("least", "measured"), [(3, "50.000000"), (4, "0.000000")])
def test_a_good_slice_with_fewer_calls_than_the_least_counts_as_one_without(least: int, measured: str) -> None:
    clause = promise(AVAILABILITY, slice_requests_min=least)
    assert settled(clause, facts((0, 3, 3), (1, 4, 0))).measured == measured


def test_good_slices_in_a_row_are_as_many_as_they_are() -> None:
    found = settled(promise(AVAILABILITY), facts((0, 1, 1), (1, 50, 50), (2, 2, 1), (3, 7, 7), (5, 9, 9)))
    assert {figure.name: figure.value for figure in found.figures}["slices_judged"] == "5"
    assert found.measured == "90.000000"


def test_a_slice_before_the_agreement_was_in_force_is_named_and_one_that_reaches_into_it_counts() -> None:
    begins = JANUARY + 2 * SLICE
    for number, begin in ((1, begins), (0, begins - timedelta(minutes=5))):
        given = facts((number, 1, 1), (5, 1, 1), deployed=Span(begin, FEBRUARY))
        assert fault(promise(AVAILABILITY), given).fact == "slices[0].start"
    inside = facts((1, 1, 1), deployed=Span(begins - timedelta(microseconds=1), FEBRUARY))
    assert settled(promise(AVAILABILITY), inside).measured == "100.000000"


def test_a_slice_is_where_its_moment_is_whatever_offset_it_is_written_with() -> None:
    """Both say the same moment, and so they are one slice twice."""
    east = JANUARY.astimezone(timezone(timedelta(hours=8)))
    given = facts(slices=(Slice(JANUARY, 1, 1), Slice(east, 1, 1)))
    assert fault(promise(AVAILABILITY), given).message == "the same slice is there twice"
