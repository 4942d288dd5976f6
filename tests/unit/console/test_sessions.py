"""Sessions end: when unused, when old, on logout, at every process; one login never touches another."""

import pytest

from gateway.console.sessions import ABSOLUTE_S, IDLE_S, KNOWN_NS, SESSIONS_MAX, Sessions, same
from gateway.store.faults import StoreError
from tests.unit.console.house import Clock, Logins, People, Person

LI = Person("li", "legal", "zh")
KNOWN_S = KNOWN_NS / 1_000_000_000


class Desk:
    """What a test has to do with: a clock, what is kept, and any number of processes that share both."""

    def __init__(self) -> None:
        self.clock, self.people = Clock(), People(li="")
        self.kept = Logins(self.people)

    def process(self) -> Sessions:
        return Sessions(self.kept, now=self.clock, monotonic_ns=lambda: self.clock.moment().monotonic_ns)

    async def begun(self, sessions: Sessions) -> str:
        session_id = await sessions.begin(LI)
        assert session_id is not None
        return session_id


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_an_unused_session_ends_after_its_idle_time(desk: Desk) -> None:
    sessions = desk.process()
    session_id = await desk.begun(sessions)
    desk.clock.now_s += IDLE_S - 1
    assert await sessions.find(session_id) is not None
    desk.clock.now_s += IDLE_S
    assert await sessions.find(session_id) is None
    assert desk.kept.kept == {}
    desk.clock.now_s -= IDLE_S
    assert await sessions.find(session_id) is None, "what has ended stays ended"


async def test_a_screen_that_refreshes_itself_does_not_keep_a_session_alive(desk: Desk) -> None:
    sessions = desk.process()
    session_id = await desk.begun(sessions)
    for _ in range(IDLE_S // 5):
        desk.clock.now_s += 5
        await sessions.find(session_id, is_use=False)
    assert await sessions.find(session_id) is None


async def test_a_session_in_constant_use_ends_all_the_same(desk: Desk) -> None:
    sessions = desk.process()
    session_id = await desk.begun(sessions)
    for _ in range(ABSOLUTE_S // 600 - 1):
        desk.clock.now_s += 600
        assert await sessions.find(session_id) is not None
    desk.clock.now_s += 600
    assert await sessions.find(session_id) is None


async def test_what_is_remembered_of_a_session_does_not_outlive_it(desk: Desk) -> None:
    sessions = desk.process()
    session_id = await desk.begun(sessions)
    desk.clock.now_s += IDLE_S - KNOWN_S / 4
    assert await sessions.find(session_id, is_use=False) is not None
    desk.clock.now_s += KNOWN_S / 2
    assert await sessions.find(session_id) is None


async def test_logging_out_ends_one_session_and_no_other(desk: Desk) -> None:
    sessions = desk.process()
    one, other = await desk.begun(sessions), await desk.begun(sessions)
    assert one != other
    assert await sessions.find(one) is not None
    await sessions.end(one)
    assert await sessions.find(one) is None
    assert await sessions.find(other) is not None


async def test_a_login_at_one_process_is_known_at_every_other_with_the_same_form_token(desk: Desk) -> None:
    one, other = desk.process(), desk.process()
    session_id = await desk.begun(one)
    here, there = await one.find(session_id), await other.find(session_id)
    assert here is not None
    assert here == there
    assert (here.account.username, here.account.language) == ("li", "zh")


async def test_a_logout_at_one_process_ends_it_at_every_other_within_a_second(desk: Desk) -> None:
    one, other = desk.process(), desk.process()
    session_id = await desk.begun(one)
    assert await other.find(session_id) is not None
    await one.end(session_id)
    assert await one.find(session_id) is None
    desk.clock.now_s += KNOWN_S
    assert await other.find(session_id) is None


async def test_use_at_one_process_does_not_make_what_another_knows_last_longer(desk: Desk) -> None:
    one, other = desk.process(), desk.process()
    session_id = await desk.begun(one)
    for _ in range(8):
        desk.clock.now_s += KNOWN_S / 4
        assert await other.find(session_id, is_use=False) is not None
    await one.end(session_id)
    for _ in range(4):
        desk.clock.now_s += KNOWN_S / 4
        last = await other.find(session_id, is_use=False)
    assert last is None


async def test_a_session_that_ended_elsewhere_is_not_brought_back_by_its_use(desk: Desk) -> None:
    one, other = desk.process(), desk.process()
    session_id = await desk.begun(one)
    desk.clock.now_s += 5
    assert await other.find(session_id, is_use=False) is not None
    await one.end(session_id)
    assert await other.find(session_id) is None
    assert desk.kept.kept == {}


async def test_screens_that_refresh_do_not_each_ask_what_is_kept(desk: Desk) -> None:
    sessions = desk.process()
    session_id = await desk.begun(sessions)
    desk.kept.reads = desk.kept.writes = 0
    for _ in range(20):
        await sessions.find(session_id)
    assert (desk.kept.reads, desk.kept.writes) == (1, 0)
    desk.clock.now_s += KNOWN_S
    await sessions.find(session_id)
    assert (desk.kept.reads, desk.kept.writes) == (2, 1)


async def test_with_too_many_sessions_the_longest_unused_ends(desk: Desk) -> None:
    sessions = desk.process()
    first = await desk.begun(sessions)
    desk.clock.now_s += 1
    second = await desk.begun(sessions)
    desk.clock.now_s += 1
    await sessions.find(first)
    for _ in range(SESSIONS_MAX - 1):
        await desk.begun(sessions)
    assert await sessions.find(first) is not None
    assert await sessions.find(second) is None
    assert len(desk.kept.kept) == SESSIONS_MAX


async def test_a_login_sweeps_away_what_has_ended(desk: Desk) -> None:
    sessions = desk.process()
    await desk.begun(sessions)
    desk.clock.now_s += IDLE_S
    await desk.begun(sessions)
    assert len(desk.kept.kept) == 1


async def test_no_id_and_a_wrong_id_find_nothing(desk: Desk) -> None:
    sessions = desk.process()
    session_id = await desk.begun(sessions)
    assert await sessions.find(None) is None
    assert await sessions.find("") is None
    assert await sessions.find(session_id[:-1]) is None
    assert await sessions.find("\udcff") is None


async def test_an_account_that_was_deleted_meanwhile_gets_no_session(desk: Desk) -> None:
    del desk.people.people["li"]
    assert await desk.process().begin(LI) is None


async def test_where_sessions_cannot_be_read_nobody_is_logged_in(desk: Desk) -> None:
    sessions = desk.process()
    session_id = await desk.begun(sessions)
    await sessions.find(session_id)
    desk.clock.now_s += KNOWN_S
    desk.kept.fails = True
    for _ in range(2):
        with pytest.raises(StoreError):
            await sessions.find(session_id, is_use=False)
    desk.kept.fails = False
    assert await sessions.find(session_id) is not None


async def test_neither_the_id_nor_the_form_token_is_kept_anywhere(desk: Desk) -> None:
    sessions = desk.process()
    session_id = await desk.begun(sessions)
    found = await sessions.find(session_id)
    assert found is not None
    assert session_id not in f"{desk.kept.kept} {vars(sessions)}"
    assert found.form_token not in f"{desk.kept.kept} {vars(sessions)}"
    assert found.form_token != session_id


def test_an_empty_token_equals_nothing() -> None:
    assert not same("", "")
    assert not same("a", "b")
    assert same("a", "a")
