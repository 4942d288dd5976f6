"""Where the facts of a statement come from: a port, so that what is counted while serving and the log alone give one
settlement."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from contracts.plan import Contract, Promised
from policies.settling.facts import Cause, Facts

Progress = Callable[[str, int, int], None]
"""Told a stage by its name, how much of it is done, and of how much."""


class Window(Struct, frozen=True):
    """A calendar month, or the part of it that is settled: from a moment, inclusive, to another, exclusive."""

    from_: datetime
    to: datetime


class Left(Struct, frozen=True, kw_only=True):
    """An announced span, with the record that says so. Moments are aware.

    `notice` is its id, `announced` the time of the record; `leaf` is that record's hash, `writer` and `seq` its place,
    "" and -1 where that is not known. `counts` False: it came too late, for the clause `late_for` if that is not "", or
    is not about all that the clause is about, so that nothing is left out for it.
    """

    notice: str
    cause: Cause
    from_: datetime
    to: datetime
    announced: datetime
    counts: bool = True
    late_for: str = ""
    leaf: str = ""
    writer: str = ""
    seq: int = -1


class Source(Protocol):
    """Facts of one agreement. Blocking; what it raises is the command's affair."""

    def facts(self, contract: Contract, promised: Promised, window: Window, without: frozenset[str]) -> Facts | None:
        """What happened in a window as far as a clause needs it; fee and prior months are not the source's.

        `without` names notices that are to be taken for never announced. None: the agreement was not in force on the
        log in any of the window.
        """

    def left_out(self, contract: Contract, promised: Promised, window: Window) -> tuple[Left, ...]:
        """The announced spans that the clause leaves out of the window or might have, in order of time."""
