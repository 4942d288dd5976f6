"""How long a coroutine took without the time in which nothing in its process ran: other processes share the machine."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")
_TICK_S = 0.01


async def timed(work: Awaitable[T]) -> tuple[T, float]:
    """What it gives, and the seconds that it took, less those by which a sleeper beside it woke too late.

    Work that blocks the loop once it has waited is excused as well: this is for waiting that has to end, not for what
    must not block.
    """
    stalled_s = 0.0

    async def watch() -> None:
        nonlocal stalled_s
        while True:
            slept_s = time.monotonic()
            await asyncio.sleep(_TICK_S)
            stalled_s += max(0.0, time.monotonic() - slept_s - _TICK_S)

    watching = asyncio.create_task(watch())
    began_s = time.monotonic()
    found = await work
    took_s = time.monotonic() - began_s
    await asyncio.sleep(2 * _TICK_S)  # the sleeper wakes as well, and says by how much it was late
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return found, took_s - stalled_s
