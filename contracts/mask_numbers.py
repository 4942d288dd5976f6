"""Whether raw values are numbers, asked of a whole page at once.

A number with a fraction is decoded raw, to keep its text, and raw means anything. JSON tells by single characters:
what is no number and no null has a quote, a bracket, a brace, or the letters of true and false in it.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from operator import attrgetter
from typing import Any, TypeAlias

from msgspec import UNSET, Raw, UnsetType

Numbers: TypeAlias = Iterable[Raw | UnsetType]
Collect: TypeAlias = Callable[[list[Any]], Numbers]
"""The raw numbers in some values of one type, each of them there and not null; absent numbers as UNSET."""

_OF_NUMBERS = b"0123456789+-.eE"


def are_numbers(values: Numbers) -> bool:
    """Whether each of these JSON values is a number, null or absent."""
    text = b"".join([value for value in values if value is not UNSET])
    return not text.translate(None, _OF_NUMBERS).replace(b"null", b"")


def themselves(values: list[Any]) -> Numbers:
    """The collector of numbers."""
    return values


def of_items(item: Collect) -> Collect:
    """The collector of arrays."""
    return lambda arrays: item(_held(chain.from_iterable(arrays)))


def of_values(value: Collect) -> Collect:
    """The collector of maps."""
    return lambda maps: value(_held(chain.from_iterable(entries.values() for entries in maps)))


def of_fields(fields: Mapping[str, Collect | None]) -> Collect | None:
    """The collector of objects, from those of their attributes; None where they hold no number."""
    collectors: list[Collect] = []
    plain = [attribute for attribute, collect in fields.items() if collect is themselves]
    if len(plain) == 1:
        number = attrgetter(plain[0])
        collectors.append(lambda objects: map(number, objects))
    elif plain:
        numbers = attrgetter(*plain)
        collectors.append(lambda objects: chain.from_iterable(map(numbers, objects)))
    for attribute, collect in fields.items():
        if collect is not None and collect is not themselves:
            collectors.append(_of_field(attrgetter(attribute), collect))
    if len(collectors) <= 1:
        return collectors[0] if collectors else None
    return lambda objects: chain.from_iterable([collect(objects) for collect in collectors])


def _of_field(held: Callable[[Any], Any], collect: Collect) -> Collect:
    return lambda objects: collect(_held(map(held, objects)))


def _held(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None and value is not UNSET]
