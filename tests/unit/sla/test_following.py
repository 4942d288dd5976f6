"""What other workers record is counted here too: all of it, once, and nothing that was taken back."""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import msgspec
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.plan import Plans
from gateway.audit.faults import CorruptLogError, LogFault
from gateway.audit.layout import segment_name
from gateway.audit.leaf import Authority, Entry, Exchange, Intent, Observation, Part, Undelivered
from gateway.audit.reader import read_counted, read_entries
from gateway.audit.writer import Writer
from gateway.sla.following import Following, Writers, siblings
from gateway.sla.tally import Tally
from tests.unit.audit.doubles import QUIET, GatedDisk, opened
from tests.unit.sla.hub import NOON_S, exchange, plan_of, plans_of
from tests.unit.sla.test_tally import account_of, entry_of, picture
from tests.unit.sla.test_undelivered import TRAFFIC

ONE, OTHER = "gw-1-1", "gw-1-2"
SMALL = msgspec.structs.replace(QUIET, segment_bytes=4000)
HASTY = msgspec.structs.replace(QUIET, commit_timeout_ms=5)
"""In segments that do not fill: what is owed when one does is written with the next record only."""


@cache
def compiled_once() -> Plans:
    return plans_of()


class Serving:
    """One worker: counts what it records itself, and follows what the other records."""

    def __init__(self, log: Path, name: str, other: str) -> None:
        self.plans, self.now_s = compiled_once(), 0.0
        self.tally, self.disk = Tally(self.plans), GatedDisk()
        self.writer = opened(log, name, disk=self.disk, options=HASTY, on_undelivered=self.tally.take_back)
        self.heard: list[Entry] = []
        self.following = Following(
            log,
            self.tally.replay,
            Writers(name, frozenset({other})),
            hear=self.heard.append,
            monotonic_s=lambda: self.now_s,
        )
        self.following.replay()

    async def one(self, kind: str, partner: str, count: int) -> None:
        """One entry, counted when it is on the log."""
        entry = entry_of(plan_of(self.plans, partner), kind, 60 * count, count, "out")
        if isinstance(await self.writer.append_durable(entry), LogFault):
            return
        if isinstance(entry, Exchange):
            self.tally.add(entry)
        elif isinstance(entry, Part):
            self.tally.add_part(entry)
        elif isinstance(entry, Observation):
            self.tally.observe(entry)

    async def look(self, after_s: float = 1.0) -> None:
        """One look at the log, so long after the one before."""
        self.now_s += after_s
        await self.following.catch_up()

    async def has_settled(self) -> None:
        """The real disk may be slower than the writer is patient here: what it owes the log is written then."""
        while self.writer.state.stalled:  # noqa: ASYNC110  # what ends it comes from another thread
            await asyncio.sleep(0)

    def close(self) -> None:
        self.writer.close()


async def looked_at_while_hanging(one: Serving, other: Serving, turn: list[tuple[str, str, int]]) -> None:
    """`other` records on a disk that hangs until all of them were told so; `one` looks at its log meanwhile."""
    one.following._sync = other.disk.fdatasync
    for follower in one.following._others.values():
        follower.tail._sync = other.disk.fdatasync  # it is one disk: who asks it waits as well
    other.disk.gate.clear()
    looking = asyncio.create_task(one.look())
    await asyncio.gather(*(other.one(*each) for each in turn))
    other.disk.gate.set()
    await looking


def figures(tally: Tally) -> list[object]:
    return [(picture(account), account.undelivered) for account in tally.accounts()]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(TRAFFIC, st.booleans()), min_size=1, max_size=3))
