"""The loop keeps its pace, tries again where that helps, and takes nothing down with it."""

import asyncio
from collections.abc import Iterable

from gateway.tlog.sequencer import Done, Lost, SequencerFault, Step
from gateway.tlog.service import RETRY_S_MAX, Pace, SequencerService, ending

NOTHING = Step(0, 0, 0, False)
SOME = Step(5, 1, 0, False)
MORE = Step(5, 1, 0, True)
FULL = SequencerFault("unwritable", "files", "ENOSPC")
CORRUPT = SequencerFault("tree-corrupt", "root/tile/0/000", "not there")


class Scripted:
    """A sequencer whose steps have these outcomes, then none; an Exception is raised."""

    def __init__(self, *outcomes: Done | Exception) -> None:
        self.outcomes: list[Done | Exception] = list(outcomes)
        self.calls: list[str] = []
        self.anchored = asyncio.Event()

    async def step(self) -> Done:
        self.calls.append("step")
        outcome = self.outcomes.pop(0) if self.outcomes else NOTHING
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def anchor(self) -> Done:
        self.calls.append("anchor")
        self.anchored.set()
        return Step(0, 0, 1, False)

    async def close(self) -> None:
        self.calls.append("close")


class Clock:
    """Time that passes only while somebody waits for it. After so many waits it is time to close."""

    def __init__(self, waits: int) -> None:
        self.now_s, self.pauses, self._waits = 100.0, list[float](), waits

    async def wait(self, closing: asyncio.Event, pause_s: float) -> None:
        self.pauses.append(pause_s)
        self.now_s += pause_s
        if len(self.pauses) >= self._waits:
            closing.set()


async def run(sequencer: Scripted, waits: int, *, stands_by: bool = True) -> tuple[str, list[float], list[Step]]:
    clock, told = Clock(waits), list[Step]()
    service = SequencerService(
        sequencer,
        Pace(1000, 3000),
        monotonic_s=lambda: clock.now_s,
        stands_by=stands_by,
        report=told.append,
        wait=clock.wait,
    )
    return await service.run(), clock.pauses, told


async def test_trees_grow_each_half_delay_and_the_root_log_within_its_own() -> None:
    sequencer = Scripted()
    ended, pauses, _ = await run(sequencer, 10)
    assert ended == "closed"
    assert pauses == [0.5] * 10
    ticks = "".join("A" if call == "anchor" else "s" for call in sequencer.calls if call != "close")
    assert ticks == "sA" + "sssssA" + "ssss" + "sA"  # anchored at 0 s, at 2.5 s, and once more on closing


async def test_steps_follow_at_once_while_there_is_more() -> None:
    sequencer = Scripted(MORE, MORE, SOME)
    _, pauses, told = await run(sequencer, 1)
    assert sequencer.calls[:4] == ["step", "step", "step", "anchor"]
    assert told[:3] == [MORE, MORE, SOME]
    assert len(pauses) == 1


async def test_what_a_disk_does_not_take_is_tried_again_less_and_less_often() -> None:
    sequencer = Scripted(*[FULL] * 9, NOTHING)
    ended, pauses, _ = await run(sequencer, 10)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, *[RETRY_S_MAX] * 4, 0.5]
    assert ended == "closed"


async def test_corruption_ends_it_and_nothing_is_tried_again() -> None:
    sequencer = Scripted(CORRUPT)
    assert (await run(sequencer, 5))[0] == "fault"
    assert sequencer.calls == ["step", "close"]


async def test_who_has_lost_ends_or_stands_by_and_tries_again() -> None:
    sequencer = Scripted(Lost())
    assert (await run(sequencer, 5, stands_by=False))[0] == "lost"
    assert sequencer.calls == ["step", "close"]
    sequencer = Scripted(Lost(), Lost(), SOME)
    ended, pauses, told = await run(sequencer, 3)
    assert (ended, pauses) == ("closed", [10.0, 10.0, 0.5])
    assert told[0] == SOME


async def test_a_mistake_of_ours_is_a_setback_like_others() -> None:
    sequencer = Scripted(ZeroDivisionError("with a value"), SOME)
    ended, pauses, told = await run(sequencer, 2)
    assert (ended, pauses, told[0]) == ("closed", [1.0, 0.5], SOME)


async def test_closing_does_what_is_left_and_waits_for_it() -> None:
    sequencer = Scripted(NOTHING, MORE, SOME)
    service = SequencerService(sequencer, Pace(600_000, 600_000), monotonic_s=lambda: 0.0)
    service.start()
    await sequencer.anchored.wait()
    await service.close()
    assert sequencer.calls == ["step", "anchor", "step", "step", "anchor", "close"]


async def test_once_catches_up_and_says_how_it_ended() -> None:
    for outcomes, word in (([MORE, SOME], "closed"), ([Lost()], "lost"), ([FULL], "fault"), ([OSError()], "fault")):
        sequencer = Scripted(*_any(outcomes))
        service = SequencerService(sequencer, Pace(1000, 1000), monotonic_s=lambda: 0.0)
        assert ending(await service.run_once()) == word
        assert sequencer.calls[-1] == "close"
        assert ("anchor" in sequencer.calls) == (word == "closed")


def _any(outcomes: Iterable[object]) -> list[Done | Exception]:
    return [each for each in outcomes if isinstance(each, Step | Lost | SequencerFault | Exception)]
