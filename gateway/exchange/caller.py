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


class Caller(Struct, gc=False):
    """One caller during one exchange. `held` is what it has in flight, to be released at its end.

    `limits` are members of the RateLimit field, by the limits' keys; `policy` is the RateLimit-Policy field where it is
    not the contract's.
    """

    arrival: Arrival
    grant: Grant
    receive: Receive
    send: Send
    held: tuple[Charge, ...] = ()
    limits: dict[str, bytes] = msgspec.field(default_factory=dict)
    policy: tuple[tuple[bytes, bytes], ...] = ()
