"""A disk that hangs: nobody waits without end, nothing is lost, and the log claims no answer that was not sent."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Entry, Leaf, Receipt, Undelivered
from gateway.audit.reader import read_entries
from gateway.audit.verify import Report, verify_log
from gateway.audit.writer import Writer
from tests.unit.audit.doubles import (
    QUIET,
    Clock,
    GatedDisk,
    a_part,
    an_authority,
    an_exchange,
    an_intent,
    an_observation,
    opened,
)

# Long enough for a thread to be woken on a busy machine, whose disk answers at once when it does not hang.
IMPATIENT = msgspec.structs.replace(QUIET, commit_timeout_ms=250)
PATIENT = msgspec.structs.replace(QUIET, commit_timeout_ms=3_600_000)


class Hung:
    """A writer on a disk whose syncs hang from now on, until `release`."""

    def __init__(self, log: Path, **arguments: Any) -> None:
        self.log, self.disk = log, GatedDisk(pretend_sync=True)
        self.writer = opened(log, disk=self.disk, **({"options": IMPATIENT} | arguments))
        self.disk.entered.clear()
        self.disk.gate.clear()

    async def entered(self) -> None:
        """Return when a sync hangs."""
        assert await asyncio.to_thread(self.disk.entered.wait, 30)

    async def release(self) -> None:
        """Let the disk answer, and wait until the writer has heard of it."""
        self.disk.gate.set()
        while self.writer.state.stalled:  # noqa: ASYNC110  # what ends it comes from another thread, by this loop
            await asyncio.sleep(0)

    def records(self) -> list[Leaf]:
        """Everything on the log but Openings and counts."""
        report = verify_log(self.log)
        assert isinstance(report, Report), report
        return [found.leaf for found in read_entries(self.log) if found.leaf.entry.__class__.__name__ not in _OWN]


_OWN = {"Opening", "Counters"}


@asynccontextmanager
async def hung(log: Path, **arguments: Any) -> AsyncIterator[Hung]:
    made = Hung(log, **arguments)
    try:
        yield made
    finally:
        made.disk.gate.set()
        made.writer.close()


def stalled(result: Receipt | LogFault) -> LogFault:
    assert isinstance(result, LogFault), result
    assert result.kind == "stalled"
    return result


async def test_whoever_waits_for_too_long_is_told_and_the_next_ones_at_once_without_writing(tmp_path: Path) -> None:
    async with hung(tmp_path) as made:
        told = await asyncio.gather(*(made.writer.append_durable(an_exchange(number)) for number in range(3)))
        assert {stalled(each).detail for each in told} == {"the disk has not answered within 0.25 s"}
        assert made.writer.state.stalled
        before = made.writer.state
        for ack in ("sync", "write"):
            stalled(await made.writer.append(an_exchange(9), ack))
        stalled(made.writer.append_written(an_exchange(9)))
        assert made.writer.state == before


async def test_once_the_disk_answers_service_resumes_and_what_was_claimed_is_taken_back_first(tmp_path: Path) -> None:
    heard: list[Undelivered] = []
    async with hung(tmp_path, on_undelivered=heard.append) as made:
        for number in range(2):
            stalled(await made.writer.append_durable(an_exchange(number)))
            if number == 0:
                await made.release()
                made.disk.entered.clear()
                made.disk.gate.clear()
        await made.release()
        receipt = made.writer.append_written(an_exchange(7))
        assert isinstance(receipt, Receipt)
        assert made.writer.state.undelivered == 2
        entries = [leaf.entry for leaf in made.records()]
        located = list(read_entries(tmp_path))
        assert entries[0] == an_exchange(0)
        assert entries[1] == heard[0] == taking_back(located[1].receipt(), an_exchange(0))
        assert entries[2] == an_exchange(1)
        assert entries[3] == heard[1] == taking_back(located[3].receipt(), an_exchange(1))
        assert entries[4] == an_exchange(7)


def taking_back(receipt: Receipt, entry: Any) -> Undelivered:
    """What takes an exchange back."""
    return Undelivered(
        1_700_000_000_000_000,
        entry.request_id,
        entry.partner,
        entry.agreement,
        entry.version,
        receipt.leaf_hash,
        "exchange",
    )


@pytest.mark.parametrize("entry", [an_exchange(), an_intent(), a_part(), an_observation(), an_authority()])
async def test_a_record_of_any_kind_is_taken_back_under_its_own_name(tmp_path: Path, entry: Entry) -> None:
    async with hung(tmp_path) as made:
        stalled(await made.writer.append_durable(entry))
        await made.release()
        record, back = made.records()
        assert record.entry == entry
        assert isinstance(back.entry, Undelivered)
        assert back.entry.retracted == type(entry).__name__.lower()
        assert back.entry.partner == getattr(entry, "partner", "")
        assert back.entry.request_id == getattr(entry, "request_id", "")


async def test_those_who_arrive_behind_a_sync_that_hangs_are_told_as_well(tmp_path: Path) -> None:
    async with hung(tmp_path) as made:
        first = asyncio.ensure_future(made.writer.append_durable(an_exchange(0)))
        await made.entered()
        others = [asyncio.ensure_future(made.writer.append_durable(an_exchange(number))) for number in (1, 2)]
        for each in (first, *others):
            stalled(await each)
        await made.release()
        assert isinstance(await made.writer.append_durable(an_exchange(3)), Receipt)
        entries = [leaf.entry for leaf in made.records()]
        assert entries[:3] == [an_exchange(number) for number in range(3)]
        assert [type(entry) for entry in entries[3:6]] == [Undelivered] * 3
        assert entries[6:] == [an_exchange(3)]


async def test_a_disk_that_answers_in_time_disturbs_nobody(tmp_path: Path) -> None:
    async with hung(tmp_path, options=PATIENT) as made:
        waiting = [asyncio.ensure_future(made.writer.append_durable(an_exchange(number))) for number in range(3)]
        await made.entered()
        assert not made.writer.state.stalled
        made.disk.gate.set()
        assert all(isinstance(each, Receipt) for each in await asyncio.gather(*waiting))
        assert made.writer.state.undelivered == 0


async def test_what_is_only_written_is_refused_while_a_sync_hangs_that_nobody_asked_for(tmp_path: Path) -> None:
    clock = Clock()
    options = msgspec.structs.replace(QUIET, commit_timeout_ms=1000, probe_writes=1, flush_bytes=0)
    async with hung(tmp_path, options=options, monotonic_ns=clock) as made:
        for number in range(2):  # the second sees bytes that are not durable, and asks for a sync
            assert isinstance(await made.writer.append(an_exchange(number), "write"), Receipt)
        await made.entered()
        clock.advance_ms(1000)
        assert isinstance(await made.writer.append(an_exchange(2), "write"), Receipt)
        clock.advance_ms(1)
        stalled(await made.writer.append(an_exchange(3), "write"))
        assert made.writer.state.stalled
        await made.release()
        assert isinstance(await made.writer.append(an_exchange(4), "write"), Receipt)
        assert [leaf.entry for leaf in made.records()] == [an_exchange(number) for number in (0, 1, 2, 4)]


@pytest.mark.parametrize("ack", ["sync", "write"])
async def test_a_full_segment_on_a_disk_that_hangs_holds_nobody_up_and_claims_nothing(tmp_path: Path, ack: Any) -> None:
    """The next segment is made when this one is durable: until then nothing can be written, so nothing is."""
    options = msgspec.structs.replace(IMPATIENT, segment_bytes=1300)
    async with hung(tmp_path, options=options) as made:
        assert isinstance(made.writer.append_written(an_exchange(0)), Receipt)
        before = made.writer.state.seq
        stalled(await made.writer.append(an_exchange(1), ack))
        stalled(made.writer.append_written(an_exchange(2)))
        assert made.writer.state.seq == before
        await made.release()
        assert isinstance(await made.writer.append(an_exchange(3), ack), Receipt)
        assert made.writer.state.segment == 2
        assert [leaf.entry for leaf in made.records()] == [an_exchange(0), an_exchange(3)]


async def test_the_next_segment_is_made_while_the_loop_goes_on(tmp_path: Path) -> None:
    options = msgspec.structs.replace(PATIENT, segment_bytes=1300)
    async with hung(tmp_path, options=options) as made:
        assert isinstance(made.writer.append_written(an_exchange(0)), Receipt)
        waiting = [asyncio.ensure_future(made.writer.append(an_exchange(number), "write")) for number in (1, 2, 3)]
        await made.entered()
        assert made.writer.state.segment == 1
        made.disk.gate.set()
        assert all(isinstance(each, Receipt) for each in await asyncio.gather(*waiting))
        assert [leaf.entry for leaf in made.records()] == [an_exchange(number) for number in range(4)]


async def test_a_blocked_append_in_the_foreground_ends_as_well(tmp_path: Path) -> None:
    """append_written waits itself, at most as long as anybody."""
    clock = Clock()
    options = msgspec.structs.replace(IMPATIENT, segment_bytes=1300)
    async with hung(tmp_path, options=options, monotonic_ns=clock) as made:
        assert isinstance(made.writer.append_written(an_exchange(0)), Receipt)
        waiting = asyncio.ensure_future(made.writer.append(an_exchange(1), "write"))
        await made.entered()
        stalled(made.writer.append_written(an_exchange(2)))
        stalled(await waiting)


async def test_a_sync_that_fails_after_it_hung_stops_the_writer(tmp_path: Path) -> None:
    async with hung(tmp_path) as made:
        stalled(await made.writer.append_durable(an_exchange(0)))
        made.disk.error = errno.EIO
        await made.release()
        result = await made.writer.append_durable(an_exchange(1))
        assert isinstance(result, LogFault)
        assert result.kind == "stopped"
        assert made.writer.state.undelivered == 0


async def test_closing_takes_back_what_is_owed(tmp_path: Path) -> None:
    made = Hung(tmp_path)
    stalled(await made.writer.append_durable(an_exchange(0)))
    made.disk.gate.set()
    made.writer.close()
    assert [type(leaf.entry).__name__ for leaf in made.records()] == ["Exchange", "Undelivered"]


async def test_a_caller_that_went_away_is_not_told_and_its_record_stands(tmp_path: Path) -> None:
    async with hung(tmp_path) as made:
        going, staying = (asyncio.ensure_future(made.writer.append_durable(an_exchange(number))) for number in range(2))
        await asyncio.sleep(0)
        going.cancel()
        stalled(await staying)
        await made.release()
        *_, back = made.records()
        assert isinstance(back.entry, Undelivered)
        assert back.entry.request_id == "request-1"
        assert made.writer.state.undelivered == 1


class FullDisk(GatedDisk):
    """A disk without space as long as `full` is set."""

    full = False

    def free_bytes(self, descriptor: int) -> int:
        return 0 if self.full else super().free_bytes(descriptor)

    @property
    def write(self) -> Any:  # type: ignore[override]
        return self._write

    def _write(self, descriptor: int, data: bytes) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "ENOSPC")
        return GatedDisk.__mro__[1].write(descriptor, data)  # type: ignore[attr-defined, no-any-return]


async def test_nothing_is_written_before_what_is_owed_could_be(tmp_path: Path) -> None:
    made = Hung.__new__(Hung)
    made.log, made.disk = tmp_path, FullDisk(pretend_sync=True)
    made.writer = opened(tmp_path, disk=made.disk, options=IMPATIENT)
    made.disk.entered.clear()
    made.disk.gate.clear()
    stalled(await made.writer.append_durable(an_exchange(0)))
    made.disk.full = True
    await made.release()
    refused = made.writer.append_written(an_exchange(1))
    assert isinstance(refused, LogFault)
    assert refused.kind == "write-failed"
    made.disk.full = False
    assert isinstance(made.writer.append_written(an_exchange(2)), Receipt)
    kinds = [type(leaf.entry).__name__ for leaf in made.records()]
    assert kinds == ["Exchange", "Undelivered", "Exchange"]
    made.writer.close()


def test_a_writer_goes_on_when_the_loop_that_waited_for_a_hung_disk_is_gone(tmp_path: Path) -> None:
    made = Hung(tmp_path)

    async def ask() -> Receipt | LogFault:
        return await made.writer.append_durable(an_exchange())

    stalled(asyncio.run(ask()))
    made.disk.gate.set()
    writer: Writer = made.writer

    async def ask_again() -> Receipt | LogFault:
        while writer.state.stalled:  # noqa: ASYNC110  # as in Hung.release
            await asyncio.sleep(0)
        return await ask()

    assert isinstance(asyncio.run(ask_again()), Receipt)
    writer.close()
    assert [type(leaf.entry).__name__ for leaf in made.records()] == ["Exchange", "Undelivered", "Exchange"]
