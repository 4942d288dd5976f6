"""What is done again and again goes on through faults that pass, says each once, and ends when it is told to."""

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.authority_record import AuthorityError
from gateway.repeating import Repeating
from gateway.store.faults import StoreError

FAULTS = (
    StoreError("unreachable", "store", "gone"),
    AuthorityError("the log is closed"),
)


class Steps:
    """Takes its steps from a list: an exception is raised, None is done."""

    def __init__(self, *wanted: Exception | None) -> None:
        self._wanted, self.taken, self.over = list(wanted), 0, asyncio.Event()

    async def __call__(self) -> None:
        self.taken += 1
        if not self._wanted:
            self.over.set()
            return
        fault = self._wanted.pop(0)
        if fault is not None:
            raise fault


async def test_a_fault_is_said_once_and_again_when_it_is_over() -> None:
    steps = Steps(None, *FAULTS, FAULTS[0], None, None)
    repeating = Repeating(steps, fails="it cannot be done", again="it is done again")
    with capture_logs() as said:
        repeating.start(0)
        async with asyncio.timeout(30):
            await steps.over.wait()
        await repeating.close()
    assert [(line["log_level"], line["event"]) for line in said] == [
        ("warning", "it cannot be done"),
        ("info", "it is done again"),
    ]
    assert "gone" in said[0]["error"]


async def test_it_ends_when_it_is_told_to_and_before_it_was_begun_too() -> None:
    steps = Steps()
    repeating = Repeating(steps, fails="", again="")
    await repeating.close()
    repeating.start(0)
    async with asyncio.timeout(30):
        await steps.over.wait()
    await repeating.close()
    taken = steps.taken
    for _ in range(3):
        await asyncio.sleep(0)
    assert steps.taken == taken


async def test_what_is_no_fault_that_passes_ends_it() -> None:
    steps = Steps(ZeroDivisionError())
    repeating = Repeating(steps, fails="", again="")
    repeating.start(0)
    running = repeating._running
    assert running is not None
    with pytest.raises(ZeroDivisionError):
        await running
    assert steps.taken == 1
