"""Generated scrapers: each kind does its work among the normal use of a partner, or from its first day on."""

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import TypeAlias

from bench.traces import (
    DAY_US,
    DECLARED,
    HOUR_US,
    MINUTE_US,
    NORMAL,
    Call,
    Trace,
    World,
    at,
    missing,
    records_of,
    walk_pages,
)

HISTORY_DAYS = 21
LASTS_US = 2 * DAY_US

Scraper: TypeAlias = Callable[[World, int], list[Call]]
"""All calls of a scraper that begins at a moment, for two days at most."""


def sequential_fast(world: World, begin_us: int) -> list[Call]:
    """Key after key, two a second, for as long as it is let."""
    first = world.random.randrange(len(world.owned) // 2)
    return _numbers(world, begin_us, range(world.owned[first], world.owned[first] + 3_000), 500_000)


def low_and_slow(world: World, begin_us: int) -> list[Call]:
    """Key after key of the partner's own, one in a hundred of the base an hour, with the pauses of a person."""
    return _slowly(world, begin_us, world.owned)


def backwards(world: World, begin_us: int) -> list[Call]:
    """From the latest to the oldest, some left out."""
    kept = [number for number in reversed(world.owned) if world.random.random() < 0.7]
    return _slowly(world, begin_us, kept)


def shuffled_windows(world: World, begin_us: int) -> list[Call]:
    """Forty at a time, in any order."""
    keys = []
    for first in range(0, len(world.owned), 40):
        window = world.owned[first : first + 40]
        world.random.shuffle(window)
        keys += window
    return _slowly(world, begin_us, keys)


def shuffled(world: World, begin_us: int) -> list[Call]:
    """All of the base in no order at all."""
    return _slowly(world, begin_us, world.random.sample(world.owned, len(world.owned)))


def over_clients(world: World, begin_us: int) -> list[Call]:
    """The walk of one hundredth an hour, shared out to five clients."""
    calls = _slowly(world, begin_us, world.owned)
    return [
        Call(each.time_us, each.operation, f"app-{number % 5}", each.key, each.people, each.records, each.status)
        for number, each in enumerate(calls)
    ]


def guessing(world: World, begin_us: int) -> list[Call]:
    """Any number, sixty an hour: one in some is the partner's."""
    owned, calls, when = set(world.owned), [], begin_us
    while when < begin_us + LASTS_US:
        number = world.random.randrange(1, world.top)
        calls.append(world.get(when, number) if number in owned else missing(when, number))
        when += int(world.random.expovariate(60) * HOUR_US) + 1_000_000
    return calls


def at_night(world: World, begin_us: int) -> list[Call]:
    """Three hundred an hour from one to four in the night, in no order."""
    night: int = (begin_us - at(0, 0)) // DAY_US + 1
    calls: list[Call] = []
    for hour in (1, 2, 3):
        numbers = world.random.sample(world.owned, min(300, len(world.owned) // 4))
        calls += [world.get(at(night, hour + world.random.random()), number) for number in numbers]
    return sorted(calls, key=lambda call: call.time_us)


def paging(world: World, begin_us: int) -> list[Call]:
    """The list, a page every few minutes."""
    return walk_pages(world, begin_us, 4 * MINUTE_US, "app")


def undeclared_sync(world: World, begin_us: int) -> list[Call]:
    """A bulk read each night that nobody declared."""
    night = (begin_us - at(0, 0)) // DAY_US + 1
    return [*walk_pages(world, at(night, 2), 4_000_000), *walk_pages(world, at(night + 1, 2), 4_000_000)]


def patient(world: World, begin_us: int) -> list[Call]:
    """In no order, and only a fifth of a hundredth of the base an hour: among the hardest to tell from work."""
    return _slowly(world, begin_us, world.random.sample(world.owned, len(world.owned)), part=500)


SCRAPERS: Mapping[str, Scraper] = {
    "sequential-fast": sequential_fast,
    "low-and-slow": low_and_slow,
    "backwards": backwards,
    "shuffled-windows": shuffled_windows,
    "shuffled": shuffled,
    "over-clients": over_clients,
    "guessing": guessing,
    "at-night": at_night,
    "paging": paging,
    "undeclared-sync": undeclared_sync,
    "patient": patient,
}
NIGHTLY = ("at-night", "undeclared-sync")
"""They begin in the night after the trace says."""
EXPECTED: Mapping[str, tuple[str, ...]] = {
    "distinct-subjects": ("low-and-slow", "backwards", "shuffled-windows", "shuffled", "over-clients"),
    "sequential-keys": (
        "sequential-fast",
        "low-and-slow",
        "backwards",
        "shuffled-windows",
        "over-clients",
        "paging",
        "undeclared-sync",
    ),
    "not-found-share": ("sequential-fast", "guessing"),
    "off-hours": ("at-night", "undeclared-sync"),
    "unusual-volume": ("sequential-fast", "paging", "undeclared-sync"),
}
"""Which scrapers each detector is there for."""


def scraping(seed: str, character: str, scraper: str, history_days: int = HISTORY_DAYS) -> Trace:
    """A partner that begins to scrape after some days of normal use, 0 for one that begins with it."""
    day_of, about = NORMAL[character]
    begin_us = at(history_days, random.Random(f"{seed} begin").uniform(7, 20))  # noqa: S311 - a simulation

    def played() -> Iterator[list[Call]]:
        world = World(seed, records_of(seed, about))
        scraped: list[Call] | None = None
        for day in range(history_days + 3):
            calls = day_of(world, day)
            if day == history_days:
                scraped = SCRAPERS[scraper](world, begin_us)
            until_us = at(day + 1, 0)
            calls += [call for call in scraped or () if call.time_us < until_us]
            scraped = None if scraped is None else [call for call in scraped if call.time_us >= until_us]
            yield sorted(calls, key=lambda call: call.time_us)

    kind = character.split("-", maxsplit=1)[0]
    name = f"{character} {scraper} after {history_days} days {seed}"
    return Trace(name, character, scraper, begin_us, DECLARED[kind], 0, played)


def _numbers(world: World, begin_us: int, numbers: range, pause_us: int) -> list[Call]:
    """Numbers one after the other, whether they are the partner's or not."""
    owned = set(world.owned)
    times = range(begin_us, begin_us + len(numbers) * pause_us, pause_us)
    return [
        world.get(when, number) if number in owned else missing(when, number)
        for when, number in zip(times, numbers, strict=True)
    ]


def _slowly(world: World, begin_us: int, numbers: list[int], part: int = 100) -> list[Call]:
    """So many an hour that the base would take `part` of them; pauses as people make them, for two days."""
    draw, mean_h = world.random, part / len(world.owned)
    times = [float(begin_us)]
    while times[-1] < begin_us + LASTS_US and len(times) <= len(numbers):
        times.append(times[-1] + draw.lognormvariate(0, 0.8) / 1.377 * mean_h * HOUR_US)
    return [world.get(int(when), number) for (when, _), number in zip(pairwise(times), numbers, strict=False)]
