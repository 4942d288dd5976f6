"""What deciding on limits costs in this process, beside one update of a dictionary. `python -m bench.limits`.

Times move with the machine and its neighbours; the ratio to an update measured in the same second hardly does. Each
figure is the best of several batches, taken in turns. What a shared store costs: bench/limits_redis.py.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from policies.counters import Counters
from policies.limit import Charge, Decision, InFlight, Limit, Moment, Period, Quota, Rate, Unit
from policies.reference import ClauseRef, Enforce

Batch: TypeAlias = Callable[[int], int]
"""So many turns, and the nanoseconds that they took."""
ROUNDS, TURNS = 200, 500
PLENTY = 10**12
"""Of quotas: never used up while measuring."""
SIX = "six limits: two rates, two quotas, one in flight, one rate that observes"


def rate(number: str, limit: int, window_s: int, enforce: Enforce = "refuse") -> Rate:
    """At most `limit` in any `window_s`, all of them at once if wanted."""
    clause = ClauseRef("bench", "1.0.0", number, "rate_limit", {})
    return Rate(
        clause=clause,
        key=f"bench/{number}",
        per="partner",
        limit=limit,
        on_outage="refuse",
        enforce=enforce,
        window_ns=window_s * 1_000_000_000,
        burst=limit,
    )


def quota(number: str, unit: Unit, period: Period) -> Quota:
    """A quota in Shanghai that is never used up."""
    clause = ClauseRef("bench", "1.0.0", number, "quota", {})
    return Quota(
        clause=clause,
        key=f"bench/{number}",
        per="partner",
        limit=PLENTY,
        on_outage="refuse",
        cost=1 if unit == "calls" else 0,
        unit=unit,
        period=period,
        zone="Asia/Shanghai",
    )


def in_flight(number: str, limit: int = 1000) -> InFlight:
    """At most so many at once."""
    clause = ClauseRef("bench", "1.0.0", number, "concurrency", {})
    return InFlight(clause=clause, key=f"bench/{number}", per="partner", limit=limit, on_outage="refuse")


def six() -> tuple[Limit, ...]:
    """What a plan with every kind of counted limit has."""
    return (
        rate("4.1", 1_000_000, 1),
        rate("4.2", 1_000_000, 1),
        quota("5.1", "calls", "day"),
        quota("5.2", "records", "month"),
        in_flight("6.1"),
        rate("4.3", 1_000_000, 1, enforce="observe"),
    )


def charges_of(limits: Sequence[Limit]) -> tuple[Charge, ...]:
    """One call against each, as gateway/limits/charging.py has them."""
    return tuple(Charge(limit.key, limit, limit.cost) for limit in limits)


def best_us(*batches: Batch) -> list[float]:
    """Microseconds a turn for each, the best of ROUNDS batches in turns: the quietest moment of a busy machine."""
    rounds = [[batch(TURNS) / TURNS / 1000 for batch in batches] for _ in range(ROUNDS)]
    return [min(column) for column in zip(*rounds, strict=True)]


def awaited(decide: Callable[[], Awaitable[Decision]]) -> Batch:
    """A batch of decisions, awaited from a coroutine as the exchange does; none suspends, so there is no event loop."""

    async def turns(count: int) -> int:
        started_ns = time.perf_counter_ns()
        for _ in range(count):
            await decide()
        return time.perf_counter_ns() - started_ns

    def batch(count: int) -> int:
        try:
            turns(count).send(None)
        except StopIteration as done:
            return int(done.value)
        raise TypeError("it suspended")

    return batch


def deciding(limits: Sequence[Limit], beforehand: int = 0) -> Batch:
    """One decision after the other, on the clock as it is; so many before anything is measured."""
    counters, charges = Counters(), charges_of(limits)
    monotonic_ns, time_us = time.monotonic_ns, time.time_ns() // 1000
    batch = awaited(lambda: counters.decide(charges, Moment(time_us, monotonic_ns()), "exchange"))
    batch(beforehand)
    return batch


def used_up(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """The same limits, but for the second, a rate: ten calls an hour."""
    first, second, *others = limits
    if not isinstance(second, Rate):
        raise TypeError("the second limit is no rate")
    return first, replace(second, limit=10, burst=10, window_ns=3_600_000_000_000), *others


def settling() -> Batch:
    """What is counted after masking: records, and fifty people who are counted already."""
    people = frozenset(number.to_bytes(16) for number in range(50))
    records, subjects = quota("5.2", "records", "month"), quota("5.3", "subjects", "month")
    counters, at = Counters(), Moment(time.time_ns() // 1000, time.monotonic_ns())

    def decide() -> Awaitable[Decision]:
        charges = [Charge(records.key, records, 50), Charge(subjects.key, subjects, 0, people)]
        return counters.decide(charges, at)

    return awaited(decide)


def updating(count: int) -> int:
    """Updates of a dictionary: what no counting can do without."""
    counts = {"bench/4.1": 0}
    started_ns = time.perf_counter_ns()
    for _ in range(count):
        counts["bench/4.1"] += 1
    return time.perf_counter_ns() - started_ns


def main() -> None:
    """Print the table."""
    steps = [
        ("one rate", deciding(six()[:1])),
        (SIX, deciding(six())),
        ("the same six, refused by one of them", deciding(used_up(six()), beforehand=10)),
        ("records and 50 known people, after masking", settling()),
    ]
    print("| decision | us | ratio to one dictionary update |")
    print("|---|---:|---:|")
    for name, batch in steps:
        work_us, bare_us = best_us(batch, updating)
        print(f"| {name} | {work_us:.2f} | {work_us / bare_us:.0f} |")


if __name__ == "__main__":
    main()
