"""Sessions end: when unused, when old, on logout, and one login never touches another."""

from gateway.console.sessions import ABSOLUTE_S, IDLE_S, SESSIONS_MAX, Sessions, same
from tests.unit.console.house import Clock, Person

LI = Person("li", "legal", "zh")


def test_an_unused_session_ends_after_its_idle_time() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    session_id = sessions.begin(LI)
    clock.now_s += IDLE_S - 1
    assert sessions.find(session_id) is not None
    clock.now_s += IDLE_S
    assert sessions.find(session_id) is None
    clock.now_s -= IDLE_S
    assert sessions.find(session_id) is None, "what has ended stays ended"


def test_a_screen_that_refreshes_itself_does_not_keep_a_session_alive() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    session_id = sessions.begin(LI)
    for _ in range(IDLE_S // 5):
        clock.now_s += 5
        sessions.find(session_id, is_use=False)
    assert sessions.find(session_id) is None


def test_a_session_in_constant_use_ends_all_the_same() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    session_id = sessions.begin(LI)
    for _ in range(ABSOLUTE_S // 600 - 1):
        clock.now_s += 600
        assert sessions.find(session_id) is not None
    clock.now_s += 600
    assert sessions.find(session_id) is None


def test_logging_out_ends_one_session_and_no_other() -> None:
    sessions = Sessions(Clock())
    one, other = sessions.begin(LI), sessions.begin(LI)
    assert one != other
    sessions.end(one)
    assert sessions.find(one) is None
    assert sessions.find(other) is not None


def test_with_too_many_sessions_the_longest_unused_ends() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    first = sessions.begin(LI)
    clock.now_s += 1
    second = sessions.begin(LI)
    clock.now_s += 1
    sessions.find(first)
    for _ in range(SESSIONS_MAX - 1):
        sessions.begin(LI)
    assert sessions.find(first) is not None
    assert sessions.find(second) is None


def test_no_id_and_a_wrong_id_find_nothing() -> None:
    sessions = Sessions(Clock())
    session_id = sessions.begin(LI)
    assert sessions.find(None) is None
    assert sessions.find("") is None
    assert sessions.find(session_id[:-1]) is None


def test_an_empty_token_equals_nothing() -> None:
    assert not same("", "")
    assert not same("a", "b")
    assert same("a", "a")
