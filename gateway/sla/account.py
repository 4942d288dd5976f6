"""The counts of one agreement version: by local day, and minute by minute for each lane; old days folded to months."""

from array import array
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from contracts.plan import Contract
from gateway.sla.calendar import LocalDay, day_at, day_of
from gateway.sla.counts import Counts, added
from gateway.sla.lanes import Lane, counts_as
from gateway.sla.latencies import Buckets, no_latencies, pack_latencies, unpack_latencies
from gateway.sla.minutes import LEFT_OUT, MINUTE_US, SLOW, Cell, Minutes
from gateway.sla.presence import Presence
from policies.clause import Meter


class Day:
    """One local day. `minutes[i]` counts lane i; None before its first exchange, and once the day is packed.
    `latencies` are those of reading and of writing, as long as the day is not packed."""

    __slots__ = ("counts", "from_us", "latencies", "local", "minutes", "packed", "packed_latencies", "until_us")

    def __init__(self, local: LocalDay, lanes: int) -> None:
        self.local = local
        self.from_us, self.until_us = local.from_us, local.until_us
        self.counts = Counts()
        self.minutes: list[Minutes | None] = [None] * lanes
        self.packed: dict[int, bytes] = {}
        self.latencies: list[Buckets | None] = [None, None]
        self.packed_latencies: list[bytes | None] = [None, None]

    def buckets(self, writes: int) -> Buckets:
        """The latencies of reading (0) or of writing (1), to count in."""
        found = self.latencies[writes]
        if found is None:
            packed = self.packed_latencies[writes]
            found = self.latencies[writes] = no_latencies() if packed is None else unpack_latencies(packed)
            self.packed_latencies[writes] = None
        return found

    def took(self, writes: int) -> "Buckets | None":
        """The same to look at; None when nothing was counted."""
        packed = self.packed_latencies[writes]
        return self.latencies[writes] if packed is None else unpack_latencies(packed)

    def room(self, index: int) -> Minutes:
        """The minutes of a lane, to count in."""
        found = self.minutes[index]
        if found is None:
            packed = self.packed.pop(index, None)
            found = Minutes((self.until_us - self.from_us) // MINUTE_US) if packed is None else Minutes.unpack(packed)
            self.minutes[index] = found
        return found

    def read(self, index: int) -> Minutes | None:
        """The minutes of a lane, to look at; None when nothing was counted."""
        if index >= len(self.minutes):
            return None
        packed = self.packed.get(index)
        return self.minutes[index] if packed is None else Minutes.unpack(packed)

    def pack(self) -> None:
        """Make it small. Packed before it is let go, so that whoever reads from another thread finds one of them."""
        for index, found in enumerate(self.minutes):
            if found is not None:
                self.packed[index] = found.pack()
                self.minutes[index] = None
        for writes, buckets in enumerate(self.latencies):
            if buckets is not None:
                self.packed_latencies[writes] = pack_latencies(buckets)
                self.latencies[writes] = None


class Part(NamedTuple):
    """The minutes from `first` to `until`, exclusive, of the day that begins at `from_us`; those before and behind are
    among `totals` as well. `noted` is what gateway/sla/minutes.py says of them: (minute, column, count)."""

    from_us: int
    first: int
    until: int
    noted: list[tuple[int, int, int]]
    totals: "array[int]"


class Account:
    """Everything counted under one agreement version.

    `first_us` and `latest_us` are the times of the earliest and the latest exchange, None before there is one;
    `clients` are all that called, `called` (service, operation) of the partner's API that were; `unfinished` counts
    changes whose intent a replayed log holds and not the outcome; `undelivered` counts records that were taken back
    because the disk did not confirm them in time. `activated_us` is when the log first says that the agreement came
    into force, None when it does not; `presence` says when the hub was there, None: always. `meters` are those that
    lanes are counted for, by the id of their clause; `kept` is what gateway/sla/result.py has made of it lately.
    Reading changes nothing, so that metrics may be read from another thread.
    """

    def __init__(
        self,
        contract: Contract,
        lanes: Iterable[tuple[Lane, Meter]],
        *,
        keep_days: int,
        presence: Presence | None = None,
    ) -> None:
        self.contract = contract
        self.zone = ZoneInfo(contract.time_zone)
        self.lanes: list[Lane] = []
        self.meters: dict[str, Meter] = {}
        self.kept: dict[str, Any] = {}
        self.first_us: int | None = None
        self.latest_us: int | None = None
        self.activated_us: int | None = None
        self.presence = presence
        self.clients: set[str] = set()
        self.called: set[tuple[str, str]] = set()
        self.unfinished = self.undelivered = 0
        self._late = 0
        self.days: dict[int, Day] = {}
        self.months: dict[str, Counts] = {}
        self._keep_days = keep_days
        self._newest = 0
        self._late_day: Day | None = None
        self.adopt(contract, lanes)
        self.day = Day(LocalDay(0, 0, 0), 0)  # holds no moment: the first exchange turns to its own day

    def adopt(self, contract: Contract, lanes: Iterable[tuple[Lane, Meter]]) -> None:
        """Go on under recompiled plans. A lane that counts otherwise than before begins anew."""
        self.contract = contract
        for lane, meter in lanes:
            self.meters[meter.clause.id] = meter
            self.index_of(lane)

    @property
    def late(self) -> int:
        """Exchanges that came after their day had been folded: in their month's counts, and in no meter."""
        return self._late + (self._late_day.counts.requests if self._late_day else 0)

    def index_of(self, lane: Lane) -> int:
        """Where a lane's minutes are in each day; made when it is new."""
        if lane not in self.lanes:
            self.lanes.append(lane)
            late = [self._late_day] if self._late_day else []
            for day in (*self.days.values(), *late):
                day.minutes += [None] * (len(self.lanes) - len(day.minutes))
        return self.lanes.index(lane)

    def lanes_of(self, meter: Meter) -> list[tuple[int, Lane]]:
        """The lanes that a meter counts in as it is now, with where they are."""
        return [(index, lane) for index, lane in enumerate(self.lanes) if counts_as(lane, meter)]

    def day_of(self, time_us: int) -> Day:
        """The day that holds a moment, made the current one."""
        day = self.day
        return day if day.from_us <= time_us < day.until_us else self.turn(time_us)

    def turn(self, time_us: int) -> Day:
        """Make the day of `time_us` the current one, pack the one before, and fold what has become too old to keep."""
        self._settle_late()
        if self.day.local.ordinal < self._newest - 1:
            self.day.pack()
        local = day_of(time_us, self.zone)
        day = self.days.get(local.ordinal)
        if day is None:
            day = Day(local, len(self.lanes))
            if local.ordinal <= self._newest - self._keep_days:
                self._late_day = day
            else:
                self.days[local.ordinal] = day
                if local.ordinal > self._newest:
                    # Yesterday stays open while exchanges that began before midnight still end.
                    self._pack(before=self._newest)
                    self._newest = local.ordinal
                    self._fold()
        self.day = day
        return day

    def counts(self, first: int, last: int) -> Counts:
        """Counts of the kept days from one ordinal to another, both included."""
        return added(day.counts for ordinal, day in list(self.days.items()) if first <= ordinal <= last)

    def took(self, first: int, last: int, writes: int) -> list[Buckets]:
        """Latencies of reading (0) or of writing (1) on the kept days from one ordinal to another, both included."""
        days = [day for ordinal, day in list(self.days.items()) if first <= ordinal <= last]
        return [buckets for day in days if (buckets := day.took(writes)) is not None]

    def total(self) -> Counts:
        """Counts of all time."""
        days = [*self.days.values(), *([self._late_day] if self._late_day else [])]
        return added([*list(self.months.values()), *(day.counts for day in days)])

    def cells(self, index: int, from_us: int, until_us: int) -> Iterator[tuple[int, Cell]]:
        """(start in Unix microseconds, counts) of the minutes of a lane that begin in a span and have any, in order."""
        thresholds = len(self.lanes[index].thresholds_us)
        for _, day in sorted(self.days.items()):
            if day.until_us <= from_us or day.from_us >= until_us:
                continue
            minutes = day.read(index)
            if minutes is None:
                continue
            for minute, cell in minutes.cells(thresholds):
                start_us = day.from_us + minute * MINUTE_US
                if from_us <= start_us < until_us:
                    yield start_us, cell

    def parts(self, index: int, from_us: int, until_us: int) -> Iterator[Part]:
        """The days of a lane that have minutes which begin in a span, in order."""
        for _, day in sorted(self.days.items()):
            if day.until_us > from_us and day.from_us < until_us and (minutes := day.read(index)) is not None:
                first = max(0, -((day.from_us - from_us) // MINUTE_US))
                until = min(len(minutes.totals), -((day.from_us - until_us) // MINUTE_US))
                # Copied before the totals are read: an answer is in those before it is said to be a bad one.
                yield Part(day.from_us, first, until, minutes.noted(first, until), minutes.totals)

    def window(self, meter: Meter, from_us: int, until_us: int) -> tuple[int, int]:
        """(total, good) of a meter over the whole minutes that begin in a span."""
        total = bad = 0
        for index, lane in self.lanes_of(meter):
            slow = None if meter.within_us is None else SLOW + lane.thresholds_us.index(meter.within_us)
            for part in self.parts(index, from_us, until_us):
                bad += sum(count for _, column, count in part.noted if column < LEFT_OUT or column == slow)
                total += sum(part.totals[part.first : part.until])
        return total, total - bad

    def local_day(self, time_us: int) -> LocalDay:
        """The day of this agreement's time zone that holds a moment."""
        return day_of(time_us, self.zone)

    def day_at(self, ordinal: int) -> LocalDay:
        """The day of this agreement's time zone with an ordinal."""
        return day_at(ordinal, self.zone)

    def _pack(self, before: int) -> None:
        for ordinal, day in self.days.items():
            if ordinal < before:
                day.pack()

    def _fold(self) -> None:
        for ordinal in [ordinal for ordinal in self.days if ordinal <= self._newest - self._keep_days]:
            self._into_month(self.days.pop(ordinal))

    def _settle_late(self) -> None:
        day, self._late_day = self._late_day, None
        if day is not None:
            self._into_month(day)
            self._late += day.counts.requests

    def _into_month(self, day: Day) -> None:
        self.months[day.local.month] = added((self.months.get(day.local.month, Counts()), day.counts))
