"""When a delivery is attempted again, and when no more: a function from how an attempt ended to what follows."""

from typing import Final, TypeAlias

from msgspec import Struct

from gateway.webhooks.sending import Attempt

DELAYS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After each failed attempt: 5 s, 5 and 30 min, 2, 5, 10, 14, 20 and 24 h, the schedule of Standard Webhooks. Ten
attempts over three days and three hours: whoever is away for a weekend misses nothing."""
JITTER: Final = 0.2
"""Up to a fifth is added to a delay, so that what failed together does not come back together."""
RETRY_AFTER_S_MAX: Final = 86_400
"""A receiver may ask to be left alone for a day at most: a deadline in a task cannot wait for longer."""
_THROTTLING: Final = frozenset({429, 502, 503, 504})
"""With a Retry-After they ask the sender, not the message, to wait: the endpoint is held."""


class Done(Struct, frozen=True):
    """It was delivered."""


class Again(Struct, frozen=True):
    """It is attempted again at `due_us`; `hold`: nothing else goes to the endpoint before."""

    due_us: int
    hold: bool


class Dead(Struct, frozen=True):
    """It is attempted no more. `gone`: nothing is to go to this endpoint ever again."""

    gone: bool = False


Next: TypeAlias = Done | Again | Dead


def following(attempt: Attempt, attempts: int, now_us: int, chance: float) -> Next:
    """What follows the attempt that was number `attempts`, from 1 on. `chance` is from 0 to 1."""
    if not attempt.fault:
        return Done()
    if attempt.fault == "gone":
        return Dead(gone=True)
    if attempt.permanent or attempts > len(DELAYS_S):
        return Dead()
    asked_s = min(attempt.retry_after_s or 0, RETRY_AFTER_S_MAX)
    wait_us = round(DELAYS_S[attempts - 1] * (1 + JITTER * chance) * 1_000_000)
    hold = asked_s > 0 and attempt.status in _THROTTLING
    return Again(now_us + max(wait_us, asked_s * 1_000_000), hold)
