"""The counts of one agreement version: by local day, and by slice for each meter; old days folded into months."""

from array import array
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from contracts.plan import Contract
from gateway.sla.calendar import LocalDay, day_at, day_of
from gateway.sla.counts import Counts, added
from gateway.sla.shares import Shares, joined, shares_of
from policies.clause import Meter

_NOTHING = Shares()


class Day:
    """One local day. `slices[i]` holds total and good of each slice of meter i, alternating; None before the first."""

    __slots__ = ("added_up", "counts", "from_us", "local", "slices", "until_us")

    def __init__(self, local: LocalDay, meters: int) -> None:
        self.local = local
        self.from_us, self.until_us = local.from_us, local.until_us
        self.counts = Counts()
        self.slices: list[array[int] | None] = [None] * meters
        self.added_up: dict[int, tuple[int, Shares]] = {}

    def room(self, index: int, slice_s: int) -> "array[int]":
        """The slices of a meter, made when its first exchange of the day comes."""
        slices = self.slices[index]
        if slices is None:
            slices = self.slices[index] = array("q", bytes(16 * self.local.slices(slice_s)))
        return slices

    def shares(self, index: int) -> Shares:
        """What the slices of one meter add up to; kept until another exchange is counted."""
        slices = self.slices[index] if index < len(self.slices) else None
        if slices is None:
            return _NOTHING
        requests, shares = self.added_up.get(index, (-1, _NOTHING))
        if requests != self.counts.requests:
            shares = shares_of(zip(slices[::2], slices[1::2], strict=True))
            self.added_up[index] = (self.counts.requests, shares)
        return shares


class Month:
    """What is left of the days that were folded: their counts, and their shares by clause id."""

    __slots__ = ("counts", "shares")

    def __init__(self) -> None:
        self.counts = Counts()
        self.shares: dict[str, Shares] = {}


class Account:
    """Everything counted under one agreement version.

    `first_us` and `latest_us` are the times of the earliest and the latest exchange, None before there is one;
    `clients` are all that called; `unfinished` counts changes whose intent a replayed log holds and not the outcome;
    `undelivered` counts records that were taken back because the disk did not confirm them in time.
    Reading changes nothing, so that metrics may be read from another thread.
    """

    def __init__(self, contract: Contract, meters: Iterable[Meter], *, keep_days: int) -> None:
        self.contract = contract
        self.zone = ZoneInfo(contract.time_zone)
        self.meters: list[Meter] = []
        self.first_us: int | None = None
        self.latest_us: int | None = None
        self.clients: set[str] = set()
        self.unfinished = self.undelivered = 0
        self._late = 0
        self.days: dict[int, Day] = {}
        self.months: dict[str, Month] = {}
        self._keep_days = keep_days
        self._newest = 0
        self._late_day: Day | None = None
        self.adopt(contract, meters)
        self.day = Day(LocalDay(0, 0, 0), 0)  # holds no moment: the first exchange turns to its own day

    def adopt(self, contract: Contract, meters: Iterable[Meter]) -> None:
        """Go on under recompiled plans. A meter that counts otherwise than before begins anew."""
        self.contract = contract
        for meter in meters:
            if meter not in self.meters:
                self.meters.append(meter)
        for day in self.days.values():
            day.slices += [None] * (len(self.meters) - len(day.slices))

    @property
    def late(self) -> int:
        """Exchanges that came after their day had been folded: in their month's counts, and in no meter."""
        return self._late + (self._late_day.counts.requests if self._late_day else 0)

    def index_of(self, meter: Meter) -> int:
        """Where a meter's slices are in each day."""
        return self.meters.index(meter)

    def day_of(self, time_us: int) -> Day:
        """The day that holds a moment, made the current one."""
        day = self.day
        return day if day.from_us <= time_us < day.until_us else self.turn(time_us)

    def turn(self, time_us: int) -> Day:
        """Make the day of `time_us` the current one, and fold what has become too old to keep."""
        self._settle_late()
        local = day_of(time_us, self.zone)
        day = self.days.get(local.ordinal)
        if day is None:
            day = Day(local, len(self.meters))
            if local.ordinal <= self._newest - self._keep_days:
                self._late_day = day
            else:
                self.days[local.ordinal] = day
                if local.ordinal > self._newest:
                    self._newest = local.ordinal
                    self._fold()
        self.day = day
        return day

    def counts(self, first: int, last: int) -> Counts:
        """Counts of the kept days from one ordinal to another, both included."""
        return added(day.counts for ordinal, day in list(self.days.items()) if first <= ordinal <= last)

    def total(self) -> Counts:
        """Counts of all time."""
        days = [*self.days.values(), *([self._late_day] if self._late_day else [])]
        return added([*(month.counts for month in list(self.months.values())), *(day.counts for day in days)])

    def shares(self, meter: Meter, first: int, last: int) -> Shares:
        """What a meter's slices add up to over the kept days from one ordinal to another, both included."""
        if meter not in self.meters:
            return _NOTHING
        index = self.index_of(meter)
        return joined(day.shares(index) for ordinal, day in list(self.days.items()) if first <= ordinal <= last)

    def local_day(self, time_us: int) -> LocalDay:
        """The day of this agreement's time zone that holds a moment."""
        return day_of(time_us, self.zone)

    def day_at(self, ordinal: int) -> LocalDay:
        """The day of this agreement's time zone with an ordinal."""
        return day_at(ordinal, self.zone)

    def _fold(self) -> None:
        for ordinal in [ordinal for ordinal in self.days if ordinal <= self._newest - self._keep_days]:
            day = self.days.pop(ordinal)
            month = self._month(day)
            month.counts = added((month.counts, day.counts))
            for index, meter in enumerate(self.meters):
                parts = (month.shares.get(meter.clause.id, _NOTHING), day.shares(index))
                month.shares[meter.clause.id] = joined(parts)

    def _settle_late(self) -> None:
        day, self._late_day = self._late_day, None
        if day is not None:
            month = self._month(day)
            month.counts = added((month.counts, day.counts))
            self._late += day.counts.requests

    def _month(self, day: Day) -> Month:
        return self.months.setdefault(day.local.month, Month())
