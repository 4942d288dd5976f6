"""Generated traffic of partners, in simulated days: the characters of normal use. bench/scrapers.py adds scrapers.

Everything follows from the seed. People are 16 bytes of a hash, keys are numbered as most systems number them, and a
partner owns only some of the numbers.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

ZONE = "Asia/Shanghai"
MONDAY_US = 1_772_380_800_000_000
"""2026-03-02 00:00 in ZONE, a Monday."""
MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
PAGE = 200
MONTH_ENDS = (28, 29)
"""Days, counted from the first: 30 and 31 March."""


class Call(Struct, frozen=True, gc=False):
    """An exchange as the watcher is told of it."""

    time_us: int
    operation: str
    client: str
    key: str
    people: frozenset[bytes]
    records: int
    status: int


class World:
    """A base of records of which the partner owns some. `owned` are their numbers, rising; new ones are added."""

    def __init__(self, seed: str, records: int, *, one_in: int = 3, sharing: int = 1) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a simulation
        self.seed, self.one_in, self.sharing = seed, one_in, sharing
        self.top = self.random.randrange(1_000, 90_000)
        self.owned: list[int] = []
        self.follow_up: list[tuple[int, int]] = []
        self.create(records)

    def create(self, records: int) -> list[int]:
        """New records of the partner; others are created in between."""
        new = []
        for _ in range(records):
            self.top += self.random.randint(1, 2 * self.one_in - 1)
            new.append(self.top)
        self.owned += new
        return new

    def person(self, number: int) -> bytes:
        return person(self.seed, number // self.sharing)

    def get(self, time_us: int, number: int, client: str = "app") -> Call:
        """One record asked for, that is there."""
        return Call(time_us, "get", client, key_of(number), frozenset([self.person(number)]), 1, 200)

    def page(self, time_us: int, numbers: list[int], after: str = "", client: str = "app") -> Call:
        """A page of a list."""
        people = frozenset(map(self.person, numbers))
        return Call(time_us, "list", client, after, people, len(numbers), 200)


def missing(time_us: int, number: int, client: str = "app") -> Call:
    """One record asked for that is not there, or not the partner's."""
    return Call(time_us, "get", client, key_of(number), frozenset(), 0, 404)


def key_of(number: int) -> str:
    return f"SHP-{number:08d}"


@lru_cache(maxsize=200_000)
def person(seed: str, number: int) -> bytes:
    """A handle."""
    return hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=16).digest()


Day: TypeAlias = Callable[[World, int], list[Call]]
"""A day's calls of a partner, the day counted from the first."""


def at(day: int, hours: float) -> int:
    """Unix microseconds of an hour of a day."""
    return MONDAY_US + day * DAY_US + int(hours * HOUR_US)


def dispatcher(world: World, day: int) -> list[Call]:
    """Polls for new shipments every ten minutes of a working day, reads each when it comes and some times later."""
    draw, calls = world.random, []
    share = (1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.05)[day % 7]
    new = world.create(int(draw.uniform(0.7, 1.3) * len(world.seed) * 6 * share))
    latest = world.owned[-40:]
    for minute in range(6 * 60, 20 * 60, 10):
        asked_us = at(day, minute / 60) + draw.randrange(MINUTE_US)
        calls.append(world.page(asked_us, latest))
        if draw.random() < 0.2:
            calls.append(world.page(asked_us + 3_000_000, world.owned[-80:-40], key_of(latest[0])))
    for number in new:
        when = draw.triangular(6, 20, 10)
        calls.append(world.get(at(day, when), number))
        world.follow_up += [(number, day + draw.randint(0, 3)) for _ in range(draw.randint(1, 4))]
    calls += [world.get(at(day, draw.uniform(6, 20)), number) for number, due in world.follow_up if due == day]
    world.follow_up = [each for each in world.follow_up if each[1] > day]
    return calls


def bank(world: World, day: int) -> list[Call]:
    """Checks the loans that are due in the morning, in the order of keys or of amounts; four times as many, into the
    evening, at the end of a month."""
    draw = world.random
    if day % 7 >= 5:
        return []
    month_end = day in MONTH_ENDS
    due = world.owned[day % 22 :: 22] + draw.sample(world.owned, 30)
    if month_end:
        due = due + draw.sample(world.owned, 3 * len(due))
    if len(world.seed) % 2:
        due.sort()
    until = 21.5 if month_end else 11.5
    hours = sorted(draw.uniform(9, until) for _ in due)
    return [world.get(at(day, hour), number) for hour, number in zip(hours, due, strict=True)]


