"""Slices of a window: which of them count, how, and what they add up to. Exact, and independent of their order.

A slice is known by its number from the beginning of the window. Those that the facts list are looked at one by one, all
others in runs of equals, so that the length of a window costs nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from policies.settling.facts import Excluded, FactFault, Facts, Slice, Span
from policies.settling.moments import MICROSECOND, microseconds

_NONE: Final = timedelta(0)

Standing: TypeAlias = Literal["judged", "empty", "missing", "excluded", "outside"]
"""What a slice is: with enough requests to be judged; without; without while the hub was not there; left out because
all in it is excluded; of a time in which the agreement was not in force."""
EmptyRule: TypeAlias = Literal["good", "ignore", "bad"]
ExcludedRule: TypeAlias = Literal["ignore", "good"]


class Rules(Struct, frozen=True, kw_only=True):
    """How slices count. `operations` None: those of all requests."""

    slice: timedelta
    empty: EmptyRule
    missing: EmptyRule
    excluded: ExcludedRule
    requests_min: int
    """A slice with fewer requests counts as one without."""
    per_operation: bool = False
    operations: frozenset[str] | None = None
    causes: frozenset[str] = frozenset()
    """Causes of spans that the clause leaves out."""


class Run(Struct, frozen=True, gc=False):
    """`count` slices in a row from number `first` on that stand alike; one alone where it has requests, unless all that
    are in a row are good."""

    first: int
    count: int
    standing: Standing
    total: int = 0
    good: int = 0


class Window(Struct, frozen=True):
    """The slices of one operation, or of all, over a window, in order, and how long each is."""

    slice_us: int
    length_us: int
    deployed_us: tuple[int, int]
    runs: tuple[Run, ...]

    def lasting_us(self, run: Run) -> int:
        """How much of a run lies in the window and in the time in which the agreement was in force."""
        begin = max(run.first * self.slice_us, self.deployed_us[0])
        end = min((run.first + run.count) * self.slice_us, self.deployed_us[1])
        return max(0, end - begin)


class Counted(Struct, frozen=True):
    """All that was counted: the slices of each operation, and the requests of the window."""

    windows: tuple[Window, ...]
    total: int
    good: int
    excluded: int

    def number(self, standing: Standing) -> int:
        """How many slices stand so."""
        return sum(run.count for window in self.windows for run in window.runs if run.standing == standing)


def counted(facts: Facts, rules: Rules) -> Counted | FactFault:
    """The slices of the facts as the rules count them; a fault where one cannot be."""
    if facts.slices is None:
        return FactFault("slices", "is missing: the requests of each slice")
    places = _Places(facts, rules.slice)
    listed: dict[str, dict[int, Slice]] = {}
    total = good = excluded = 0
    for number, slice_ in enumerate(facts.slices):
        operation = slice_.operation
        if rules.operations is not None and operation and operation not in rules.operations:
            continue
        index = places.index_of(slice_)
        if index is None:
            return _fault(facts, rules.slice, number, slice_)
        mine = listed.get(operation)
        if mine is None:
            mine = listed[operation] = {}
        if index in mine:
            return FactFault(f"slices[{number}].start", "the same slice is there twice")
        mine[index] = slice_
        total += slice_.total
        good += slice_.good
        excluded += slice_.excluded
    groups = listed if rules.per_operation else {"": _together(list(listed.values()))}
    layout = _Layout(facts, rules)
    windows = tuple(layout.window(slices) for _, slices in sorted((groups or {"": {}}).items()))
    return Counted(windows, total - excluded, good, excluded)


def _together(listed: list[dict[int, Slice]]) -> dict[int, Slice]:
    """The slices of all operations added up."""
    if len(listed) == 1:
        return listed[0]
    found: dict[int, Slice] = {}
    for index, slice_ in (pair for slices in listed for pair in slices.items()):
        known = found.get(index)
        if known is not None:
            sums = (getattr(known, name) + getattr(slice_, name) for name in ("total", "good", "excluded"))
            found[index] = Slice(slice_.start, *sums)
        else:
            found[index] = slice_
    return found


def mean_share(counted_: Counted, rules: Rules) -> Fraction | None:
    """The mean of the shares of good requests over all slices that count; None where none does."""
    by_total: Counter[int] = Counter()
    count = good = 0
    for run in (run for window in counted_.windows for run in window.runs):
        as_good = counts_as(run, rules)
        if as_good is None:
            continue
        count += run.count
        if run.standing == "judged" and run.good < run.total:
            by_total[run.total] += run.good
        else:
            good += run.count * as_good
    if not count:
        return None
    return (good + _sum([(sum_, total) for total, sum_ in by_total.items() if sum_])) / count


def counts_as(run: Run, rules: Rules) -> int | None:
    """1 for a slice that counts as wholly good, 0 as wholly bad, None for one left out; 1 for one that is judged."""
    rule: dict[Standing, EmptyRule | ExcludedRule] = {
        "judged": "good",
        "empty": rules.empty,
        "missing": rules.missing,
        "excluded": rules.excluded,
        "outside": "ignore",
    }
    return {"good": 1, "bad": 0, "ignore": None}[rule[run.standing]]


class _Layout:
    """Where the spans of the facts lie among the slices."""

    def __init__(self, facts: Facts, rules: Rules) -> None:
        self._start_us = microseconds(facts.from_)
        self._rules = rules
        self._slice_us = rules.slice // MICROSECOND
        self._length_us = microseconds(facts.to) - self._start_us
        self._deployed = self._merged([facts.deployed]) if facts.deployed else [(0, self._length_us)]
        left_out = self._merged(span for span in facts.excluded if span.cause in rules.causes)
        missing = self._merged(facts.missing)
        self._missing = _without(_within(missing, self._deployed), left_out)
        self._counting = _without(self._deployed, left_out)

    def window(self, slices: dict[int, Slice]) -> Window:
        """Every slice of the window, in order."""
        runs = tuple(self._runs(slices))
        deployed = self._deployed[0] if self._deployed else (0, 0)
        return Window(self._slice_us, self._length_us, deployed, runs)

    def _runs(self, slices: dict[int, Slice]) -> Iterator[Run]:
        listed = sorted(index for index, slice_ in slices.items() if slice_.total)
        position = 0
        for begin, end, standing in self._segments():
            at = begin
            while position < len(listed) and (index := listed[position]) < end:
                if index > at:
                    yield Run(at, index - at, standing)
                at, total = index, 0
                while position < len(listed) and listed[position] == at < end and (kept := self._good(slices[at])):
                    at, position, total = at + 1, position + 1, total + kept
                if at > index:
                    yield Run(index, at - index, "judged", total, total)
                else:
                    yield self._one(index, standing, slices[index])
                    at, position = index + 1, position + 1
            if end > at:
                yield Run(at, end - at, standing)

    def _good(self, slice_: Slice) -> int:
        """How many requests a slice has that are all good and enough to judge it by; 0: it is no such slice."""
        kept = slice_.total - slice_.excluded
        return kept if slice_.good == kept >= self._rules.requests_min else 0

    def _one(self, index: int, standing: Standing, slice_: Slice) -> Run:
        kept = slice_.total - slice_.excluded
        if not kept:
            return Run(index, 1, "excluded")
        if kept < self._rules.requests_min:
            return Run(index, 1, standing)
        return Run(index, 1, "judged", kept, slice_.good)

    def _segments(self) -> list[tuple[int, int, Standing]]:
        """How slices without requests stand, as runs of numbers that follow each other and cover the window."""
        slices = -(-self._length_us // self._slice_us)
        edges = {0, slices}
        for spans in (self._deployed, self._missing, self._counting):
            for begin, end in spans:
                for edge in (begin, end):
                    edges |= {edge // self._slice_us, -(-edge // self._slice_us)}
        ordered = sorted(edge for edge in edges if 0 <= edge <= slices)
        missing, counting, deployed = (
            _Overlap(spans, self._slice_us) for spans in (self._missing, self._counting, self._deployed)
        )
        found: list[tuple[int, int, Standing]] = []
        for begin, end in pairwise(ordered):
            standing: Standing = "excluded"
            if not deployed.touches(begin):
                standing = "outside"
            elif missing.touches(begin):
                standing = "missing"
            elif counting.touches(begin):
                standing = "empty"
            found.append((begin, end, standing))
        return found

    def _merged(self, spans: Iterable[Span | Excluded]) -> list[tuple[int, int]]:
        """Spans as microseconds of the window, in order, cut to it, none touching another."""
        return merged(
            (
                max(0, microseconds(span.from_) - self._start_us),
                min(self._length_us, microseconds(span.to) - self._start_us),
            )
            for span in spans
        )


class _Overlap:
    """Asked for slices in order: whether any of the spans reaches into one."""

    def __init__(self, spans: list[tuple[int, int]], slice_us: int) -> None:
        self._spans, self._slice_us, self._at = spans, slice_us, 0

    def touches(self, index: int) -> bool:
        begin, end = index * self._slice_us, (index + 1) * self._slice_us
        while self._at < len(self._spans) and self._spans[self._at][1] <= begin:
            self._at += 1
        return self._at < len(self._spans) and self._spans[self._at][0] < end


class _Places:
    """Where slices lie in the period: their numbers."""

    def __init__(self, facts: Facts, slice_: timedelta) -> None:
        self._from, self._slice = _utc(facts.from_), slice_
        self._length = _utc(facts.to) - self._from
        self._deployed: tuple[timedelta, timedelta] | None = None
        if (span := facts.deployed) is not None:
            self._deployed = (_utc(span.from_) - self._from - slice_, _utc(span.to) - self._from)

    def index_of(self, fact: Slice) -> int | None:
        """Its number, None for one that is nonsense."""
        start = fact.start
        lapse = (start if start.tzinfo is UTC else _utc(start)) - self._from
        if not _NONE <= lapse < self._length or fact.good + fact.excluded > fact.total:
            return None
        index, rest = divmod(lapse, self._slice)
        if rest or (fact.total and self._deployed is not None and not self._deployed[0] < lapse < self._deployed[1]):
            return None
        return index


def _fault(facts: Facts, slice_: timedelta, number: int, fact: Slice) -> FactFault:
    """What is wrong with a slice that is nonsense."""
    path, lapse = f"slices[{number}]", _utc(fact.start) - _utc(facts.from_)
    if fact.excluded > fact.total:
        return FactFault(f"{path}.excluded", f"{fact.excluded} are excluded of {fact.total}")
    if fact.good > fact.total - fact.excluded:
        kept = fact.total - fact.excluded
        return FactFault(f"{path}.good", f"{fact.good} are good of {kept}, which is the total without what is excluded")
    if not _NONE <= lapse < _utc(facts.to) - _utc(facts.from_):
        return FactFault(f"{path}.start", "lies outside the period that the facts are of")
    if lapse % slice_:
        return FactFault(f"{path}.start", "is not the beginning of a slice, counted from the beginning of the period")
    return FactFault(f"{path}.start", "lies outside the time in which the agreement was in force")


def _utc(moment: datetime) -> datetime:
    """The same moment in UTC, for there no clock change comes between two. Raises TypeError for one without offset."""
    if moment.tzinfo is None:
        raise TypeError(f"{moment} says no offset from UTC")
    return moment.astimezone(UTC)


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, none empty, none touching another."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _within(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of spans that lie in others."""
    found = [(max(a, c), min(b, d)) for a, b in spans for c, d in others]
    return sorted((begin, end) for begin, end in found if begin < end)


def _without(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of spans that lie in none of the others; both are in order and do not overlap."""
    found, first = [], 0
    for begin, end in spans:
        at = begin
        while first < len(others) and others[first][1] <= begin:
            first += 1
        following = first
        while following < len(others) and others[following][0] < end:
            taken_from, taken_to = others[following]
            if taken_from > at:
                found.append((at, taken_from))
            at = max(at, taken_to)
            following += 1
        if at < end:
            found.append((at, end))
    return found


def _sum(terms: list[tuple[int, int]]) -> Fraction:
    """Pairwise, so that denominators grow together: adding one by one takes quadratic time."""
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        rest = terms[len(terms) & ~1 :]
        terms = [(a * d + c * b, b * d) for (a, b), (c, d) in pairs] + rest
    return Fraction(*terms[0]) if terms else Fraction(0)
