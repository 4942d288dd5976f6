"""A counter of calls, records, bytes or different people in a calendar period."""

from collections.abc import Set as AbstractSet
from typing import cast

from policies.calendar_window import Calendar, calendar_of
from policies.limit import Charge, Moment, Quota, Standing
from policies.seed import QuotaSeed, Seed

_SECOND_US = 1_000_000


class QuotaCounter:
    """What is used in the period from `start_us` to `end_us`; of people, who has been counted in it already."""

    __slots__ = ("calendar", "end_us", "members", "start_us", "used")

    def __init__(self) -> None:
        self.calendar: Calendar | None = None
        self.start_us = self.end_us = self.used = 0
        self.members: set[bytes] = set()

    def bind(self, charge: Charge) -> "QuotaCharge":
        """This counter for one charge."""
        of_people = cast(Quota, charge.limit).unit == "subjects"
        return PeopleCharge(self, charge) if of_people else QuotaCharge(self, charge)

    def turn(self, limit: Quota, time_us: int) -> None:
        """Go on in the period that it is now.

        What was used is forgotten when the period it was used in has ended. It is carried over into one that overlaps
        with it: a reload made the clause's period another. A clock that went back stays in the period it had reached.
        """
        self.calendar = calendar_of(limit.period, limit.zone)
        start_us, end_us = self.calendar.window_us(time_us)
        if self.end_us <= start_us:
            self.used = 0
            self.members = set()
        elif end_us <= self.start_us:
            return
        self.start_us, self.end_us = start_us, end_us

    def charge_past(self, charge: Charge, at: Moment) -> None:
        """Charge what happened, unless its period has ended by what is known here."""
        limit = cast(Quota, charge.limit)
        calendar = calendar_of(limit.period, limit.zone)
        if not self.start_us <= at.time_us < self.end_us or self.calendar is not calendar:
            if calendar.window_us(at.time_us)[1] <= self.start_us:
                return
            self.turn(limit, at.time_us)
        self.add(charge.amount, charge.members)

    def add(self, amount: int, members: AbstractSet[bytes]) -> None:
        """So much more, and these people if they are new."""
        if members:
            before = len(self.members)
            self.members |= members
            amount = max(0, amount) + len(self.members) - before
        if amount > 0:
            self.used += amount

    def release(self, hold: str) -> None:
        """What was used was used."""

    def idle(self, now_ns: int, time_us: int) -> bool:
        """Its period has ended."""
        return self.end_us <= time_us

    def seed(self, key: str, at: Moment) -> Seed | None:
        """The period and what is used in it."""
        if not self.used or self.idle(at.monotonic_ns, at.time_us):
            return None
        start_s, end_s = self.start_us // _SECOND_US, self.end_us // _SECOND_US
        return QuotaSeed(key, start_s, end_s, self.used, frozenset(self.members))

    def adopt(self, seed: Seed, at: Moment) -> None:
        """The later of two periods; where they overlap, more used and everybody."""
        if not isinstance(seed, QuotaSeed):
            return
        start_us, end_us = seed.start_s * _SECOND_US, seed.end_s * _SECOND_US
        if end_us <= self.start_us:
            return
        if self.end_us <= start_us:
            self.used = 0
            self.members = set()
        self.members |= seed.members
        self.used = max(self.used, seed.used, len(self.members))
        self.start_us, self.end_us = max((self.start_us, self.end_us), (start_us, end_us))


class QuotaCharge:
    """A quota's counter with what a call counts against it."""

    __slots__ = ("amount", "calendar", "count", "counter", "limit")

    def __init__(self, counter: QuotaCounter, charge: Charge) -> None:
        limit = cast(Quota, charge.limit)
        self.counter, self.limit = counter, limit
        self.amount, self.count = max(0, charge.amount), limit.limit
        self.calendar = calendar_of(limit.period, limit.zone)

    def wait_ns(self, now_ns: int, time_us: int, hold: str) -> int:
        """Until the next period begins, when this one has no room for it. Of nothing, something must be left."""
        counter = self.counter
        if not counter.start_us <= time_us < counter.end_us or counter.calendar is not self.calendar:
            counter.turn(self.limit, time_us)
        if counter.used + (self.amount or 1) <= self.count:
            return 0
        return (counter.end_us - time_us) * 1000

    def take(self, now_ns: int, time_us: int, hold: str) -> Standing:
        """Charge it."""
        counter = self.counter
        used = counter.used = counter.used + self.amount
        return Standing(self.limit, self.count - used, (counter.end_us - time_us) * 1000 if used else 0)

    def standing(self, now_ns: int, time_us: int) -> Standing:
        """What is left of the period, and how long it lasts. Time does not go on here: what is read is not decided."""
        used, end_us = self._now(time_us)
        reset_ns = (end_us - time_us) * 1000 if used else 0
        return Standing(self.limit, max(0, self.count - used), reset_ns)

    def _now(self, time_us: int) -> tuple[int, int]:
        """(used, end) of the period that a decision would be in."""
        counter = self.counter
        if counter.start_us <= time_us < counter.end_us and counter.calendar is self.calendar:
            return counter.used, counter.end_us
        start_us, end_us = self.calendar.window_us(time_us)
        if counter.end_us <= start_us:
            return 0, end_us
        return counter.used, max(end_us, counter.end_us) if end_us <= counter.start_us else end_us


class PeopleCharge(QuotaCharge):
    """A quota of different people. Who is counted already costs nothing; `amount` are people without a handle."""

    __slots__ = ("members",)

    def __init__(self, counter: QuotaCounter, charge: Charge) -> None:
        super().__init__(counter, charge)
        self.members = charge.members

    def wait_ns(self, now_ns: int, time_us: int, hold: str) -> int:
        """As of any quota, for those who are not counted yet; of nobody, nothing need be left."""
        counter = self.counter
        if not counter.start_us <= time_us < counter.end_us or counter.calendar is not self.calendar:
            counter.turn(self.limit, time_us)
        new = self.amount
        if self.members:
            new += len(self.members - counter.members)
        if not new or counter.used + new <= self.count:
            return 0
        return (counter.end_us - time_us) * 1000

    def take(self, now_ns: int, time_us: int, hold: str) -> Standing:
        """Count them, and know them from now on."""
        counter = self.counter
        counter.add(self.amount, self.members)
        reset_ns = (counter.end_us - time_us) * 1000 if counter.used else 0
        return Standing(self.limit, self.count - counter.used, reset_ns)

    def standing(self, now_ns: int, time_us: int) -> Standing:
        """How many different people are left, and who of the charge's is counted already."""
        used, end_us = self._now(time_us)
        known = frozenset(self.members & self.counter.members) if used else frozenset()
        return Standing(self.limit, max(0, self.count - used), (end_us - time_us) * 1000 if used else 0, known)
