"""Counts of one meter over one day, minute by minute: what slices, runs and windows are made of later, exactly."""

import zlib
from array import array
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from gateway.sla.attribution import Fault

MINUTE_US: Final = 60_000_000
COLUMNS: Final[dict[Fault, int]] = {"hub": 0, "backend": 1, "partner": 2}
"""Columns of bad answers by whose fault they are."""
LEFT_OUT: Final = 3
"""Column of the caller's own mistakes (400-499) where a meter leaves them out: in no total."""
SLOW: Final = 4
"""First of the columns of answers with a good status that took longer than a threshold, one for each threshold."""
THRESHOLDS_MAX: Final = 200
_SHIFT: Final = 8


class Cell(Struct, frozen=True, gc=False):
    """One minute: how many exchanges count, how many of them have a good status, and how many of those were too slow
    for each threshold; bad ones by whose fault, and those that were left out."""

    total: int
    hub: int
    backend: int
    partner: int
    left_out: int
    slow: tuple[int, ...]

    @property
    def good(self) -> int:
        """Those with a good status."""
        return self.total - self.hub - self.backend - self.partner


class Minutes:
    """`totals[m]` is how many exchanges of minute m count. All other columns are sparse, for most answers are good:
    `rest` maps (m << 8 | column) to a count."""

    __slots__ = ("rest", "totals")

    def __init__(self, minutes: int) -> None:
        self.totals: array[int] = array("I", bytes(4 * minutes))
        self.rest: dict[int, int] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Minutes) and (self.totals, self.rest) == (other.totals, other.rest)

    def __hash__(self) -> int:
        raise TypeError("minutes are counted in: they are nobody's key")

    def note(self, minute: int, column: int, count: int = 1) -> None:
        """Count in a column."""
        at = minute << _SHIFT | column
        self.rest[at] = self.rest.get(at, 0) + count

    def cell(self, minute: int, thresholds: int = 0) -> Cell:
        """One minute, with so many thresholds."""
        found, at = self.rest.get, minute << _SHIFT
        slow = tuple(found(at | SLOW + index, 0) for index in range(thresholds))
        return Cell(self.totals[minute], found(at, 0), found(at | 1, 0), found(at | 2, 0), found(at | 3, 0), slow)

    def cells(self, thresholds: int = 0) -> Iterator[tuple[int, Cell]]:
        """The minutes in which anything was counted, in order, each with its counts."""
        noted, nothing = self._noted(), (0,) * thresholds
        for minute, total in enumerate(self.totals):
            if minute in noted:
                yield minute, self.cell(minute, thresholds)
            elif total:
                yield minute, Cell(total, 0, 0, 0, 0, nothing)

    def noted(self, first: int, until: int) -> list[tuple[int, int, int]]:
        """(minute, column, count) of all but the totals, from a minute to another, exclusive."""
        found = [(at >> _SHIFT, at & 0xFF, count) for at, count in list(self.rest.items())]
        return [one for one in found if first <= one[0] < until]

    def add(self, other: "Minutes", *, shift: int = 0) -> None:
        """Count what another counted, its minutes being `shift` later here."""
        for minute, total in enumerate(other.totals):
            if total:
                self.totals[minute + shift] += total
        for at, count in other.rest.items():
            self.note((at >> _SHIFT) + shift, at & 0xFF, count)

    def pack(self) -> bytes:
        """All of it, compressed: the number of minutes, the totals, then (place, count) of the rest in order."""
        pairs = array("Q", [number for pair in sorted(self.rest.items()) for number in pair])
        head = len(self.totals).to_bytes(4, "little")
        return zlib.compress(head + _little(self.totals) + _little(pairs), 6)

    @classmethod
    def unpack(cls, packed: bytes) -> "Minutes":
        """What `pack` gave. Raises ValueError for anything else."""
        try:
            raw = zlib.decompress(packed)
        except zlib.error:
            raise ValueError("packed minutes cannot be read") from None
        count = int.from_bytes(raw[:4], "little")
        pairs: array[int] = array("Q")
        found = cls(count)
        if len(raw) < 4 + 4 * count or (len(raw) - 4 - 4 * count) % 16:
            raise ValueError("packed minutes have another length than they say")
        found.totals = array("I", raw[4 : 4 + 4 * count])
        pairs.frombytes(raw[4 + 4 * count :])
        if _BIG_ENDIAN:
            found.totals.byteswap()
            pairs.byteswap()
        found.rest = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return found

    def _noted(self) -> set[int]:
        return {at >> _SHIFT for at in self.rest}


_BIG_ENDIAN = array("H", [1]).tobytes()[0] == 0


def _little(numbers: "array[int]") -> bytes:
    if _BIG_ENDIAN:
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