def test_two_workers_that_follow_each_other_have_the_figures_of_the_log_also_when_the_disk_hangs(
    drawn: list[tuple[list[tuple[list[tuple[str, str, int]], bool]], bool]],
) -> None:
    with tempfile.TemporaryDirectory(prefix="clausegate-following-") as folder:
        log = Path(folder)
        one, other = Serving(log, ONE, OTHER), Serving(log, OTHER, ONE)

        async def all_turns() -> None:
            for traffic, swapped in drawn:
                idle, busy = (one, other) if swapped else (other, one)
                for turn, hangs in traffic:
                    if hangs:
                        await looked_at_while_hanging(idle, busy, turn)
                    else:
                        await asyncio.gather(*(busy.one(*each) for each in turn), idle.look())
                    await busy.has_settled()
            for _ in range(2):
                await one.look()
                await other.look()

        asyncio.run(all_turns())
        replayed = figures(Tally(one.plans).replay(read_counted(log)))
        one.close()
        other.close()
        assert figures(one.tally) == replayed
        assert figures(other.tally) == replayed


def recorded(writer: Writer, entries: Iterable[Entry]) -> None:
    for entry in entries:
        assert not isinstance(writer.append_written(entry), LogFault)


def following(log: Path, tally: Tally, own: str = ONE, **arguments: object) -> Following:
    return Following(log, tally.replay, Writers(own, frozenset({ONE, OTHER} - {own})), **arguments)  # type: ignore[arg-type]


def test_the_replay_counts_what_a_replay_of_the_log_counts(tmp_path: Path) -> None:
    plans = compiled_once()
    kinds = ["exchange", "part", "observation", "intent"] * 8
    for first, name in ((0, ONE), (100, "gw-old")):
        writer = opened(tmp_path, name, options=SMALL)
        numbered = enumerate(kinds, first)
        recorded(writer, (entry_of(plan_of(plans), kind, 60, number, "out") for number, kind in numbered))
        writer.close()
    tally = Tally(plans)
    following(tmp_path, tally).replay()
    expected = Tally(plans).replay(read_counted(tmp_path))
    assert figures(tally) == figures(expected)
    assert account_of(tally, plans).unfinished == account_of(expected, plans).unfinished > 0


async def test_segments_are_followed_from_one_to_the_next(tmp_path: Path) -> None:
    plans, tally, now_s = compiled_once(), Tally(compiled_once()), 0.0
    writer = opened(tmp_path, OTHER, options=SMALL)
    followed = following(tmp_path, tally, monotonic_s=lambda: now_s)
    followed.replay()
    for number in range(40):
        recorded(writer, [exchange(plan_of(plans), NOON_S, request_id=f"request-{number}")])
        if number % 7 == 0:
            now_s += 1
            await followed.catch_up()
    writer.close()
    for _ in range(2):
        now_s += 1
        await followed.catch_up()
    assert len(list((tmp_path / OTHER).glob("*.seg"))) > 3
    assert figures(tally) == figures(Tally(plans).replay(read_counted(tmp_path)))


async def test_a_record_is_counted_at_the_second_look_and_never_again(tmp_path: Path) -> None:
    plans, now_s = compiled_once(), 0.0
    writer, tally = opened(tmp_path, OTHER), Tally(plans)
    followed = following(tmp_path, tally, monotonic_s=lambda: now_s)
    followed.replay()
    recorded(writer, [exchange(plan_of(plans), NOON_S)])
    seen = []
    for _ in range(4):
        await followed.catch_up()
        seen.append(account_of(tally, plans).total().requests)
        now_s += 0.5
    writer.close()
    assert seen == [0, 1, 1, 1]


async def test_what_comes_into_force_is_heard_at_the_first_look_once(tmp_path: Path) -> None:
    writer, heard = opened(tmp_path, OTHER), list[Entry]()
    followed = following(tmp_path, Tally(compiled_once()), hear=heard.append)
    followed.replay()
    activated = Authority(1, "agreement-activated", "swift-2026 1.0.0", "ab" * 32, "swift")
    recorded(writer, [activated])
    await followed.catch_up()
    assert [entry for entry in heard if isinstance(entry, Authority)] == [activated]
    writer.close()
    again = opened(tmp_path, OTHER)
    await followed.catch_up()
    again.close()
    assert [entry for entry in heard if isinstance(entry, Authority)] == [activated]


