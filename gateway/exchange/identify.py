"""identify: who is calling? What a request shows of its sender becomes a Grant."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from gateway.credentials.noted import Door, NoteRefusal, RefusedCall, unnoted
from gateway.exchange.arrival import Arrival
from gateway.exchange.outcome import Outcome, problem
from gateway.oauth.grant import Admitted, Presented, Rejected
from gateway.problems import PROBLEMS

Verify: TypeAlias = Callable[[Presented, float], Awaitable[Admitted | Rejected]]
"""Whoever judges what is shown, at a time (Unix seconds): gateway/oauth/guard.py."""


async def identify(
    verify: Verify, arrival: Arrival, door: Door = "exchange", note: NoteRefusal = unnoted
) -> Admitted | Outcome:
    """The caller, or why not: 401 with challenges (RFC 6750 section 3, RFC 9449 section 7.1). `note` hears of
    refusals of clients that are known."""
    found = await verify(arrival.presented(), arrival.time_us / 1e6)
    if isinstance(found, Admitted):
        return found
    note_rejected(note, found, door, arrival.request_id, arrival.time_us)
    return problem(found.code, headers=found.headers)


def note_rejected(note: NoteRefusal, rejected: Rejected, door: Door, request_id: str, time_us: int) -> None:
    """Tell of a refusal, where it is a known client's: else there is nobody who could be told why."""
    if not rejected.partner:
        return
    status = PROBLEMS[rejected.code].status
    note(
        RefusedCall(
            request_id,
            rejected.partner,
            rejected.client,
            time_us,
            door,
            status,
            rejected.code,
            rejected.reason,
        )
    )
