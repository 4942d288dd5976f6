"""identify: who is calling? A token becomes a Grant."""

from collections.abc import Callable
from typing import TypeAlias

from gateway.exchange.arrival import Arrival
from gateway.exchange.outcome import Outcome, problem
from gateway.oauth.grant import Grant, Rejected

Verify: TypeAlias = Callable[[bytes | None, float], Grant | Rejected]


def identify(verify: Verify, arrival: Arrival) -> Grant | Outcome:
    """The caller's Grant, or 401 with a challenge (RFC 6750 section 3; bare when no credentials were sent)."""
    grant = verify(arrival.authorization, arrival.time_us / 1e6)
    if isinstance(grant, Grant):
        return grant
    challenge = b"Bearer"
    if grant.error:
        challenge += b' error="' + grant.error.encode() + b'"'
    return problem(grant.code, headers=((b"www-authenticate", challenge),))
