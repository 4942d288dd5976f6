"""What bench/hammer.py says about calls: it is what a plain count over every pair of moments says."""

from hypothesis import given
from hypothesis import strategies as st

from bench.hammer import Span, most_beside, most_in_a_span

CALLS = st.lists(
    st.tuples(st.integers(1, 3), st.tuples(st.integers(0, 60), st.integers(0, 5)).map(lambda at: (at[0], sum(at)))),
    max_size=20,
)


def within(calls: list[tuple[int, Span]], start_ns: int, end_ns: int) -> int:
    return sum(weight for weight, (began, ended) in calls if began >= start_ns and ended <= end_ns)


@given(calls=CALLS, span_ns=st.integers(6, 40))
def test_the_most_in_a_window_is_that_of_the_fullest_one(calls: list[tuple[int, Span]], span_ns: int) -> None:
    assert most_in_a_span(calls, span_ns) == max(
        (within(calls, start_ns, start_ns + span_ns - 1) for start_ns in range(70)), default=0
    )


@given(calls=CALLS)
def test_the_most_at_once_is_never_overstated(calls: list[tuple[int, Span]]) -> None:
    spans = [
        within(calls, start_ns, end_ns) - 0.25 * (end_ns - start_ns)
        for start_ns in range(66)
        for end_ns in range(start_ns, 66)
    ]
    assert most_beside(calls, 0.25) <= max(spans)


def test_calls_that_came_at_once_are_a_burst() -> None:
    assert most_beside([(1, (5, 5))] * 7, 0.1) == 7
