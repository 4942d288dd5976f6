"""Ten wrong codes and the account takes none for a while; an account that is not guessed at knows nothing of it."""

from gateway.people.guesses import MISSES_MAX, PAUSE_S, Guesses


def test_after_so_many_misses_no_code_is_taken_for_a_while() -> None:
    guesses = Guesses()
    assert [guesses.miss("li", 100.0 + number) for number in range(MISSES_MAX)] == [False] * (MISSES_MAX - 1) + [True]
    assert not guesses.is_allowed("li", 100.0 + PAUSE_S - 1)
    assert guesses.is_allowed("ana", 101.0)
    assert guesses.is_allowed("li", 100.0 + PAUSE_S)
    assert not guesses.miss("li", 100.0 + PAUSE_S)
    assert guesses.is_allowed("li", 100.0 + PAUSE_S)


def test_a_right_code_forgets_the_wrong_ones() -> None:
    guesses = Guesses()
    for _ in range(MISSES_MAX - 1):
        guesses.miss("li", 100.0)
    guesses.forget("li")
    assert not guesses.miss("li", 100.0)
    assert guesses.is_allowed("li", 100.0)


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    guesses = Guesses()
    for _ in range(MISSES_MAX):
        guesses.miss("li", 100.0)
    assert guesses.is_allowed("li", 50.0)
