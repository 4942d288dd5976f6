"""What the doors tell of credentials: which was used, and which call was refused for what reason. Told in passing."""

from collections.abc import Callable
from typing import Final, Literal, Protocol, TypeAlias

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


class Lasting(Struct, frozen=True, gc=False):
    """Since when and until when a credential is good, by what it says itself. Unix seconds; None: it does not say."""

    begins_s: int | None = None
    ends_s: int | None = None


UNSAID: Final = Lasting()


class NoteUse(Protocol):
    """Takes a client_id, and which of its credentials was used: `key:<kid>`, `certificate:<thumbprint>`,
    `secret:<created_s>`; and, of one that is not registered, how long it lasts. Quick, and never raises."""

    def __call__(self, client_id: str, credential: str, lasting: Lasting = UNSAID, /) -> None: ...


def unnoted(*_: object) -> None:
    """Nobody wants to know."""
