"""How a walk through keys is recognised: numbers in keys, neighbours and chance, the rising end, depth in a list."""

import re
from collections import deque
from operator import itemgetter
from typing import TypeAlias

Place: TypeAlias = tuple[int, int]
"""Where a key stands: what is around its number, as a hash, and the number."""

_NUMBER = re.compile(r"^(.*?)([0-9]{1,18})([^0-9]*)\Z", re.DOTALL)
_WIDTH = 8
"""Keys this near, up to twice as much, are neighbours."""
_RING = 64
_DECOYS = tuple(sign * shift for shift in (12, 24, 48) for sign in (1, -1))
"""Places to compare with, in widths: were there neighbours as well, it would be because the keys asked for are dense,
such as those of the last days, and not because they are walked."""
_SERIES_MAX = 64
_CLIENTS_MAX = 64
_CHAINS_MAX = 16
_SPARSE = 20
"""A page of so many records spans at most so many times as many keys: others in between are not the partner's."""
_DEEP_PAGES = 4
"""Pages that follow each other from the beginning before a list is read in depth."""


def place(key: str) -> Place | None:
    """The last number in a key and what stands around it; None when there is none, or more than 18 digits of it."""
    found = _NUMBER.match(key)
    if found is None:
        return None
    return hash((found[1], found[3])), int(found[2])


class Ring:
    """The last 64 keys, by where they stand. No key can be read from it."""

    __slots__ = ("_at", "_last")

    def __init__(self) -> None:
        self._last: deque[Place] = deque()
        self._at: dict[Place, int] = {}

    def neighbours(self, found: Place) -> tuple[bool, float]:
        """Whether one of the last keys is a neighbour, and the share of places around that have one as well."""
        series, bucket = found[0], found[1] // _WIDTH
        chance = sum(self._any(series, bucket + shift) for shift in _DECOYS)
        return self._any(series, bucket), chance / len(_DECOYS)

    def add(self, found: Place) -> None:
        """Remember a key instead of the oldest."""
        bucket = (found[0], found[1] // _WIDTH)
        self._last.append(bucket)
        self._at[bucket] = self._at.get(bucket, 0) + 1
        if len(self._last) > _RING:
            oldest = self._last.popleft()
            if self._at[oldest] == 1:
                del self._at[oldest]
            else:
                self._at[oldest] -= 1

    def _any(self, series: int, bucket: int) -> bool:
        at = self._at
        return (series, bucket) in at or (series, bucket - 1) in at or (series, bucket + 1) in at


class _Top:
    """The highest number of a series on the days before and today, how much it rose on the day that rose most."""

    __slots__ = ("before", "low", "rise", "today")

    def __init__(self, number: int) -> None:
        self.before: int | None = None
        self.low = self.today = number
        self.rise = 0


class Tops:
    """Where series of keys end, so that new records are told from old ones."""

    __slots__ = ("_series",)

    def __init__(self) -> None:
        self._series: dict[int, _Top] = {}

    def rises(self, found: Place) -> bool:
        """Whether a key is above all those of the days before, by no more than three days' usual rise."""
        series, number = found
        top = self._series.get(series)
        if top is None:
            if len(self._series) >= _SERIES_MAX:
                del self._series[next(iter(self._series))]
            self._series[series] = _Top(number)
            return False
        top.low = min(top.low, number)
        top.today = max(top.today, number)
        return top.before is not None and top.before < number <= top.before + 3 * top.rise

    def turn(self) -> None:
        """A day is over. What the first day rose by is not known: its whole span is taken for it."""
        for top in self._series.values():
            if top.before is None:
                top.rise = top.today - top.low
            else:
                top.rise = max(top.rise // 2, min(top.today - top.before, 3 * max(1, top.rise)))
            top.before = top.today


class _Chain:
    """Pages of which each follows the one before by as many keys, or some more, as that held records. A page read again
    that begins a little further on, as new records come in, begins a chain anew."""

    __slots__ = ("depth", "number", "records", "upwards")

    def __init__(self, number: int, records: int) -> None:
        self.number, self.records, self.depth, self.upwards = number, records, 1, True

    def follow(self, number: int, records: int) -> int:
        """The depth with a page after this number, which is near enough to be one of the chain's."""
        step = number - self.number
        onwards = self.depth == 1 or (step > 0) == self.upwards
        self.depth = self.depth + 1 if onwards and abs(step) >= self.records else 1
        self.number, self.records, self.upwards = number, max(1, records), step > 0
        return self.depth


class Pages:
    """How deep lists are read: by each client since it last began one, and, where positions hold numbers, by whoever
    reads on from where a page ended. The position of a page is its key; the first page has none."""

    __slots__ = ("_chains", "_depths")

    def __init__(self) -> None:
        self._depths: dict[str, int] = {}
        self._chains: deque[tuple[int, _Chain]] = deque(maxlen=_CHAINS_MAX)

    def follow(self, client: str, after: str, records: int) -> bool:
        """A page is read. True when it is deeper than those who look something up go."""
        if not after:
            self._depths.pop(client, None)
            return False
        depth = self._depths.pop(client, 0) + 1
        if len(self._depths) >= _CLIENTS_MAX:
            del self._depths[next(iter(self._depths))]
        self._depths[client] = depth
        return max(depth, self._chained(after, records)) >= _DEEP_PAGES

    def _chained(self, after: str, records: int) -> int:
        found = place(after)
        if found is None:
            return 0
        series, number = found
        near = [
            (abs(number - chain.number), chain)
            for known, chain in self._chains
            if known == series and abs(number - chain.number) <= _SPARSE * chain.records
        ]
        if near:
            return min(near, key=itemgetter(0))[1].follow(number, records)
        self._chains.append((series, _Chain(number, max(1, records))))
        return 1
