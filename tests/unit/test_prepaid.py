"""Counted ahead: no source gets more than its rule says, or less than it by more than a hundredth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepaid import Prepaid


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("rule", "batch"), [("6000/minute", 50), ("600/minute", 6), ("199/hour", 1), ("5/second", 1), ("1000000/day", 50)]
)
def test_a_hundredth_of_the_rule_is_counted_at_a_time(rule: str, batch: int) -> None:
    assert Prepaid(rule, Clock()).batch == batch


def test_what_was_counted_is_used_by_its_source_alone_and_once() -> None:
    prepaid = Prepaid("600/minute", Clock())
    assert not prepaid.take("here")
    prepaid.add("here")
    assert not prepaid.take("there")
    assert [prepaid.take("here") for _ in range(6)] == [True] * 5 + [False]


def test_it_is_good_for_one_window() -> None:
    clock = Clock()
    prepaid = Prepaid("600/minute", clock)
    prepaid.add("here")
    clock.now_s = 59.9
    assert prepaid.take("here")
    clock.now_s = 60
    assert not prepaid.take("here")


def test_small_rules_are_counted_one_by_one() -> None:
    prepaid = Prepaid("5/hour", Clock())
    prepaid.add("here")
    assert not prepaid.take("here")


def test_a_flood_of_sources_is_forgotten_and_not_kept() -> None:
    prepaid = Prepaid("600/minute", Clock())
    for number in range(20_001):
        prepaid.add(str(number))
    assert not prepaid.take("0")
    assert prepaid.take("20000")


@given(st.integers(1, 20_000), st.integers(1, 4))
def test_several_processes_admit_at_most_the_rule_and_little_less(limit: int, processes: int) -> None:
    """Each request goes to the next process; the shared count admits while it is at most the limit."""
    made = [Prepaid(f"{limit}/minute", Clock()) for _ in range(processes)]
    counted = admitted = 0
    for number in range(limit + 200 * processes):
        prepaid = made[number % processes]
        if prepaid.take("here"):
            admitted += 1
            continue
        counted += prepaid.batch
        if counted <= limit:
            prepaid.add("here")
            admitted += 1
    assert limit - processes * made[0].batch < admitted <= limit
