"""Ten wrong codes and the account takes none for a while; an account that is not guessed at knows nothing of it."""

import pytest

from gateway.people.guesses import MISSES_MAX, PAUSE_S, Guessed


def after(misses: int, since_s: int = 100) -> Guessed:
    """So many wrong codes, one a second."""
    guessed = Guessed()
    for number in range(misses):
        assert guessed.admits(since_s + number)
        guessed = guessed.missed(since_s + number)
    return guessed


def test_after_so_many_misses_nothing_is_taken_until_the_pause_is_over() -> None:
    guessed = after(MISSES_MAX)
    assert (guessed.misses, guessed.since_s) == (MISSES_MAX, 100)
    assert not guessed.admits(100 + MISSES_MAX)
    assert not guessed.admits(100 + PAUSE_S - 1)
    assert guessed.admits(100 + PAUSE_S)


def test_after_the_pause_it_is_counted_anew() -> None:
    assert after(MISSES_MAX).missed(100 + PAUSE_S) == Guessed(1, 100 + PAUSE_S)


@pytest.mark.parametrize("misses", [0, 1, MISSES_MAX - 1])
def test_fewer_misses_pause_nothing(misses: int) -> None:
    assert after(misses).admits(101)


def test_misses_that_are_long_ago_count_no_more() -> None:
    assert after(MISSES_MAX - 1).missed(100 + PAUSE_S) == Guessed(1, 100 + PAUSE_S)


def test_the_first_miss_begins_the_count_whatever_the_clock_shows() -> None:
    assert Guessed().missed(7) == Guessed(1, 7)


def test_a_clock_that_goes_back_locks_nobody_out() -> None:
    assert after(MISSES_MAX).admits(50)
