"""What of the interruptions of a window counts: what an excluded span covers does not, nor what is short, nor what is
free. Planned and unplanned ones are told apart by when they were announced."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from policies.settling.facts import FactFault, Facts, Interruption
from policies.settling.moments import span_of

NONE = timedelta(0)


class Stretch(Struct, frozen=True):
    """One interruption as it counts: from when, how long without what was excluded, and whether it was planned."""

    begins: datetime
    lasted: timedelta
    planned: bool


def interruption_fault(facts: Facts) -> FactFault | None:
    """The first wrong fact among the interruptions: each lies in the window, and no two at the same time."""
    if facts.interruptions is None:
        if facts.durations_s is not None:
            return None
        return FactFault("interruptions", "it is not said what interruptions there were; none is an empty list")
    found = sorted(enumerate(facts.interruptions), key=lambda each: _utc(each[1].from_))
    latest: tuple[int, Interruption] | None = None
    for index, each in found:
        where = f"interruptions[{index}]"
        if _utc(each.to) <= _utc(each.from_):
            return FactFault(f"{where}.to", "an interruption ends later than it begins")
        if _utc(each.from_) < _utc(facts.from_):
            return FactFault(f"{where}.from", "begins before the window: give the part that is in it")
        if _utc(each.to) > _utc(facts.to):
            return FactFault(f"{where}.to", "ends after the window: give the part that is in it")
        if latest is not None and _utc(each.from_) < _utc(latest[1].to):
            return FactFault(f"{where}.from", f"is at the time of interruptions[{latest[0]}]: no time counts twice")
        latest = (index, each)
    return None


def stretches(facts: Facts, causes: Iterable[str], notice: timedelta) -> list[Stretch]:
    """The interruptions in order of time, each without the parts that an excluded span of one of `causes` covers and
    those before or after the agreement was in force; planned is what was announced `notice` before it began. Where only
    durations are known, they are of unplanned ones, of which nothing is excluded."""
    if facts.interruptions is None:
        return [Stretch(_utc(facts.from_), span_of(each), planned=False) for each in facts.durations_s or ()]
    kinds = frozenset(causes)
    cuts = [(_utc(span.from_), _utc(span.to)) for span in facts.excluded if span.cause in kinds]
    if facts.deployed is not None:
        cuts += [(_utc(facts.from_), _utc(facts.deployed.from_)), (_utc(facts.deployed.to), _utc(facts.to))]
    found = []
    for each in sorted(facts.interruptions or (), key=lambda each: _utc(each.from_)):
        begins, ends = _utc(each.from_), _utc(each.to)
        left = uncovered(begins, ends, cuts)
        planned = each.announced is not None and _utc(each.announced) + notice <= begins
        found.append(Stretch(begins, left, planned))
    return found


def beyond_free(lasted: Sequence[Stretch], *, planned: bool, at_least: timedelta, free: timedelta) -> list[timedelta]:
    """How much of each planned (or unplanned) one counts: those shorter than `at_least` do not, and the first `free` of
    all together does not; only what is left of something is given."""
    counted, left = [], free
    for each in lasted:
        if each.planned is not planned or each.lasted < at_least or each.lasted <= NONE:
            continue
        taken = min(left, each.lasted)
        left -= taken
        if each.lasted > taken:
            counted.append(each.lasted - taken)
    return counted


def uncovered(begins: datetime, ends: datetime, cuts: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """How much of a span no cut covers; cuts may overlap."""
    left, at = NONE, begins
    for cut_begins, cut_ends in sorted(cuts):
        if cut_ends <= at:
            continue
        if cut_begins >= ends:
            break
        left += max(cut_begins - at, NONE)
        at = cut_ends
    return left + max(ends - at, NONE)


def _utc(moment: datetime) -> datetime:
    """Differences of moments in one zone would be those of its clocks."""
    return moment.astimezone(UTC)
