"""The engine against a second one that knows nothing of runs and spans: it looks at every minute by itself."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from policies.kinds.availability import Availability
from policies.settling.facts import Cause, Excluded, FactFault, Facts, Slice, Span
from policies.settling.settled import Settled

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EXAMPLES = settings(max_examples=50, deadline=None)
BANDS = [("99", 10), ("90", 25), ("50", 60)]


def clause(**changes: Any) -> Availability:
    values = {
        "id": "5.1",
        "text": {},
        "owed_by": "hub",
        "window": "month",
        "slice": "PT5M",
        "empty_slice": "good",
        "good": "status < 500",
        "exclude": ["force_majeure"],
        "credit": {
            "bands": [{"below": below, "percent": share} for below, share in BANDS],
            "cap_percent": "40.5",
            "minimum_exclusive": "1",
        },
    }
    made = msgspec.convert(values | changes, Availability)
    assert made.faults() == []
    return made


@st.composite
def spans(draw: st.DrawFn, minutes: int) -> tuple[int, int]:
    first = draw(st.integers(0, minutes - 1))
    return first, draw(st.integers(first + 1, minutes))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Availability, Facts]:
    """A clause of any method, and a window with slices, absences, exclusions and a time in force."""
    length = draw(st.sampled_from([1, 5, 15]))
    minutes = draw(st.integers(length, 40 * length))
    rules: dict[str, Any] = {
        "slice": f"PT{length}M",
        "empty_slice": draw(st.sampled_from(["good", "ignore", "bad"])),
        "missing_slice": draw(st.sampled_from(["good", "ignore", "bad"])),
        "excluded_slice": draw(st.sampled_from(["ignore", "good"])),
        "slice_requests_min": draw(st.sampled_from([1, 1, 3])),
        "per": draw(st.sampled_from(["all", "operation"])),
        "method": draw(st.sampled_from(["mean_of_slices", "downtime", "requests"])),
    }
    if rules["method"] == "downtime":
        rules["bad_slice"] = draw(st.sampled_from(["errors > 20", "errors >= 50", "good < 50", "good <= 0"]))
        rules["run_min"] = f"PT{length * draw(st.integers(1, 3))}M"
    deployed = draw(spans(minutes))
    missing = draw(st.lists(spans(minutes), max_size=2))
    excluded = draw(st.lists(spans(minutes), max_size=2))
    named: tuple[Cause, ...] = ("force_majeure", "announced_maintenance")
    causes = [draw(st.sampled_from(named)) for _ in excluded]
    last = -(-minutes // length) - 1
    places = st.tuples(st.integers(0, last), st.sampled_from(["list", "get"]))
    slices = []
    for index, operation in draw(st.sets(places, max_size=30)):
        if not (index * length < deployed[1] and deployed[0] < (index + 1) * length):
            continue
        total = draw(st.integers(0, 6))
        out = draw(st.integers(0, total))
        good = draw(st.integers(0, total - out))
        slices.append(Slice(START + index * length * MINUTE, total, good, out, operation))
    facts = Facts(
        from_=START,
        to=START + minutes * MINUTE,
        fee=draw(st.decimals(0, 1000, places=2)),
        slices=tuple(slices),
        missing=tuple(Span(START + a * MINUTE, START + b * MINUTE) for a, b in missing),
        excluded=tuple(
            Excluded(START + a * MINUTE, START + b * MINUTE, cause)
            for (a, b), cause in zip(excluded, causes, strict=True)
        ),
        deployed=Span(START + deployed[0] * MINUTE, START + deployed[1] * MINUTE),
    )
    return clause(**rules), facts


def number(moment: datetime) -> int:
    return (moment - START) // MINUTE


def minutes_of(spans_: Any) -> set[int]:
    return {minute for span in spans_ for minute in range(number(span.from_), number(span.to))}


def slices_by_hand(clause_: Availability, facts: Facts) -> dict[str, list[tuple[set[int], Fraction | None]]]:
    """By operation: of each slice its minutes in force, and the share it counts with, None when it is left out."""
    assert facts.deployed is not None
    assert facts.slices is not None
    length = clause_.slice // MINUTE
    deployed = minutes_of([facts.deployed])
    out = minutes_of(span for span in facts.excluded if span.cause in clause_.exclude)
    missing = minutes_of(facts.missing) - out
    counts_as = {"good": Fraction(1), "bad": Fraction(0), "ignore": None}
    operations = {each.operation for each in facts.slices} or {""} if clause_.per == "operation" else {""}
    found: dict[str, list[tuple[set[int], Fraction | None]]] = {}
    for operation in operations:
        rows = found.setdefault(operation, [])
        for first in range(0, number(facts.to), length):
            inside = set(range(first, min(first + length, number(facts.to)))) & deployed
            here = [
                each
                for each in facts.slices
                if number(each.start) == first and (clause_.per == "all" or each.operation == operation)
            ]
            total, kept = sum(each.total for each in here), sum(each.total - each.excluded for each in here)
            if not inside:
                rows.append((inside, None))
            elif kept >= clause_.slice_requests_min:
                rows.append((inside, Fraction(sum(each.good for each in here), kept)))
            elif total and not kept:
                rows.append((inside, counts_as[clause_.excluded_slice]))
            elif inside & missing:
                rows.append((inside, counts_as[clause_.missing_slice]))
            elif inside <= out:
                rows.append((inside, counts_as[clause_.excluded_slice]))
            else:
                rows.append((inside, counts_as[clause_.empty_slice]))
    return found


def bad_by_hand(rule: str, share: Fraction) -> bool:
    what, sign, limit = rule.split(" ")
    figure = (share if what == "good" else 1 - share) * 100
    level = Fraction(limit)
    return {">": figure > level, ">=": figure >= level, "<": figure < level, "<=": figure <= level}[sign]


def share_by_hand(clause_: Availability, facts: Facts) -> Fraction | None:
    if clause_.method == "requests":
        kept = sum(each.total - each.excluded for each in facts.slices or ())
        return Fraction(sum(each.good for each in facts.slices or ()), kept) if kept else None
    rows = slices_by_hand(clause_, facts)
    if clause_.method == "mean_of_slices":
        shares = [share for slices in rows.values() for _, share in slices if share is not None]
        return sum(shares, Fraction(0)) / len(shares) if shares else None
    base, down = set(), set()
    for slices in rows.values():
        for inside, share in slices:
            if share is None:
                continue
            base |= inside
            if bad_by_hand(clause_.bad_slice or "", share):
                down |= inside
    counted, run = 0, 0
    for minute in range(number(facts.to) + 1):
        if minute in down:
            run += 1
        else:
            counted += run if clause_.run_min is not None and run * MINUTE >= clause_.run_min else 0
            run = 0
    return Fraction(len(base) - counted, len(base)) if base else None


def credit_by_hand(share: Fraction | None, fee: Decimal) -> Decimal:
    if share is None:
        return Decimal("0.00")
    percent = max([credited for below, credited in BANDS if share * 100 < int(below)], default=0)
    owed = min(fee * percent / 100, fee * Decimal("40.5") / 100)
    return (owed if owed > 1 else Decimal(0)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def settled(clause_: Availability, facts: Facts) -> Settled:
    found = clause_.settle(facts)
    assert not isinstance(found, FactFault), found
    return found


@EXAMPLES
@given(worlds())
def test_both_engines_come_to_the_same(world: tuple[Availability, Facts]) -> None:
    clause_, facts = world
    found, share = settled(clause_, facts), share_by_hand(clause_, facts)
    assert facts.fee is not None
    assert found.verdict == ("unknown" if share is None else "missed" if share * 100 < 99 else "met")
    if share is None:
        assert found.measured is None
    else:
        assert found.measured is not None
        assert 0 <= share * 100 - Fraction(found.measured) < Fraction(1, 10**6)
    assert found.credit == credit_by_hand(share, facts.fee)


@EXAMPLES
@given(worlds(), st.data())
def test_one_call_more_that_fails_never_lessens_the_credit(
    world: tuple[Availability, Facts], data: st.DataObject
) -> None:
    clause_, facts = world
    hit = [index for index, each in enumerate(facts.slices or ()) if each.good]
    if not hit:
        return
    index = data.draw(st.sampled_from(hit))
    slices = list(facts.slices or ())
    slices[index] = replace(slices[index], good=slices[index].good - 1)
    worse = settled(clause_, replace(facts, slices=tuple(slices)))
    assert worse.credit >= settled(clause_, facts).credit


@EXAMPLES
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_facts_does_not_matter(world: tuple[Availability, Facts], random: Any) -> None:
    clause_, facts = world
    shuffled = {}
    for name in ("slices", "missing", "excluded"):
        values = list(getattr(facts, name))
        random.shuffle(values)
        shuffled[name] = tuple(values)
    assert settled(clause_, replace(facts, **shuffled)) == settled(clause_, facts)


@EXAMPLES
@given(worlds())
def test_a_credit_never_exceeds_its_caps(world: tuple[Availability, Facts]) -> None:
    clause_, facts = world
    found = settled(clause_, facts)
    assert facts.fee is not None
    assert found.credit <= facts.fee * Decimal("0.405") + Decimal("0.005")
    assert (found.capped_by == "cap_percent") == (found.percent == 60 and facts.fee > 0)
