"""Who is being served: the request, what its token grants, and the two ways that an ASGI server talks."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from gateway.exchange.arrival import Arrival
from gateway.oauth.grant import Grant
from policies.limit import Charge

Send: TypeAlias = Callable[[Any], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[Any]]


class Waiting:
    """A caller's `receive` that adds up how long it was waited for: time that is the caller's own, and no delay of the
    hub's. Else whoever sends a body slowly would make every promise about response times be missed."""

    __slots__ = ("_monotonic_ns", "_receive", "waited_ns")

    def __init__(self, receive: Receive, monotonic_ns: Callable[[], int]) -> None:
        self._receive, self._monotonic_ns = receive, monotonic_ns
        self.waited_ns = 0

    async def __call__(self) -> Any:
        """The next message of the caller."""
        since_ns = self._monotonic_ns()
        try:
            return await self._receive()
        finally:
            self.waited_ns += self._monotonic_ns() - since_ns


class Caller(Struct, gc=False):
    """One caller during one exchange. `held` is what it has in flight, to be released at its end; `waited_ns` is how
    long its body was waited for.

    `fresh` are headers that its next request needs, whatever becomes of this one: a new DPoP-Nonce.
    `limits` are members of the RateLimit field, by the limits' keys; `policy` is the RateLimit-Policy field where it is
    not the contract's. `observed` are clauses that only watch and would have refused the change for its signature.
    """

    arrival: Arrival
    grant: Grant
    receive: Receive
    send: Send
    held: tuple[Charge, ...] = ()
    limits: dict[str, bytes] = msgspec.field(default_factory=dict)
    policy: tuple[tuple[bytes, bytes], ...] = ()
    waited_ns: int = 0
    observed: tuple[str, ...] = ()
    fresh: tuple[tuple[bytes, bytes], ...] = ()