async def test_what_came_into_force_a_moment_before_the_replay_is_heard_by_it(tmp_path: Path) -> None:
    writer, heard = opened(tmp_path, OTHER), list[Entry]()
    activated = Authority(NOON_S * 1_000_000, "agreement-activated", "swift-2026 1.0.0", "ab" * 32, "swift")
    recorded(writer, [activated])
    followed = following(tmp_path, Tally(compiled_once()), hear=heard.append, undecided_us=10_000_000)
    followed.replay(NOON_S * 1_000_000)
    assert [entry for entry in heard if isinstance(entry, Authority)] == [activated]
    await followed.catch_up()
    writer.close()
    assert [entry for entry in heard if isinstance(entry, Authority)] == [activated]


async def test_a_change_of_a_worker_that_died_is_unfinished_once_it_has_begun_anew(tmp_path: Path) -> None:
    plans = compiled_once()
    begun = entry_of(plan_of(plans), "intent", 0, 1, "out")
    assert isinstance(begun, Intent)
    writer, tally = opened(tmp_path, OTHER), Tally(plans)
    recorded(writer, [begun])
    followed = following(tmp_path, tally)
    followed.replay()
    assert account_of(tally, plans).unfinished == 0  # it may be under way
    writer.close()
    opened(tmp_path, OTHER).close()
    await followed.catch_up()
    assert account_of(tally, plans).unfinished == 1


async def test_a_record_younger_than_the_disk_may_take_waits_at_the_replay_too(tmp_path: Path) -> None:
    plans, now_s = compiled_once(), 0.0
    old, young = (exchange(plan_of(plans), NOON_S - back_s) for back_s in (60, 1))
    writer, tally = opened(tmp_path, OTHER), Tally(plans)
    recorded(writer, [old, young])
    followed = following(tmp_path, tally, monotonic_s=lambda: now_s, undecided_us=10_000_000)
    followed.replay(NOON_S * 1_000_000)
    assert account_of(tally, plans).total().requests == 1
    (leaf,) = [found.receipt().leaf_hash for found in read_entries(tmp_path) if found.leaf.entry == young]
    back = Undelivered(2, young.request_id, young.partner, young.agreement, young.version, leaf, "exchange")
    recorded(writer, [back])
    for _ in range(3):
        now_s += 1
        await followed.catch_up()
    writer.close()
    account = account_of(tally, plans)
    assert (account.total().requests, account.undelivered) == (1, 1)


def cut(segment: Path) -> None:
    segment.write_bytes(segment.read_bytes()[:100])


def overwritten(segment: Path) -> None:
    data = bytearray(segment.read_bytes())
    data[-40] ^= 1
    segment.write_bytes(bytes(data) + data[:600])


@pytest.mark.parametrize("harm", [cut, Path.unlink, overwritten])
async def test_a_log_that_cannot_be_read_is_said_once_and_the_others_are_counted(
    tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    plans, tally, now_s = compiled_once(), Tally(compiled_once()), 0.0
    harmed, sound = opened(tmp_path, OTHER), opened(tmp_path, "gw-1-3")
    followed = following(tmp_path, tally, monotonic_s=lambda: now_s)
    followed.replay()
    recorded(harmed, [exchange(plan_of(plans), NOON_S)])
    if harm is not overwritten:
        await followed.catch_up()
    harm(tmp_path / OTHER / segment_name(1))
    recorded(sound, [exchange(plan_of(plans), NOON_S)])
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            now_s += 1
            await followed.catch_up()
    sound.close()
    assert [line["writer"] for line in lines] == [OTHER]
    assert account_of(tally, plans).total().requests == (1 if harm is overwritten else 2)


def test_a_replay_of_a_damaged_log_says_so(tmp_path: Path) -> None:
    writer = opened(tmp_path, OTHER)
    recorded(writer, [exchange(plan_of(compiled_once()), NOON_S)] * 3)
    writer.close()
    overwritten(tmp_path / OTHER / segment_name(1))
    with pytest.raises(CorruptLogError):
        following(tmp_path, Tally(compiled_once())).replay()


def test_the_other_workers_of_a_gateway_are_known_by_their_names() -> None:
    assert siblings("gw-1-2", 3) == {"gw-1-1", "gw-1-3"}
    assert siblings("gw-1", 1) == frozenset()
