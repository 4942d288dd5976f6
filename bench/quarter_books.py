"""What the simulated quarter comes to by its own books: plain sums over minutes, no code of the gateway or of clauses.

The numbers below are those of quarter_policy.yaml, written a second time on purpose.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Final, NamedTuple

from bench.quarter_log import Books
from bench.quarter_world import MINUTE_S, Party, Reported, World

_MONTHS: Final = {"01": 31, "02": 28, "03": 31}
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


class Owed(NamedTuple):
    """A clause in a month: the figure as a statement writes it, whether it was missed, and what is credited."""

    measured: str
    missed: bool
    credit: str


class _Month(NamedTuple):
    """One agreement in one month, from its first minute of the simulation to its last, exclusive.

    `active` is the first minute in which it was in force.
    """

    party: Party
    begin: int
    end: int
    active: int


def expected(made: World, books: Books) -> Mapping[tuple[str, str, str], Owed]:
    """What is owed, by agreement, clause and month."""
    found: dict[tuple[str, str, str], Owed] = {}
    for party in made.parties:
        prior = Fraction(0)
        for number, month in enumerate(made.months):
            begin = made.local_midnight_min(party.zone, month)
            end = made.local_midnight_min(party.zone, _following(month))
            active = made.local_midnight_min(party.zone, made.months[0]) + party.activated_min
            window = _Month(party, begin, end, active)
            sums = _Sums(made, books, window)
            first = sums.availability(cap=Fraction(12, 100) * Fraction(party.fee) * (number + 1) - prior)
            prior += Fraction(first.credit)
            for clause, owed in {
                "5.1": first,
                "5.2": sums.response_time(),
                "5.3": sums.error_rate(),
                "5.4": sums.downtime(),
                "6.1": sums.interruption(),
                "6.2": sums.correction(),
            }.items():
                found[party.name, clause, month] = owed
    return found


def _following(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


class _Sums:
    def __init__(self, made: World, books: Books, month: _Month) -> None:
        self._made, self._month, self._books = made, month, books
        self._book = books.books[month.party.name]
        self._works = self._announced("maintenance", early=True)
        self._flood = self._announced("force_majeure", early=False)

    def availability(self, cap: Fraction) -> Owed:
        """The mean of five minutes each; announced maintenance and force majeure are left out."""
        good, count = Fraction(0), 0
        sums: dict[int, int] = {}
        out = self._works | self._flood
        for start in range(self._month.begin, self._month.end, 5):
            minutes = [m for m in range(start, min(start + 5, self._month.end)) if m >= self._month.active]
            kept = [m for m in minutes if m not in out]
            total = sum(self._book.total[m] for m in kept)
            if total:
                sums[total] = sums.get(total, 0) + total - sum(self._book.bad[m] for m in kept)
            elif not kept or any(self._book.total[m] for m in minutes):
                continue
            elif all(self._books.present[m] for m in kept):
                good += 1
            count += 1
        share = (good + sum((Fraction(each, total) for total, each in sums.items()), Fraction(0))) / count * 100
        percent = _band(share, ("99.95", 10), ("99.0", 25), ("95.0", 100))
        amount = min(self._fee * percent / 100, max(cap, Fraction(0)))
        return Owed(_down(share), share < Fraction("99.95"), _money(amount if amount > 1 else Fraction(0)))

    def response_time(self) -> Owed:
        """The share of all calls that were good and in time."""
        total, in_time = 0, 0
        for m in self._in_force():
            if m not in self._works and m not in self._flood:
                total += self._book.total[m]
                in_time += self._book.total[m] - self._book.bad[m] - self._book.slow[m]
        share = Fraction(in_time, total) * 100
        percent = _band(share, ("99.5", 3), ("98", "7.5"))
        return Owed(_down(share), share < Fraction("99.5"), _money(self._fee * percent / 100))

    def error_rate(self) -> Owed:
        """The share of errors among all calls, whatever was announced."""
        total = sum(self._book.total[m] for m in self._in_force())
        rate = Fraction(sum(self._book.bad[m] for m in self._in_force()), total) * 100
        percent = 4 if rate > Fraction("1.5") else 1 if rate > Fraction("0.5") else 0
        return Owed(_up(rate), rate > Fraction("0.5"), _money(self._fee * percent / 100))

    def downtime(self) -> Owed:
        """Minutes in which more than half of the calls failed or the hub was not there, five or more in a row."""
        base = down = run = 0
        for m in self._in_force():
            total, out = self._book.total[m], m in self._flood
            if out:
                is_bad = None
            elif total:
                is_bad = self._book.bad[m] * 2 > total
            else:
                is_bad = not self._books.present[m]
            base += is_bad is not None
            if is_bad:
                run += 1
            else:
                down, run = down + (run if run >= 5 else 0), 0
        down += run if run >= 5 else 0
        share = Fraction(base - down, base) * 100
        percent = _band(share, ("99.9", 5), ("99", 15))
        return Owed(_down(share), share < Fraction("99.9"), _money(self._fee * percent / 100))

    def interruption(self) -> Owed:
        """Minutes without a record, and what was suspended; half an hour planned and an hour unplanned is free."""
        spans = [(m * MINUTE_S, (m + 1) * MINUTE_S) for m in self._in_force() if not self._books.present[m]]
        begin, end = self._in_force()[0] * MINUTE_S, self._month.end * MINUTE_S
        for name, since, until in self._made.suspended:
            if name == self._month.party.name and since < end and until > begin:
                spans.append((max(since, begin), min(until, end)))
        counted = []
        free = {True: 1800, False: 3600}
        for since, until in _joined(spans):
            planned = since // MINUTE_S in self._works
            assert planned == ((until - 1) // MINUTE_S in self._works), "the simulation keeps them apart"
            if until - since >= 180:
                taken = min(free[planned], until - since)
                free[planned] -= taken
                counted.append(until - since - taken)
        percent = sum(ceil(Fraction(each, 1800)) for each in counted) * Fraction("0.7")
        credit = self._fee * min(percent, Fraction(3)) / 100
        return Owed(str(sum(counted)), sum(counted) > 0, _money(credit))

    def correction(self) -> Owed:
        """Deadlines of the month that were missed: four hours to acknowledge, two days to correct."""
        breaches = 0
        for reported in self._made.reported:
            if reported.agreement == self._month.party.name:
                breaches += sum(
                    self._month.begin * MINUTE_S <= due < self._month.end * MINUTE_S and (done is None or done > due)
                    for due, done in _deadlines(reported)
                )
        percent = min(breaches * Fraction("0.35"), Fraction(10))
        return Owed(str(breaches), breaches > 0, _money(self._fee * percent / 100))

    @property
    def _fee(self) -> Fraction:
        return Fraction(self._month.party.fee)

    def _in_force(self) -> range:
        return range(max(self._month.begin, self._month.active), self._month.end)

    def _announced(self, kind: str, *, early: bool) -> frozenset[int]:
        """The minutes of what was announced, those of maintenance only if that was before it began."""
        return frozenset(
            minute
            for notice in self._made.notices
            if notice.kind == kind and (not early or notice.announced_min <= notice.from_min)
            for minute in range(notice.from_min, notice.until_min)
        )


def _deadlines(reported: Reported) -> Iterable[tuple[int, int | None]]:
    """(when it was due, when it was done) for acknowledging and correcting; none of a report that was rejected."""
    steps = dict(reported.steps)
    if "correction-rejected" in steps:
        return
    begun, fixed = steps["correction-reported"], steps.get("correction-fixed")
    reopened = steps.get("correction-reopened")
    paused = 0 if reopened is None else reopened - min(at for name, at in reported.steps if name == "correction-fixed")
    answered = [at for name, at in reported.steps if name in ("correction-acknowledged", "correction-fixed")]
    yield begun + 4 * _HOUR_S, min(answered, default=None)
    yield begun + 2 * _DAY_S + paused, fixed


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _band(share: Fraction, *bands: tuple[str, int | str]) -> Fraction:
    """The worst band that a share is below."""
    return max((Fraction(percent) for below, percent in bands if share < Fraction(below)), default=Fraction(0))


def _down(value: Fraction) -> str:
    return f"{floor(value * 10**6) / Decimal(10**6):.6f}"


def _up(value: Fraction) -> str:
    return f"{ceil(value * 10**6) / Decimal(10**6):.6f}"


def _money(amount: Fraction) -> str:
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return str(exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN))