def dealer(world: World, day: int) -> list[Call]:
    """Looks up what its customers come with: bursts at any time of the working day, some Saturdays, some busy days."""
    draw, calls = world.random, []
    if day % 7 == 6 or (day % 7 == 5 and draw.random() < 0.7):
        return []
    bursts = draw.choice([2, 3, 3, 4, 5, 12])
    for _ in range(bursts):
        begin = draw.uniform(9, 17.5)
        for number in draw.sample(world.owned, draw.randint(5, 30)):
            calls.append(world.get(at(day, begin + draw.expovariate(3)), number))
            if draw.random() < 0.02:
                calls.append(missing(at(day, begin), draw.randrange(world.top)))
    return calls


def repairer(world: World, day: int) -> list[Call]:
    """A few look-ups, a few mistyped keys, and one that it asks for every five minutes until it is there."""
    draw = world.random
    if day % 7 == 6:
        return []
    calls = [
        world.get(at(day, draw.uniform(8, 18)), number) for number in draw.sample(world.owned, draw.randint(10, 60))
    ]
    calls += [missing(at(day, draw.uniform(8, 18)), draw.randrange(world.top)) for _ in range(draw.randint(0, 4))]
    if draw.random() < 0.4:
        begin, awaited = draw.uniform(8, 14), world.top + draw.randint(1, 50)
        calls += [missing(at(day, begin + step / 12), awaited) for step in range(draw.randint(5, 40))]
    return calls


def warehouse(world: World, day: int) -> list[Call]:
    """Works in three shifts on what came in lately."""
    draw, calls = world.random, []
    world.create(80)
    for hour in range(24):
        calls.append(world.page(at(day, hour + draw.random()), world.owned[-60:]))
        numbers = draw.sample(world.owned[-500:], draw.randint(15, 30))
        calls += [world.get(at(day, hour + draw.random()), number) for number in numbers]
    return calls


def nightly(world: World, day: int) -> list[Call]:
    """A dealer that also copies everything that is its own, every night from two, as its agreement declares."""
    return dealer(world, day) + walk_pages(world, at(day, 2) + world.random.randrange(10 * MINUTE_US), 4_000_000)


def walk_pages(world: World, begin_us: int, pause_us: int, client: str = "sync") -> list[Call]:
    """A list from its first page to its last."""
    calls, after = [], ""
    for first in range(0, len(world.owned), PAGE):
        numbers = world.owned[first : first + PAGE]
        calls.append(world.page(begin_us + first // PAGE * pause_us, numbers, after, client))
        after = key_of(numbers[-1])
    return calls


def with_holidays(day_of: Day) -> Day:
    """A week off from the second Wednesday, and then everything that was left lying, twice as much on two days."""

    def day_calls(world: World, day: int) -> list[Call]:
        if 9 <= day < 14:
            return []
        calls = day_of(world, day)
        return calls + day_of(world, day) if day in (14, 15) else calls

    return day_calls


NORMAL: Mapping[str, tuple[Day, int]] = {
    "dispatcher": (dispatcher, 3_000),
    "bank": (bank, 1_500),
    "dealer": (dealer, 4_000),
    "repairer": (repairer, 1_000),
    "warehouse": (warehouse, 2_000),
    "nightly": (nightly, 6_000),
    "dispatcher-holidays": (with_holidays(dispatcher), 3_000),
    "dealer-holidays": (with_holidays(dealer), 4_000),
}
"""Each character's days, and about how many records it has."""
DECLARED = {"dispatcher": 5_000, "bank": 1_000, "dealer": 500, "repairer": 300, "warehouse": 2_000, "nightly": 1_000}
"""Calls a day that their agreements declare."""


class Trace(Struct, frozen=True):
    """The traffic of one partner. `scraper` names the kind of scraping that begins at `begin_us`, "" for none.

    `bulk_records` are declared for each night from 2 to 4 o'clock, 0 for no declaration.
    """

    name: str
    character: str
    scraper: str
    begin_us: int
    requests_per_day: int
    bulk_records: int
    days: Callable[[], Iterator[list[Call]]]


def normal(seed: str, character: str, days: int) -> Trace:
    """A partner that does nothing but its work."""
    day_of, records = NORMAL[character]
    kind = character.split("-", maxsplit=1)[0]

    def played() -> Iterator[list[Call]]:
        world = World(seed, records_of(seed, records))
        for day in range(days):
            yield sorted(day_of(world, day), key=lambda call: call.time_us)

    bulk = int(records_of(seed, records) * 1.2) if kind == "nightly" else 0
    return Trace(f"{character} {seed}", character, "", 0, DECLARED[kind], bulk, played)


def records_of(seed: str, about: int) -> int:
    """Half to twice as many."""
    return int(about * random.Random(f"{seed} size").uniform(0.5, 2))  # noqa: S311 - a simulation
