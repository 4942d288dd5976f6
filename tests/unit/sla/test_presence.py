"""When the hub was there: exactly the minutes with a record, whatever their order; and pulses see to it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Entry, Pulse, Receipt
from gateway.sla.minutes import MINUTE_US
from gateway.sla.presence import Presence
from gateway.sla.pulse import INTERVAL_S, Pulsing

DAY_US = 1440 * MINUTE_US
BASE = 20_000 * DAY_US
RECEIPT = Receipt("", "gw-1", 1, 0)

minutes = st.integers(-30, 3 * 1440 + 30)


@given(st.lists(st.one_of(minutes, st.integers(1430, 1450)), max_size=60), minutes, minutes)
def test_missing_spans_are_the_minutes_without_a_record(found: list[int], first: int, until: int) -> None:
    presence = Presence()
    for minute in found:
        presence.add(BASE + minute * MINUTE_US + 59_999_999)
    gaps = presence.missing(BASE + first * MINUTE_US, BASE + until * MINUTE_US)
    missing = {
        minute for begin, end in gaps for minute in range((begin - BASE) // MINUTE_US, (end - BASE) // MINUTE_US)
    }
    assert missing == {minute for minute in range(first, until) if minute not in found}
    assert all(end < begin for (_, end), (begin, _) in pairwise(gaps)), "no two of them touch"


@given(st.sets(st.integers(0, 2 * 1440 - 1)), st.sets(st.integers(0, 2 * 1440 - 1)))
def test_two_that_are_joined_know_what_either_knew(mine: set[int], others: set[int]) -> None:
    first, second, both = Presence(), Presence(), Presence()
    for minute in mine:
        first.add(BASE + minute * MINUTE_US)
        both.add(BASE + minute * MINUTE_US)
    for minute in others:
        second.add(BASE + minute * MINUTE_US)
        both.add(BASE + minute * MINUTE_US)
    first.join(second)
    assert first.days == both.days


def test_whole_days_with_and_without_records_are_told_apart() -> None:
    presence = Presence()
    for minute in range(1440, 2 * 1440):
        presence.add(BASE + minute * MINUTE_US)
    assert presence.missing(BASE, BASE + 3 * DAY_US) == [(BASE, BASE + DAY_US), (BASE + 2 * DAY_US, BASE + 3 * DAY_US)]
    assert presence.holds(BASE + DAY_US)
    assert not presence.holds(BASE + DAY_US - 1)


def test_missing_spans_are_cut_to_what_was_asked() -> None:
    assert Presence().missing(BASE + 1, BASE + MINUTE_US + 5) == [(BASE + 1, BASE + MINUTE_US + 5)]


async def test_a_pulse_is_heard_once_it_is_on_the_log_and_not_before() -> None:
    taken: list[Pulse] = []
    heard: list[Entry] = []
    answers: list[Receipt | LogFault] = [LogFault("disk-full", "ENOSPC"), RECEIPT]

    async def append(pulse: Pulse) -> Receipt | LogFault:
        taken.append(pulse)
        return answers.pop(0)

    pulsing = Pulsing(append, heard.append, now_us=lambda: BASE + len(taken))
    assert not await pulsing.beat()
    assert heard == []
    assert await pulsing.beat()
    assert heard == [Pulse(BASE + 1)]


def test_a_minute_has_more_than_two_pulses() -> None:
    assert 60 / INTERVAL_S >= 3
