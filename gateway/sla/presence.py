"""When the hub was there: the minutes in which a record that a serving gateway makes is on the log, of any writer.

A gateway that serves records a Pulse at least every 20 seconds, so a minute without such a record is one in which no
gateway could have answered, or none could write its log, and then none answers. What commands record while no gateway
runs says nothing of that: else an outage would be shorter for every command that somebody gave during it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.sla.minutes import MINUTE_US

_DAY = 1440
_BESIDE: Final = frozenset({"opening", "counters", "undelivered"})
"""What any writer of the log makes, those of commands among them."""


def shows_presence(entry: Any) -> bool:
    """Whether a record of the log, by its tag, is one that a gateway makes that serves. Of what changes authority that
    is the coming into force of an agreement alone: all else commands record as well."""
    tag = entry.__struct_config__.tag
    return tag not in _BESIDE and (tag != "authority" or entry.event == "agreement-activated")


class Presence:
    """A bit for each UTC minute, day by day; days without any record take no room."""

    __slots__ = ("_last", "days")

    def __init__(self, days: Mapping[int, int] | None = None) -> None:
        """`days` maps days since 1970 to 1,440 bits, the lowest for the first minute."""
        self.days: dict[int, int] = dict(days or {})
        self._last = -1

    def add(self, time_us: int) -> None:
        """A record of this time is on the log, one that shows it."""
        minute = time_us // MINUTE_US
        if minute != self._last:
            self._last = minute
            day, bit = divmod(minute, _DAY)
            self.days[day] = self.days.get(day, 0) | 1 << bit

    def join(self, other: "Presence") -> None:
        """It was there as well when another one says so."""
        for day, bits in other.days.items():
            self.days[day] = self.days.get(day, 0) | bits

    def holds(self, time_us: int) -> bool:
        """Whether the minute of a moment has such a record."""
        day, bit = divmod(time_us // MINUTE_US, _DAY)
        return bool(self.days.get(day, 0) >> bit & 1)

    def missing(self, from_us: int, until_us: int) -> list[tuple[int, int]]:
        """Spans of whole minutes without one between two moments, cut to them, in order and apart."""
        found: list[tuple[int, int]] = []
        for begin, end in self._gaps(from_us // MINUTE_US, -(-until_us // MINUTE_US)):
            found.append((max(from_us, begin * MINUTE_US), min(until_us, end * MINUTE_US)))
        return found

    def _gaps(self, first: int, until: int) -> Iterator[tuple[int, int]]:
        """Runs of absent minutes from `first` to `until`, exclusive."""
        begin: int | None = None
        for day in range(first // _DAY, -(-until // _DAY)):
            bits, start = self.days.get(day, 0), day * _DAY
            if bits == _FULL or not bits:
                low = max(first, start)
                begin, ended = (None, begin) if bits else (low if begin is None else begin, None)
                if ended is not None:
                    yield ended, low
                continue
            for minute in range(max(first, start), min(until, start + _DAY)):
                if bits >> minute - start & 1:
                    if begin is not None:
                        yield begin, minute
                        begin = None
                elif begin is None:
                    begin = minute
        if begin is not None:
            yield begin, until


_FULL = (1 << _DAY) - 1
