"""What the doors tell of credentials: which was used, and which call was refused for what reason. Told in passing."""

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

Door: TypeAlias = Literal["token", "exchange", "partner", "outbound"]


class RefusedCall(Struct, frozen=True, gc=False):
    """A call that was refused. `code` is the problem code or OAuth error that the caller was told; `reason` a word of a
    closed list that says more, "" where there is no more to say; never anything that was sent."""

    request_id: str
    partner: str
    client_id: str
    time_us: int
    door: Door
    status: int
    code: str
    reason: str = ""
    agreement: str = ""
    version: str = ""
    clause: str = ""


NoteRefusal: TypeAlias = Callable[[RefusedCall], None]
"""Quick, and never raises: what cannot be kept is let go."""
NoteUse: TypeAlias = Callable[[str, str], None]
"""A client_id, and which of its credentials: `key:<kid>`, `certificate:<thumbprint>`, `secret:<created_s>`."""


def unnoted(*_: object) -> None:
    """Nobody wants to know."""
