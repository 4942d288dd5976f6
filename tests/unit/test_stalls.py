"""The clock of tests that wait: a wait is told in full, and what kept the whole process from running is not."""

import asyncio
import time

from tests.stalls import timed


async def test_a_wait_that_is_too_long_is_told() -> None:
    found, took_s = await timed(asyncio.sleep(0.3, "done"))
    assert found == "done"
    assert took_s > 0.15


async def test_a_time_in_which_nothing_ran_is_taken_off() -> None:
    asyncio.get_running_loop().call_later(0.02, time.sleep, 0.5)
    _, took_s = await timed(asyncio.sleep(0.1))
    assert took_s < 0.4
