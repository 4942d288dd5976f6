"""The circuit breaker, by a clock that is moved."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.outbound.breaker import Breaker, Held

_MS = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def made(failures: int = 3, pause_ms: int = 2_500) -> tuple[Breaker, Clock]:
    clock = Clock()
    return Breaker(failures=failures, pause_ms=pause_ms, monotonic_ns=clock), clock


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.admit() is None
        breaker.note(failed=True)


def test_it_opens_after_so_many_failures_in_a_row_and_says_when_to_come_again() -> None:
    breaker, clock = made()
    fail(breaker, 2)
    assert breaker.admit() is None
    breaker.note(failed=False)
    fail(breaker, 3)
    assert breaker.state == "open"
    assert breaker.admit() == Held(3)
    clock.now_ns = 1_600 * _MS
    assert breaker.admit() == Held(1)


def test_half_open_one_call_tries_and_decides() -> None:
    breaker, clock = made()
    fail(breaker, 3)
    clock.now_ns = 2_500 * _MS
    assert breaker.state == "half-open"
    assert breaker.admit() is None
    assert breaker.admit() == Held(1)
    breaker.note(failed=True)
    assert breaker.admit() == Held(3)
    clock.now_ns = 5_000 * _MS
    assert breaker.admit() is None
    breaker.note(failed=False)
    assert [breaker.admit() for _ in range(5)] == [None] * 5


def test_a_try_that_tells_nothing_leaves_room_for_the_next() -> None:
    breaker, clock = made()
    fail(breaker, 3)
    clock.now_ns = 2_500 * _MS
    assert breaker.admit() is None
    breaker.forget()
    assert breaker.admit() is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["admit", "good", "bad", "forget"]), st.integers(0, 3_000)), max_size=40))
def test_whatever_happens_it_never_lets_two_through_while_half_open_and_always_lets_one_in_the_end(
    steps: list[tuple[str, int]],
) -> None:
    breaker, clock = made(failures=2)
    trying = 0
    for step, wait_ms in steps:
        clock.now_ns += wait_ms * _MS
        if step == "admit":
            half_open = breaker.state == "half-open"
            admitted = breaker.admit() is None
            trying += admitted and half_open
            assert trying <= 1
        elif step == "forget":
            breaker.forget()
            trying = 0
        else:
            breaker.note(failed=step == "bad")
            trying = 0
    breaker.forget()
    clock.now_ns += 2_500 * _MS
    assert breaker.admit() is None
