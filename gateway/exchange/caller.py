"""Who is being served: the request, what its token grants, and the two ways that an ASGI server talks."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from msgspec import Struct

from gateway.exchange.arrival import Arrival
from gateway.oauth.grant import Grant

Send: TypeAlias = Callable[[Any], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[Any]]


class Caller(Struct, frozen=True, gc=False):
    """One caller during one exchange."""

    arrival: Arrival
    grant: Grant
    receive: Receive
    send: Send
