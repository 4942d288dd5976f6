"""Different ones are counted exactly up to a bound, and estimated well beyond it."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.scraping.distinct import EXACT_MAX, Distinct, hashed


@given(st.lists(st.binary(max_size=4), max_size=300))
def test_up_to_the_bound_the_count_is_that_of_a_set(ones: list[bytes]) -> None:
    distinct = Distinct()
    seen: set[bytes] = set()
    for one in ones:
        assert distinct.add(hashed(one)) == (one not in seen)
        seen.add(one)
    assert distinct.count == len(seen)


@given(st.integers(0, 2**32))
def test_beyond_it_the_estimate_is_within_five_percent_of_the_exact_number(seed: int) -> None:
    distinct = Distinct()
    for number in range(6_000):
        distinct.add(hashed(b"%d/%d" % (seed, number)))
        if number % 3 == 0:
            distinct.add(hashed(b"%d/%d" % (seed, number // 2)))
    assert not distinct.exact
    assert abs(distinct.count - 6_000) < 300


def test_what_is_new_in_a_day_is_estimated_as_well_when_there_was_much_before() -> None:
    distinct = Distinct()
    for number in range(100_000):
        distinct.add(hashed(b"%d" % number))
    grown = sum(distinct.add(hashed(b"%d" % number)) for number in range(99_000, 104_000))
    assert 3_200 < grown < 4_800, "4,000 are new and 1,000 are not"


def test_nobody_is_counted_again_when_the_count_changes_over_to_an_estimate() -> None:
    distinct = Distinct()
    for _ in range(3):
        for number in range(EXACT_MAX):
            distinct.add(hashed(b"%d" % number))
    assert distinct.count == EXACT_MAX
    assert not distinct.exact
