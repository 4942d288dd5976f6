"""Draws people, places and choices with given shares from one seeded stream of random numbers."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple, TypeVar

from gateway.demo.words import GIVEN_NAMES, PLACES, ROADS, SURNAMES

T = TypeVar("T")

TODAY: Final = date(2026, 10, 31)
"""The day on which the demo's data were taken: fixed, so that the same seed gives the same bytes."""
_MOBILE_PREFIXES = ("138", "139", "150", "158", "177", "186", "189", "199")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECK = "10X98765432"


class Person(NamedTuple):
    """A customer as the hub knows them."""

    name_zh: str
    name_en: str
    phone: str
    id_number: str
    bank_account: str
    province: str
    city: str
    street: str


def stream(seed: int, name: str) -> Random:
    """Random numbers of one data set, independent of what the others draw."""
    return Random(f"{seed}/{name}")  # noqa: S311 - reproducible data, no secret


def pick(random: Random, choices: Sequence[T]) -> T:
    """One of `choices`, each as likely: what Random.choice does, in a third of the time."""
    return choices[int(random.random() * len(choices))]


def shared_out(random: Random, shares: Sequence[tuple[str, int]], count: int) -> list[str]:
    """`count` codes in random order of appearance, each about as often as its share in percent says."""
    return random.choices([code for code, _ in shares], cum_weights=list(accumulate(n for _, n in shares)), k=count)


def people(seed: int, count: int) -> list[Person]:
    """Invented customers."""
    random = stream(seed, "people")
    return [_person(random) for _ in range(count)]


def _person(random: Random) -> Person:
    surname, given, place = pick(random, SURNAMES), pick(random, GIVEN_NAMES), pick(random, PLACES)
    born = date(1962, 1, 1) + timedelta(days=int(random.random() * 14_600))
    return Person(
        name_zh=surname[0] + given[0],
        name_en=f"{surname[1]} {given[1]}",
        phone=mobile(random),
        id_number=_id_number(f"{place[2]}{born:%Y%m%d}{int(random.random() * 1000):03d}"),
        bank_account=f"622700{int(random.random() * 10**13):013d}",
        province=place[0],
        city=place[1],
        street=f"{pick(random, ROADS)}{1 + int(random.random() * 899)}号",
    )


def mobile(random: Random) -> str:
    """A Chinese mobile number: eleven digits."""
    return f"{pick(random, _MOBILE_PREFIXES)}{int(random.random() * 10**8):08d}"


def _id_number(digits: str) -> str:
    """An ID number of the right form (GB 11643) whose check digit is one off, so that it can be nobody's."""
    right = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, digits, strict=True)) % 11
    return digits + _ID_CHECK[(right + 1) % 11]


def moment(day: date, minutes: int) -> str:
    """`minutes` after the start of `day`, as an RFC 3339 timestamp in China's time zone."""
    return (datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)).isoformat() + "+08:00"  # noqa: DTZ001
