"""What a counter knows, as a plain value: to be carried from one engine to another, and into a store that forgot.

Seeds are views of counters that several processes count on together, so two of the same key are merged and not added:
of what both know, the larger stands. Merging is commutative, associative and idempotent: a seed that comes twice, or
from every worker, counts once, and nothing that one of them knows is ever given away. Times are Unix time, for
monotonic clocks of two processes have nothing in common.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeVar

from msgspec import Struct

KeyT = TypeVar("KeyT")


class RateSeed(Struct, frozen=True, tag="rate"):
    """A counter of `Rate`.

    `calls` are (time in microseconds, what it counted), oldest first. Who knows only how much was used, not when, gives
    one: all of it at the latest time it may have been. `arrival_us` is GCRA's theoretical arrival time, rounded up; 0
    when it is past. Merged, as much counts since any moment as the one says that says more; the later arrival stands.
    """

    key: str
    calls: tuple[tuple[int, int], ...]
    arrival_us: int = 0


class QuotaSeed(Struct, frozen=True, tag="quota"):
    """A counter of `Quota`: what is `used` in the period from `start_s` to `end_s` (exclusive), Unix seconds.

    For a quota of subjects `used` counts people with and without a handle; `members` are the handles known here, which
    may be fewer. Merged, the later period stands and what was used in one that had ended when it began is forgotten;
    where they overlap, more used and everybody's handles.
    """

    key: str
    start_s: int
    end_s: int
    used: int
    members: frozenset[bytes] = frozenset()


class InFlightSeed(Struct, frozen=True, tag="in-flight"):
    """A counter of `InFlight`: (exchange, Unix microseconds until which it counts if nobody ends it), by exchange.

    Merged, everything that anybody holds, each until the later time.
    """

    key: str
    holds: tuple[tuple[str, int], ...]


Seed: TypeAlias = RateSeed | QuotaSeed | InFlightSeed


def merged(seeds: Iterable[Seed]) -> tuple[Seed, ...]:
    """One seed for each key. Of seeds of two kinds with one key, which no plan makes, the last stands."""
    found: dict[str, Seed] = {}
    for seed in seeds:
        known = found.get(seed.key)
        found[seed.key] = seed if known is None else _merge(known, seed)
    return tuple(found.values())


def _merge(one: Seed, other: Seed) -> Seed:
    match one, other:
        case RateSeed(), RateSeed():
            return RateSeed(one.key, larger_calls(one.calls, other.calls), max(one.arrival_us, other.arrival_us))
        case QuotaSeed(), QuotaSeed():
            return _later(one, other)
        case InFlightSeed(), InFlightSeed():
            return InFlightSeed(one.key, tuple(sorted(later(dict(one.holds), dict(other.holds)).items())))
    return other


def larger_calls(one: Iterable[tuple[int, int]], other: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Calls of which, since any moment, there are as many as in the one of the two that has more since then."""
    sums = [0, 0]
    counted, calls = 0, []
    both = [(time, cost, 0) for time, cost in one] + [(time, cost, 1) for time, cost in other]
    for time, cost, side in sorted(both, reverse=True):
        sums[side] += cost
        more = max(sums) - counted
        if more > 0:
            counted += more
            calls.append((time, more))
    return tuple(reversed(calls))


def later(one: Mapping[KeyT, int], other: Mapping[KeyT, int]) -> dict[KeyT, int]:
    """Both, each with the later time."""
    return {**one, **{key: max(time, one.get(key, time)) for key, time in other.items()}}


def _later(one: QuotaSeed, other: QuotaSeed) -> QuotaSeed:
    first, last = sorted((one, other), key=lambda seed: (seed.start_s, seed.end_s))
    if first.end_s <= last.start_s:
        return last
    members = first.members | last.members
    return QuotaSeed(last.key, last.start_s, last.end_s, max(first.used, last.used, len(members)), members)
