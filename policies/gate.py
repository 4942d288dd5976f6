"""Gates: what lets a call pass by what it is, without counting it."""

from typing import ClassVar, Protocol

from msgspec import Struct

from policies.reference import ClauseRef, Enforce


class Call(Protocol):
    """What a gate may ask of a call; gateway/exchange/arrival.py is one."""

    @property
    def time_us(self) -> int:
        """When it arrived, Unix microseconds."""

    @property
    def purpose(self) -> bytes | None:
        """The purpose that it states; None when it states none."""

    @property
    def source(self) -> str:
        """The address that it comes from; "" when that is not known."""


class Held(Struct, frozen=True, gc=False):
    """Why a gate does not let a call pass: a code of gateway/problems.py, and when it will, None if not by waiting."""

    reason: str
    retry_after_s: int | None = None


class Gate(Struct, frozen=True, gc=False, kw_only=True):
    """Lets a call pass, or holds it. Its subclasses stand beside the clause kinds that make them."""

    reasons: ClassVar[tuple[str, ...]] = ()
    """The problem codes that it may hold a call with."""

    clause: ClauseRef
    enforce: Enforce = "refuse"

    def check(self, call: Call) -> Held | None:
        """None to let it pass. Pure, and quick: every call is asked."""
        raise NotImplementedError
