"""A request's body as JSON, strictly: RFC 8259 in UTF-8, numbers exact, names given twice remembered as a mistake."""

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any

from contracts.body_faults import Faults

VALUES_MAX = 5_000
"""How many members and items a body holds in all. Some rules cost more than a value is long: a pattern is one."""
DIGITS_MAX = 400
EXPONENT_MAX = 308
"""Numbers from 1e309 on, and such with more digits, no reader holds: what reads as infinity is not passed on."""
_EXPONENT_MIN = -400


class Absurd:
    """Stands for a number that is not read."""


ABSURD = Absurd()


class Twice(dict[str, Any]):
    """An object in which `names` are given more than once."""

    names: tuple[str, ...] = ()


def read_json(body: bytes, faults: Faults) -> Any:
    """The value: dict, list, str, bool, None, int, Decimal, ABSURD for NaN, Infinity and numbers beyond all bounds.

    None and a fault when it is no JSON; a byte order mark is none. What nests too deep for the reader is not taken,
    nor are more than VALUES_MAX values.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=lambda _: ABSURD,
        )
    except UnicodeDecodeError:
        return faults.add((), "encoding")
    except json.JSONDecodeError as error:
        return faults.add((), "json", line=error.lineno, column=error.colno)
    except RecursionError:
        return faults.add((), "depth")
    return value if _values(value) <= VALUES_MAX else faults.add((), "values", limit=VALUES_MAX)


def is_text(value: str) -> bool:
    """Whether every backend can hold it: no U+0000, and Unicode characters alone (an escape can spell half of one)."""
    return "\0" not in value and (value.isascii() or _SURROGATE.search(value) is None)


_SURROGATE = re.compile("[\ud800-\udfff]")


def _values(value: Any) -> int:
    """How many members and items there are at any depth."""
    count, left = 0, [value]
    while left:
        inner = left.pop()
        if isinstance(inner, dict | list):
            count += len(inner)
            left.extend(inner.values() if isinstance(inner, dict) else inner)
    return count


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    twice = Twice(members)
    twice.names = tuple(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return twice


def _integer(text: str) -> int | Absurd:
    return int(text) if len(text) <= EXPONENT_MAX + 1 else ABSURD


def _number(text: str) -> Decimal | Absurd:
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > DIGITS_MAX or len(exponent) > 6:
        return ABSURD
    number = Decimal(text)
    return number if not number or _EXPONENT_MIN <= number.adjusted() <= EXPONENT_MAX else ABSURD
